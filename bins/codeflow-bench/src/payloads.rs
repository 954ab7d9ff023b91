//! What is sent and answered: a small chat, a prompt of 106 KB, a stream of twenty pieces.

use serde_json::json;

/// A model that the registry knows, with its price.
pub(crate) const MODEL: &str = "gpt-4o-mini";

/// The key that the load sends.
pub(crate) const KEY: &str = "cf_bench_0123456789abcdef";

/// The body of a request.
pub(crate) fn request(prompt_bytes: usize, stream: bool) -> String {
    let words = "The quick brown fox jumps over the lazy dog. ";
    let prompt: String = words.chars().cycle().take(prompt_bytes).collect();
    let mut body = json!({
        "model": MODEL,
        "messages": [
            { "role": "system", "content": "You are a helpful assistant." },
            { "role": "user", "content": prompt },
        ],
        "temperature": 0.2,
        "max_tokens": 256,
    });
    if stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({ "include_usage": true });
    }
    body.to_string()
}

/// The body of a whole reply.
pub(crate) fn reply() -> String {
    json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_790_000_000, "model": MODEL,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": "Certainly. Here is a short answer of some twenty words that stands for what a model says.", "refusal": null },
            "logprobs": null, "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": 24, "completion_tokens": 21, "total_tokens": 45,
            "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 0, "audio_tokens": 0 },
        },
        "service_tier": "default", "system_fingerprint": "fp_bench",
    })
    .to_string()
}

/// The frames of a streamed reply.
pub(crate) fn frames(pieces: usize) -> Vec<String> {
    let chunk = |delta: serde_json::Value, finish: serde_json::Value| {
        json!({
            "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": MODEL,
            "service_tier": "default", "system_fingerprint": "fp_bench",
            "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }],
            "usage": null,
        })
    };
    let mut frames = vec![chunk(json!({ "role": "assistant", "content": "", "refusal": null }), json!(null))];
    frames
        .extend((0..pieces).map(|number| chunk(json!({ "content": format!(" word{number}") }), json!(null))));
    frames.push(chunk(json!({}), json!("stop")));
    let usage = json!({ "prompt_tokens": 24, "completion_tokens": pieces, "total_tokens": 24 + pieces });
    let mut last = chunk(json!({}), json!(null));
    last["choices"] = json!([]);
    last["usage"] = usage;
    frames.push(last);
    let mut texts: Vec<String> = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    texts.push("data: [DONE]\n\n".to_owned());
    texts
}
