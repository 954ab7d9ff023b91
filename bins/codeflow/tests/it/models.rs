//! `codeflow models`: what the registry knows, on the terminal and as JSON.

use crate::support::Checkout;

#[test]
fn models_are_listed_by_provider_and_by_what_they_can_do() {
    let folder = Checkout::folder();
    let list = |arguments: &[&str]| {
        let all = [&["models", "list"], arguments].concat();
        folder.codeflow(&all).ends_with(0).stdout
    };

    let groq = list(&["--provider", "groq"]);
    let hearing = list(&["--capability", "audio_in", "--capability", "video_in"]);

    assert_eq!(groq.lines().count(), 3, "{groq}");
    assert!(groq.contains("groq/openai/gpt-oss-20b     131,072     65,536     $0.075       $0.3"), "{groq}");
    assert!(hearing.contains("gemini/gemini-2.5-pro"), "{hearing}");
    assert!(!hearing.contains("openai/"), "{hearing}");
    assert!(list(&[]).lines().count() > 125);
    assert!(list(&["--provider", "openai"]).contains("retired, then gpt-5.6-terra"));
}

#[test]
fn a_list_is_json_on_demand() {
    let folder = Checkout::folder();

    let all = folder.codeflow(&["models", "list", "--format", "json"]).ends_with(0).json();

    assert_eq!(all[0]["provider"], "openai");
    assert_eq!(all[0]["prices"]["input"], "10");
    assert_eq!(all[0]["prices"]["long"]["from_tokens"], 272_001);
}

#[test]
fn a_filter_that_means_nothing_is_wrong_use() {
    let folder = Checkout::folder();

    let provider = folder.codeflow(&["models", "list", "--provider", "acme"]).ends_with(2);
    let capability = folder.codeflow(&["models", "list", "--capability", "flying"]).ends_with(2);

    assert!(
        provider.stderr.contains("there is no provider `acme`; there are anthropic, azure"),
        "{provider:#?}"
    );
    assert!(capability.stderr.contains("vision"), "{capability:#?}");
}

#[test]
fn a_model_shows_all_that_is_known_about_it() {
    let folder = Checkout::folder();
    let show = |id: &str| folder.codeflow(&["models", "show", id]).ends_with(0).stdout;

    let astra = show("gpt-6-astra");
    for line in [
        "openai/gpt-6-astra\n",
        "  longest prompt  922,000\n",
        "  also as         azure/gpt-6-astra\n",
        "  standard        in $10, out $50, cache read $1, cache write $12.5\n",
        "  from 272,001    in $20, out $75, cache read $2, cache write $25\n",
        "  batch           in $5, out $25\n",
        "  flex            in $5, out $25, cache read $0.5\n",
        "  in eu           times 1.1\n",
        "as of 2026-11-20, from the public model price map",
    ] {
        assert!(astra.contains(line), "{line:?} in {astra}");
    }
    assert!(show("text-embedding-3-small").contains("  dimensions      1536\n"));
    assert!(show("gpt-5").contains("  state           ends 2026-12-11, then gpt-5.6-terra\n"));
}

#[test]
fn a_retired_model_is_shown_with_its_successor() {
    let folder = Checkout::folder();

    let text = folder.codeflow(&["models", "show", "claude-3-5-haiku-latest"]).ends_with(0).stdout;
    let json = folder.codeflow(&["models", "show", "o1", "--format", "json"]).ends_with(0).json();

    assert!(text.contains("retired, then claude-haiku-4-5"), "{text}");
    assert!(text.contains("prices are not known"), "{text}");
    assert_eq!((&json["retired"], &json["successor"]), (&true.into(), &"gpt-5.6-terra".into()));
}

#[test]
fn an_unknown_model_is_wrong_use_with_near_misses() {
    let folder = Checkout::folder();

    let said = folder.codeflow(&["models", "show", "claude-sonet-5"]).ends_with(2);

    assert!(said.stderr.contains("did you mean `claude-sonnet-5`"), "{said:#?}");
    assert!(said.stderr.contains("registry.unknown_model"), "{said:#?}");
}

#[test]
fn lints_are_told_and_an_odd_one_closes_the_gate() {
    let folder = Checkout::folder();

    let text = folder.codeflow(&["models", "lint"]);
    let json = folder.codeflow(&["models", "lint", "--format", "json"]);

    // Models end as time goes by, so what is odd depends on the day; the excuses do not.
    assert!(text.stdout.contains("excused  ollama/llama3.1"), "{text:#?}");
    let findings = json.json();
    let findings = findings.as_array().expect("it is a list");
    let odd = findings.iter().filter(|finding| finding["excuse"].is_null()).count();
    assert_eq!(text.code, Some(i32::from(odd > 0)), "{text:#?}");
    assert_eq!(json.code, text.code);
    assert!(text.stdout.contains(&format!("135 models, {odd} odd")), "{text:#?}");
}
