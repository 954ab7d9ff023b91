//! Gemini's generateContent, streamGenerateContent and batchEmbedContents.

use serde_json::{Value, json};

use super::{Refused, Wire, usual_status, vector};
use crate::providers::asked::Asked;
use crate::providers::frames::{Frame, Role};
use crate::providers::reply::tokens;
use crate::providers::{End, Refusal, Reply, Said, UsagePlace, Wait};

pub(super) struct Gemini;

const SIGNATURE: &str = "c2lnbmF0dXJl";

impl Wire for Gemini {
    fn whole(&self, asked: &Asked, reply: &Reply) -> Value {
        let parts: Vec<Value> = reply.said.iter().map(part).collect();
        document(asked, &parts, json!(reason(&reply.end)), usage(reply))
    }

    fn frames(&self, asked: &Asked, reply: &Reply, place: UsagePlace) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut push = |part: Value| {
            let document = document(asked, &[part], Value::Null, Value::Null);
            frames.push(Frame::new(Role::Token, None, &document));
        };
        for said in &reply.said {
            match said {
                Said::Thought(text) => {
                    tokens(text).for_each(|token| push(json!({ "text": token, "thought": true })));
                }
                Said::Text(text) => tokens(text).for_each(|token| push(json!({ "text": token }))),
                // A call comes whole.
                Said::Call { .. } => push(part(said)),
            }
        }
        let (with_reason, apart) = match place {
            UsagePlace::WithReason => (usage(reply), None),
            UsagePlace::Apart | UsagePlace::ApartWithChoice => (Value::Null, Some(usage(reply))),
            UsagePlace::Nowhere => (Value::Null, None),
        };
        let last = document(asked, &[json!({ "text": "" })], json!(reason(&reply.end)), with_reason);
        frames.push(Frame::new(Role::Reason, None, &last));
        if let Some(usage) = apart {
            let mut frame =
                json!({ "usageMetadata": usage, "modelVersion": asked.model, "responseId": "r-1" });
            if place == UsagePlace::ApartWithChoice {
                frame["candidates"] = json!([{ "content": { "role": "model" }, "index": 0 }]);
            }
            frames.push(Frame::new(Role::Closing, None, &frame));
        }
        frames
    }

    fn refusal(&self, asked: &Asked, refusal: Refusal) -> Refused {
        if refusal == Refusal::Filtered {
            // The prompt is not let in, which is no error to Gemini.
            let feedback = json!({ "blockReason": "PROHIBITED_CONTENT" });
            let body = json!({ "promptFeedback": feedback, "modelVersion": asked.model });
            return Refused::new(200, body);
        }
        let (status, word, message) = words(refusal);
        let message = message.replace("{model}", &asked.model);
        let mut error = json!({ "code": status, "message": message, "status": word });
        if let Refusal::RateLimited(Wait::Seconds(seconds)) = refusal {
            let kind = "type.googleapis.com/google.rpc.RetryInfo";
            error["details"] = json!([{ "@type": kind, "retryDelay": format!("{seconds}s") }]);
        }
        Refused::new(status, json!({ "error": error }))
    }

    fn error_frame(&self, asked: &Asked) -> Frame {
        Frame::new(Role::Error, None, &self.refusal(asked, Refusal::Unavailable).body)
    }

    fn vectors(&self, asked: &Asked) -> Value {
        let vector = |text: &String| json!({ "values": vector(text, asked.dimensions) });
        json!({ "embeddings": asked.inputs.iter().map(vector).collect::<Vec<_>>() })
    }

    fn count(&self) -> Value {
        json!({ "totalTokens": 20 })
    }
}

fn part(said: &Said) -> Value {
    match said {
        Said::Thought(text) => json!({ "text": text, "thought": true }),
        Said::Text(text) => json!({ "text": text }),
        Said::Call { name, arguments } => {
            json!({ "functionCall": { "name": name, "args": arguments }, "thoughtSignature": SIGNATURE })
        }
    }
}

fn document(asked: &Asked, parts: &[Value], reason: Value, usage: Value) -> Value {
    let mut candidate = json!({ "content": { "role": "model", "parts": parts }, "index": 0 });
    if !reason.is_null() {
        candidate["finishReason"] = reason;
    }
    let mut document = json!({ "candidates": [candidate], "modelVersion": asked.model, "responseId": "r-1" });
    if !usage.is_null() {
        document["usageMetadata"] = usage;
    }
    document
}

fn reason(end: &End) -> &'static str {
    match end {
        End::Stop | End::StopSequence(_) | End::Tools => "STOP",
        End::Length => "MAX_TOKENS",
        End::Refusal => "PROHIBITED_CONTENT",
        End::Filtered => "SAFETY",
    }
}

/// Thoughts are counted beside the words.
fn usage(reply: &Reply) -> Value {
    let used = reply.tokens;
    json!({
        "promptTokenCount": used.input,
        "cachedContentTokenCount": used.cached,
        "candidatesTokenCount": used.output - used.thoughts,
        "thoughtsTokenCount": used.thoughts,
        "totalTokenCount": used.input + used.output,
    })
}

/// The status, its word and the message.
fn words(refusal: Refusal) -> (u16, &'static str, &'static str) {
    let (word, message) = match refusal {
        Refusal::RateLimited(_) => ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        Refusal::NoCredit => ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
        Refusal::Internal => ("INTERNAL", "An internal error has occurred."),
        Refusal::BadGateway | Refusal::Unavailable | Refusal::Overloaded => {
            ("UNAVAILABLE", "The model is overloaded. Please try again later.")
        }
        Refusal::TimedOut => ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        Refusal::Unauthorized => ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
        Refusal::Forbidden => ("PERMISSION_DENIED", "The caller does not have permission."),
        Refusal::NoModel => ("NOT_FOUND", "models/{model} is not found for API version v1beta."),
        Refusal::TooLong => (
            "INVALID_ARGUMENT",
            "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        Refusal::Filtered | Refusal::Invalid => ("INVALID_ARGUMENT", "Invalid value at 'temperature'."),
    };
    let status = match refusal {
        Refusal::NoCredit => 429,
        Refusal::Overloaded => 503,
        other => usual_status(other),
    };
    (status, word, message)
}
