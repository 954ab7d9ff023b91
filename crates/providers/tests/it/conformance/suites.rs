//! The dialects, and every rule as a test of each.

use std::sync::Arc;

use codeflow_providers::{Anthropic, Bedrock, Cohere, Compatibility, Gemini, Ollama, OpenAi};

use super::{Frames, Suite, abilities, mutations, replies, streams};

macro_rules! conformance {
    ($module:ident: $($rules:ident :: $rule:ident),+ $(,)?) => {
        mod $module {
            $(#[test]
            fn $rule() {
                super::$rules::$rule(&super::$module());
            })+
        }
    };
    ($($module:ident),+ $(,)?) => {
        $(conformance!($module:
            streams::a_folded_stream_is_the_whole_reply,
            streams::a_stream_cut_anywhere_never_ends_well,
            streams::every_line_end_means_the_same,
            streams::an_error_in_the_stream_says_whether_somebody_else_may_answer,
            streams::bytes_split_anywhere_give_the_same_events,
            replies::replies_keep_their_words_calls_and_reasons,
            replies::what_a_model_said_can_be_said_back,
            replies::nonsense_is_a_bad_response,
            replies::a_key_is_never_shown,
            abilities::what_is_lacking_has_no_fixture,
            abilities::what_cannot_be_said_is_refused_and_the_rest_is_sent,
            abilities::vectors_come_in_the_order_of_their_texts,
            mutations::no_bytes_make_a_decoder_panic,
            mutations::no_changed_fixture_makes_a_decoder_panic,
        );)+
    };
}

conformance!(openai, anthropic, gemini, ollama, cohere, bedrock);

fn openai() -> Suite<OpenAi> {
    Suite {
        dialect: Arc::new(OpenAi::new("openai", Compatibility::default())),
        folder: "openai",
        frames: Frames::Sse,
        broken: "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"code\":null}}\n\n",
        lacks: &[],
        embeds: 2,
    }
}

fn anthropic() -> Suite<Anthropic> {
    Suite {
        dialect: Arc::new(Anthropic::new("anthropic")),
        folder: "anthropic",
        frames: Frames::Sse,
        broken: "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
        lacks: &[],
        embeds: 0,
    }
}

fn gemini() -> Suite<Gemini> {
    Suite {
        dialect: Arc::new(Gemini::new("gemini")),
        folder: "gemini",
        frames: Frames::Sse,
        broken: "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n",
        lacks: &[],
        embeds: 2,
    }
}

/// A server of one's own withholds nothing.
fn ollama() -> Suite<Ollama> {
    Suite {
        dialect: Arc::new(Ollama::new("ollama")),
        folder: "ollama",
        frames: Frames::Ndjson,
        broken: "{\"error\":\"busy\"}\n",
        lacks: &["refusal", "filtered"],
        embeds: 2,
    }
}

fn cohere() -> Suite<Cohere> {
    Suite {
        dialect: Arc::new(Cohere::new("cohere")),
        folder: "cohere",
        frames: Frames::Sse,
        broken: "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"busy\"}}\n\n",
        lacks: &["refusal", "filtered"],
        embeds: 2,
    }
}

fn bedrock() -> Suite<Bedrock> {
    Suite {
        dialect: Arc::new(Bedrock::new("bedrock", "eu-central-1")),
        folder: "bedrock",
        frames: Frames::EventStream,
        broken: "!serviceUnavailableException:{\"message\":\"busy\"}\n",
        lacks: &[],
        embeds: 1,
    }
}
