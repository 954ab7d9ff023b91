//! What a model said is shown as what it is: somebody's opinion, with a name and a price.

use codeflow_analysis::{Finding, ModelUse, ReportFormat, Review, Severity};
use codeflow_core::Usd;
use serde_json::{Value, json};

use crate::report::{finding, full_review};

fn used() -> ModelUse {
    ModelUse {
        provider: "openai".to_owned(),
        model: "gpt-5".to_owned(),
        cost: Some(Usd::from_micros(12_300)),
        estimated: false,
        cached: false,
    }
}

fn opinion() -> Finding {
    let rule = "llm/race".to_owned();
    let model = Some("openai/gpt-5".to_owned());
    Finding { rule, model, source: "llm/review".to_owned(), ..finding(Severity::High, "src/c.rs", Some(4)) }
}

fn review() -> Review {
    let mut review = full_review();
    review.findings.push(opinion());
    review.models.push(used());
    review
}

#[test]
fn text_and_markdown_say_whose_opinion_it_is_and_what_it_cost() {
    let text = review().render(ReportFormat::Text);
    let markdown = review().render(ReportFormat::Markdown);

    assert!(text.contains("src/c.rs:4:7  llm/race\n"), "{text}");
    assert_eq!(text.matches("(the opinion of openai/gpt-5)").count(), 1, "{text}");
    assert!(text.contains("\nModels\n  openai/gpt-5, $0.012300\n"), "{text}");
    assert_eq!(markdown.matches("The opinion of ` openai/gpt-5 `.").count(), 1, "{markdown}");
    assert!(markdown.contains("\n### Models\n\n- openai/gpt-5, \\$0.012300\n"), "{markdown}");
}

#[test]
fn sarif_tells_an_opinion_from_a_security_finding() {
    let sarif: Value = serde_json::from_str(&review().render(ReportFormat::Sarif)).unwrap();

    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let rule = |id: &str| rules.iter().find(|rule| rule["id"] == id).unwrap();
    assert_eq!(rule("llm/race")["properties"], json!({ "tags": ["opinion", "llm/review"] }));
    assert_eq!(rule("llm/race")["shortDescription"]["text"], "The opinion of a model.");
    assert_eq!(rule("checks/example")["properties"]["tags"][0], "security");
    let results = run["results"].as_array().unwrap();
    let by_model: Vec<_> =
        results.iter().filter(|result| result["properties"]["model"] == "openai/gpt-5").collect();
    assert_eq!(by_model.len(), 1);
    assert_eq!(run["properties"]["models"][0]["cost"], 12_300);
}

#[test]
fn json_names_the_model_of_an_opinion_and_of_nothing_else() {
    let json: Value = serde_json::from_str(&review().render(ReportFormat::Json)).unwrap();

    let findings = json["findings"].as_array().unwrap();
    let models: Vec<_> = findings.iter().filter_map(|finding| finding.get("model")).collect();
    assert_eq!(models, ["openai/gpt-5"]);
    assert_eq!(json["models"][0]["model"], "gpt-5");
}

#[test]
fn a_price_that_is_unknown_estimated_or_not_paid_is_told_as_such() {
    let told = |change: fn(&mut ModelUse)| {
        let mut used = used();
        change(&mut used);
        used.to_string()
    };

    assert_eq!(told(|used| used.cost = None), "openai/gpt-5, cost unknown");
    assert_eq!(told(|used| used.estimated = true), "openai/gpt-5, about $0.012300");
    assert_eq!(
        told(|used| (used.cached, used.cost) = (true, Some(Usd::ZERO))),
        "openai/gpt-5, $0.00, from the cache"
    );
}

#[test]
fn a_review_from_before_there_were_models_can_still_be_read() {
    let mut json = serde_json::to_value(full_review()).unwrap();
    json.as_object_mut().unwrap().remove("models");

    let read: Review = serde_json::from_value(json).unwrap();

    assert_eq!(read, full_review());
}
