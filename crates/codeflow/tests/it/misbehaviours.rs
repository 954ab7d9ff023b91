//! What becomes of a call whose provider misbehaves: a table of misbehaviours, with the outcome that the client sees and
//! the calls that the providers counted. It holds for every dialect behind the gateway, for clients of both kinds.

use codeflow_testkit::providers::{
    Format, LineEnd, Manner, Misbehaviour, Moment, ProviderServer, Rechunking, Refusal, Reply, Shape,
    UsagePlace, Wait, When,
};

use crate::served::{NO_BREAKER, Served, provider};
use crate::wire::{Ask, Sdk, Told};
use End::{Answers, Breaks, Refuses};
use Misbehaviour as M;
use Shape::{Stream, Whole};

mod table;

use table::{Row, rows};

/// What the client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A whole answer.
    Answers,
    /// A stream that says that it broke, and does not end as if it were whole.
    Breaks,
    /// An error with this status.
    Refuses(u16),
}

/// What the second provider says, so that nobody takes its words for the first one's.
const SECOND: &str = "From the second.";

/// What was counted over the whole table.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    retries: u64,
    fallbacks: u64,
}

/// A gateway with one provider that misbehaves and one that does not. The first is known by two names: under the second
/// one, it is given little time.
struct Bench {
    served: Served,
    first: ProviderServer,
    second: ProviderServer,
}

impl Bench {
    async fn new(format: Format) -> Self {
        let first = ProviderServer::start().await.expect("a port is free");
        let second = ProviderServer::start().await.expect("a port is free");
        second.always(Reply::text(SECOND));
        let settings = [
            NO_BREAKER.to_owned(),
            provider("first", format, &first),
            provider("hasty", format, &first),
            "first_token_timeout = \"150ms\"\nbetween_tokens_timeout = \"150ms\"\ntotal_timeout = \"150ms\"\n".to_owned(),
            provider("second", Format::OpenAi, &second),
            // A provider that asks for a pause gets it, so that each call has a model of its own.
            rows(format).enumerate().map(|(number, row)| routes(number, &row)).collect(),
        ];
        Self { served: Served::start(&settings.concat()).await, first, second }
    }

    /// Makes the call of a row, and says how it differs from what the row foresees.
    async fn judge(&self, number: usize, row: &Row, sdk: Sdk) -> Option<String> {
        if row.once {
            self.first.next(row.trouble);
        } else {
            self.first.always(row.trouble);
        }
        let before = [self.first.counters().requests, self.second.counters().requests];
        let ask = Ask::new(sdk, &route(number, sdk));
        let ask = if row.shape == Stream { ask.streamed() } else { ask };
        let told = ask.to(self.served.address).await;
        let after = [self.first.counters().requests, self.second.counters().requests];
        self.first.always(Reply::default());

        let calls = [after[0] - before[0], after[1] - before[1]];
        let end = end(&told, row.shape);
        let evidence = evidence(&told, row, calls);
        let is_right = end == Ok(row.end) && calls == row.calls && evidence.is_none();
        (!is_right).then(|| format!("{row}, {sdk:?}: {end:?} {calls:?} {}", evidence.unwrap_or_default()))
    }
}

/// The name by which the call of a row is made.
fn route(number: usize, sdk: Sdk) -> String {
    format!("row-{number}-{sdk:?}").to_lowercase()
}

fn routes(number: usize, row: &Row) -> String {
    let name = if row.hasty { "hasty" } else { "first" };
    let route = |sdk| {
        let route = route(number, sdk);
        format!("[routes.{route}]\nmodels = [\"{name}/{route}\", \"second/m\"]\n")
    };
    [Sdk::OpenAi, Sdk::Anthropic].map(route).concat()
}

/// What the client saw; or something that it must never see.
fn end(told: &Told, shape: Shape) -> Result<End, String> {
    if told.status != 200 {
        let has_error = told.json()["error"]["message"].is_string() && told.whole;
        return if has_error {
            Ok(Refuses(told.status))
        } else {
            Err(format!("no error, but {}", told.status))
        };
    }
    let is_complete = [Reply::TEXT, SECOND].contains(&told.words().as_str());
    match (shape, told.error_event(), told.ends_well()) {
        (Whole, None, _) if told.whole && is_complete => Ok(Answers),
        (Stream, None, true) if is_complete => Ok(Answers),
        (Stream, Some(_), false) => Ok(Breaks),
        (_, error, ends_well) => {
            Err(format!("error {error:?}, ends well {ends_well}, says {:?}", told.words()))
        }
    }
}

/// What is wrong with the headers that tell how the answer came about.
fn evidence(told: &Told, row: &Row, calls: [u64; 2]) -> Option<String> {
    let attempts = told.header("x-codeflow-attempts");
    let provider = told.header("x-codeflow-provider");
    let trail = told.header("x-codeflow-trail").split(", ").filter(|it| !it.is_empty()).count() as u64;
    let name = if row.hasty { "hasty" } else { "first" };
    let asked = calls[0] + calls[1];
    let missed = if matches!(row.end, Refuses(_)) { asked } else { asked.saturating_sub(1) };
    let right = attempts == asked.to_string()
        && provider == if calls[1] > 0 { "second" } else { name }
        && trail == missed
        && told.header("x-request-id").starts_with("req_");
    (!right).then(|| {
        format!("attempts {attempts}, provider {provider}, trail {:?}", told.header("x-codeflow-trail"))
    })
}

/// Runs the table against one dialect.
async fn run(format: Format) {
    let bench = Bench::new(format).await;
    let mut wrong = Vec::new();
    let mut sums = [Sums::default(), Sums::default()];
    for (number, row) in rows(format).enumerate() {
        // Where time plays a part, one kind of client is enough.
        let sdks = if row.hasty { &[Sdk::OpenAi][..] } else { &[Sdk::OpenAi, Sdk::Anthropic] };
        for sdk in sdks {
            wrong.extend(bench.judge(number, &row, *sdk).await);
            let sum = &mut sums[usize::from(row.hasty)];
            sum.retries += row.calls[0].saturating_sub(1);
            sum.fallbacks += row.calls[1];
        }
    }
    assert!(wrong.is_empty(), "{format:?}:\n{}", wrong.join("\n"));

    for (name, sum) in ["first", "hasty"].into_iter().zip(sums) {
        let series = |counter: &str| format!("codeflow_model_{counter}_total{{provider=\"{name}\"");
        let retries = bench.served.sum(&series("retries")).await;
        let fallbacks = bench.served.sum(&series("fallbacks")).await;
        let counted = Sums { retries: retries as u64, fallbacks: fallbacks as u64 };
        assert_eq!(counted, sum, "the metrics of `{name}`");
    }
    let mut served = bench.served;
    assert!(served.stop().await);
}

#[tokio::test]
async fn a_call_survives_what_openai_does_or_says_so() {
    run(Format::OpenAi).await;
}

#[tokio::test]
async fn a_call_survives_what_anthropic_does_or_says_so() {
    run(Format::Anthropic).await;
}

#[tokio::test]
async fn a_call_survives_what_gemini_does_or_says_so() {
    run(Format::Gemini).await;
}

#[tokio::test]
async fn a_call_survives_what_ollama_does_or_says_so() {
    run(Format::Ollama).await;
}

#[tokio::test]
async fn a_call_survives_what_cohere_does_or_says_so() {
    run(Format::Cohere).await;
}

#[tokio::test]
async fn a_call_survives_what_bedrock_does_or_says_so() {
    run(Format::Bedrock).await;
}
