//! From the bytes of a reply to its cost: what providers report, counted once and priced as a hand computes it, in
//! micro-dollars. A reply that is handed on costs the same as one that is decoded.

use std::sync::Arc;

use codeflow_core::Usd;
use codeflow_model::{BilledTokens, Fold, Registry, Service, Terms, Usage};
use codeflow_providers::{
    Anthropic, Compatibility, Dialect, FrameError, Gemini, Keep, Limits, OpenAi, RawFrames,
};
use serde_json::{Value, json};

use crate::support::{fixture, read, sse};

fn openai() -> Arc<OpenAi> {
    Arc::new(OpenAi::new("openai", Compatibility::default()))
}

fn anthropic() -> Arc<Anthropic> {
    Arc::new(Anthropic::new("anthropic"))
}

fn gemini() -> Arc<Gemini> {
    Arc::new(Gemini::new("gemini"))
}

fn frames(frames: &[Value]) -> Vec<u8> {
    let frames: Vec<_> = frames.iter().map(Value::to_string).collect();
    sse(&frames.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The last word of a stream about its usage, also when it is cut.
fn streamed<D: Dialect>(dialect: &Arc<D>, bytes: &[u8]) -> Usage {
    let mut fold = Fold::default();
    for event in read(dialect, [bytes]).0 {
        fold.push(event).expect("fits");
    }
    fold.usage()
}

/// The same of a stream that is handed on.
fn handed_on<D: Dialect>(dialect: &Arc<D>, bytes: &[u8]) -> Usage {
    let (mut state, mut usage) = (D::Stream::default(), Usage::default());
    let (_, end) = RawFrames::new(Limits::default()).push(bytes.to_vec().into(), |frame| {
        let seen = dialect.tap_frame(&mut state, frame).expect("is no error");
        usage.update(seen.tap.usage.unwrap_or_default());
        Ok::<_, FrameError>(Keep::Shown)
    });
    end.expect("fits");
    usage
}

fn cost(model: &str, usage: Usage, service: Service<'_>) -> u64 {
    let entry = Registry::builtin().find(model).expect("the model is known");
    let prices = entry.prices.as_ref().expect("its prices are known");
    let tokens = BilledTokens::of(&usage).expect("the report is complete");
    prices.cost(&tokens, Terms { service, region: None }).map(Usd::micros).expect("its prices are complete")
}

/// A streamed chat completion that ends with this report.
fn completion(usage: Value) -> Vec<u8> {
    let mut bytes = frames(&[
        json!({ "choices": [{ "index": 0, "delta": { "content": "a" }, "finish_reason": null }], "usage": null }),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }], "usage": null }),
        json!({ "choices": [], "usage": usage }),
    ]);
    bytes.extend(sse(&["[DONE]"]));
    bytes
}

#[test]
fn a_streamed_chat_completion_costs_what_the_hand_computed() {
    let table = [
        // The fixture: 20 in, 16 of them read; 9 out, 4 of them thoughts.
        // 4 x 2 + 16 x 0.2 + 9 x 10 = 8 + 3.2 + 90 = 101.2, up to 102
        ("gpt-6-sol", fixture("openai", "text.sse"), 102),
        // 300 x 2 + 600 x 0.2 + 100 x 2.5 + 50 x 10 = 600 + 120 + 250 + 500
        (
            "gpt-6-sol",
            completion(json!({ "prompt_tokens": 1_000, "completion_tokens": 50,
                "prompt_tokens_details": { "cached_tokens": 600, "cache_write_tokens": 100 },
                "completion_tokens_details": { "reasoning_tokens": 20 } })),
            1_470,
        ),
        // long, because what was read counts: 28,000 x 4 + 272,000 x 0.4 + 10 x 15 = 112,000 + 108,800 + 150
        (
            "gpt-6-sol",
            completion(json!({ "prompt_tokens": 300_000, "completion_tokens": 10,
                "prompt_tokens_details": { "cached_tokens": 272_000 } })),
            220_950,
        ),
        // nothing is said about the cache: 1,000 x 2.5 + 100 x 10
        ("gpt-4o", completion(json!({ "prompt_tokens": 1_000, "completion_tokens": 100 })), 3_500),
    ];
    for (model, bytes, expected) in table {
        assert_eq!(cost(model, streamed(&openai(), &bytes), Service::Standard), expected);
        assert_eq!(cost(model, handed_on(&openai(), &bytes), Service::Standard), expected);
    }
}

#[test]
fn a_chat_completion_in_a_batch_costs_what_the_hand_computed() {
    let body = json!({ "usage": { "prompt_tokens": 1_000, "completion_tokens": 100 },
        "choices": [{ "index": 0, "message": { "content": "a" }, "finish_reason": "stop" }] });

    let usage = openai().decode(body.to_string().as_bytes()).expect("is a reply").usage;

    // 1,000 x 1.25 + 100 x 5
    assert_eq!(cost("gpt-4o", usage, Service::Batch), 1_750);
}

fn start(usage: Value) -> Value {
    json!({ "type": "message_start", "message": { "id": "i", "model": "m", "content": [], "usage": usage } })
}

fn grown(output: u64) -> Value {
    json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": output } })
}

#[test]
fn a_streamed_message_costs_what_the_hand_computed() {
    let kept = json!({ "input_tokens": 3, "cache_read_input_tokens": 4_000, "cache_creation_input_tokens": 500,
        "cache_creation": { "ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 300 },
        "output_tokens": 1 });
    let long = json!({ "input_tokens": 1, "cache_read_input_tokens": 60_000,
        "cache_creation_input_tokens": 40_000, "output_tokens": 1 });
    let stop = json!({ "type": "message_stop" });
    let table = [
        // The fixture: 3 in, 7 written and 10 read beside them; 9 out, of which the start told one.
        // 3 x 5 + 7 x 6.25 + 10 x 0.5 + 9 x 25 = 15 + 43.75 + 5 + 225 = 288.75, up to 289
        ("claude-opus-5", fixture("anthropic", "text.sse"), 289),
        // 3 x 5 + 4,000 x 0.5 + 200 x 6.25 + 300 x 10 + 250 x 25 = 15 + 2,000 + 1,250 + 3,000 + 6,250:
        // later reports replace earlier ones
        ("claude-opus-5", frames(&[start(kept.clone()), grown(100), grown(250), stop.clone()]), 12_515),
        // cut after the first report, and still billed: 15 + 2,000 + 1,250 + 3,000 + 100 x 25
        ("claude-opus-5", frames(&[start(kept), grown(100)]), 8_765),
        // long, because 100,001 went in on all ways: 1 x 0.5 + 60,000 x 0.05 + 40,000 x 0.625 + 8 x 2.5
        // = 0.5 + 3,000 + 25,000 + 20 = 28,020.5, up to 28,021
        ("claude-haiku-5-5", frames(&[start(long), grown(8), stop]), 28_021),
    ];
    for (model, bytes, expected) in table {
        assert_eq!(cost(model, streamed(&anthropic(), &bytes), Service::Standard), expected);
        assert_eq!(cost(model, handed_on(&anthropic(), &bytes), Service::Standard), expected);
    }
}

#[test]
fn thoughts_of_gemini_cost_what_answers_do() {
    let long = frames(&[
        json!({ "candidates": [{ "content": { "parts": [{ "text": "a" }] }, "finishReason": "STOP" }] }),
        json!({ "usageMetadata": { "promptTokenCount": 250_000, "cachedContentTokenCount": 50_000,
            "candidatesTokenCount": 100, "thoughtsTokenCount": 900, "totalTokenCount": 251_000 } }),
    ]);
    let table = [
        // The fixture: 20 in, 16 of them read; 5 out and 4 thoughts beside them.
        // 4 x 1.25 + 16 x 0.125 + (5 + 4) x 10 = 5 + 2 + 90
        (fixture("gemini", "thinking.sse"), Service::Standard, 97),
        // long: 200,000 x 2.5 + 50,000 x 0.25 + (100 + 900) x 15 = 500,000 + 12,500 + 15,000
        (long, Service::Standard, 527_500),
        // a tier of its own: 4 x 2.25 + 16 x 0.225 + 9 x 18 = 9 + 3.6 + 162 = 174.6, up to 175
        (fixture("gemini", "thinking.sse"), Service::Tier("priority"), 175),
    ];
    for (bytes, service, expected) in table {
        assert_eq!(cost("gemini-2.5-pro", streamed(&gemini(), &bytes), service), expected);
    }
}

#[test]
fn a_report_behind_an_empty_one_is_not_overlooked() {
    let hidden = frames(&[
        json!({ "choices": [{ "index": 0, "delta": { "content": "a" } }] }),
        json!({ "a": { "usage": null }, "choices": [], "usage": { "prompt_tokens": 1_000, "completion_tokens": 100 } }),
    ]);

    // 1,000 x 2.5 + 100 x 10
    assert_eq!(cost("gpt-4o", handed_on(&openai(), &hidden), Service::Standard), 3_500);
}

#[test]
fn an_end_behind_a_choice_that_goes_on_is_not_overlooked() {
    let two = json!({ "choices": [
        { "index": 1, "delta": {}, "finish_reason": null },
        { "index": 0, "delta": {}, "finish_reason": "stop" },
    ] });
    let bytes = frames(&[json!({ "choices": [{ "index": 0, "delta": { "content": "a" } }] }), two]);
    let (dialect, mut state, mut finished) = (openai(), Default::default(), false);

    let bytes = [bytes, sse(&["[DONE]"])].concat();
    let (_, end) = RawFrames::new(Limits::default()).push(bytes.into(), |frame| {
        finished = dialect.tap_frame(&mut state, frame).expect("says why it ended").tap.finished;
        Ok::<_, FrameError>(Keep::Shown)
    });

    assert!(end.is_ok() && finished);
}
