//! What it says when nothing goes wrong.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use codeflow_testkit::providers::{End, Format, ProviderServer, Reply, Said, Shape};
use serde_json::{Value, json};

use super::world::{Got, ask, post};

/// The documents of a stream, each with its event's name.
fn documents(format: Format, got: &Got) -> Vec<(String, Value)> {
    let parse = |text: &str| serde_json::from_str(text).unwrap();
    match format {
        Format::Ollama => got.text().lines().map(|line| (String::new(), parse(line))).collect(),
        Format::Bedrock => {
            let mut decoder = MessageFrameDecoder::new();
            let mut bytes = bytes::Bytes::from(got.bytes());
            let mut found = Vec::new();
            while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut bytes).unwrap() {
                let name = message.headers().iter().find(|header| header.name().as_str() == ":event-type");
                let name = name.unwrap().value().as_string().unwrap().as_str().to_owned();
                found.push((name, serde_json::from_slice(message.payload()).unwrap()));
            }
            found
        }
        Format::OpenAi | Format::Anthropic | Format::Gemini | Format::Cohere => {
            let frame = |frame: &str| {
                let event = frame.lines().find_map(|line| line.strip_prefix("event: ")).unwrap_or("");
                let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
                (data != "[DONE]").then(|| (event.to_owned(), parse(data)))
            };
            got.text().split_terminator("\n\n").filter_map(frame).collect()
        }
    }
}

/// Where the words are in a whole reply, and in a document of a stream.
fn pointers(format: Format) -> (&'static str, &'static str) {
    match format {
        Format::OpenAi => ("/choices/0/message/content", "/choices/0/delta/content"),
        Format::Anthropic => ("/content/0/text", "/delta/text"),
        Format::Gemini => ("/candidates/0/content/parts/0/text", "/candidates/0/content/parts/0/text"),
        Format::Bedrock => ("/output/message/content/0/text", "/delta/text"),
        Format::Ollama => ("/message/content", "/message/content"),
        Format::Cohere => ("/message/content/0/text", "/delta/message/content/text"),
    }
}

#[tokio::test]
async fn every_format_says_the_same_whole_and_in_pieces() {
    let server = ProviderServer::start().await.unwrap();
    for format in Format::ALL {
        let whole = ask(&server, format, Shape::Whole, "Hello").await.unwrap();
        let streamed = ask(&server, format, Shape::Stream, "Hello").await.unwrap();

        assert_eq!((whole.status, streamed.status), (200, 200), "{format:?}");
        let (in_whole, in_stream) = pointers(format);
        assert_eq!(whole.json().pointer(in_whole), Some(&json!(Reply::TEXT)), "{format:?}");
        let documents = documents(format, &streamed);
        let words = documents.iter().filter_map(|(_, it)| it.pointer(in_stream)?.as_str());
        assert_eq!(words.collect::<String>(), Reply::TEXT, "{format:?}");
        assert!(streamed.pieces.len() > 5, "{format:?} came in {} pieces", streamed.pieces.len());
    }
}

#[tokio::test]
async fn streams_have_the_frames_of_their_format_in_order() {
    let server = ProviderServer::start().await.unwrap();
    let names = async |format| {
        let got = ask(&server, format, Shape::Stream, "!words-1").await.unwrap();
        documents(format, &got).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    };

    assert_eq!(
        names(Format::Anthropic).await,
        "message_start ping content_block_start content_block_delta content_block_stop message_delta message_stop"
    );
    assert_eq!(
        names(Format::Bedrock).await,
        "messageStart contentBlockDelta contentBlockStop messageStop metadata"
    );
    assert_eq!(
        names(Format::Cohere).await,
        "message-start content-start content-delta content-end message-end"
    );
    let openai = ask(&server, Format::OpenAi, Shape::Stream, "!words-1").await.unwrap();
    assert!(openai.text().ends_with("data: [DONE]\n\n"));
    let [.., (_, reason), (_, usage)] = &documents(Format::OpenAi, &openai)[..] else { panic!("has frames") };
    assert_eq!(reason["choices"][0]["finish_reason"], "stop");
    assert_eq!((&usage["choices"], &usage["usage"]["prompt_tokens"]), (&json!([]), &json!(20)));
}

#[tokio::test]
async fn tool_calls_stand_side_by_side() {
    let server = ProviderServer::start().await.unwrap();
    server.always(Reply::tools());
    for (format, pointers) in [
        (Format::OpenAi, ["/choices/0/message/tool_calls/0", "/choices/0/message/tool_calls/1"]),
        (Format::Anthropic, ["/content/1", "/content/2"]),
        (Format::Gemini, ["/candidates/0/content/parts/1", "/candidates/0/content/parts/2"]),
        (Format::Bedrock, ["/output/message/content/1", "/output/message/content/2"]),
        (Format::Ollama, ["/message/tool_calls/0", "/message/tool_calls/1"]),
        (Format::Cohere, ["/message/tool_calls/0", "/message/tool_calls/1"]),
    ] {
        let whole = ask(&server, format, Shape::Whole, "Hello").await.unwrap().json();
        for (pointer, city) in pointers.into_iter().zip(["Kyiv", "Zürich"]) {
            let call = whole.pointer(pointer).unwrap().to_string();
            assert!(call.contains("weather") && call.contains(city), "{format:?}: {call}");
        }

        let streamed = ask(&server, format, Shape::Stream, "Hello").await.unwrap();
        let calls = documents(format, &streamed);
        let named = calls.iter().filter(|(_, it)| it.to_string().contains(r#""name":"weather""#));
        assert_eq!(named.count(), 2, "{format:?}");
    }
}

#[tokio::test]
async fn replies_end_for_the_reason_they_were_given() {
    let server = ProviderServer::start().await.unwrap();
    for (reply, openai, anthropic) in [
        (Reply::default(), "stop", "end_turn"),
        (Reply::tools(), "tool_calls", "tool_use"),
        (Reply::length(), "length", "max_tokens"),
        (Reply::stop_sequence(), "stop", "stop_sequence"),
        (Reply::refusal(), "stop", "refusal"),
        (Reply::filtered(), "content_filter", "refusal"),
    ] {
        server.next(reply.clone());
        server.next(reply);
        let first = ask(&server, Format::OpenAi, Shape::Whole, "Hello").await.unwrap().json();
        let second = ask(&server, Format::Anthropic, Shape::Whole, "Hello").await.unwrap().json();

        assert_eq!(first["choices"][0]["finish_reason"], openai);
        assert_eq!(second["stop_reason"], anthropic);
    }
    let own = Reply { said: vec![Said::Text("No.".to_owned())], end: End::Refusal, ..Reply::default() };
    server.next(own);
    let refused = ask(&server, Format::OpenAi, Shape::Whole, "Hello").await.unwrap().json();
    assert_eq!(refused["choices"][0]["message"]["refusal"], "No.");
}

#[tokio::test]
async fn pictures_are_seen() {
    let server = ProviderServer::start().await.unwrap();
    let openai = json!({ "messages": [{ "role": "user", "content": [
        { "type": "text", "text": "What is this?" },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } },
    ] }] });
    let anthropic = json!({ "messages": [{ "role": "user", "content": [
        { "type": "image", "source": { "type": "base64" } },
        { "type": "image", "source": { "type": "url" } },
    ] }] });

    let first = post(&server, "/v1/chat/completions", &openai).await.unwrap().json();
    let second = post(&server, "/v1/messages", &anthropic).await.unwrap().json();

    assert_eq!(first["choices"][0]["message"]["content"], "I see one picture.");
    assert_eq!(second["content"][0]["text"], "I see 2 pictures.");
}

#[tokio::test]
async fn texts_become_vectors() {
    let server = ProviderServer::start().await.unwrap();
    let texts = json!({ "model": "m", "input": ["a", "b"], "texts": ["a", "b"], "requests": [
        { "content": { "parts": [{ "text": "a" }] } }, { "content": { "parts": [{ "text": "b" }] } },
    ] });
    let mut found = Vec::new();
    for (path, first, second) in [
        ("/v1/embeddings", "/data/0/embedding", "/data/1/embedding"),
        ("/v1beta/models/m:batchEmbedContents", "/embeddings/0/values", "/embeddings/1/values"),
        ("/api/embed", "/embeddings/0", "/embeddings/1"),
        ("/v2/embed", "/embeddings/float/0", "/embeddings/float/1"),
    ] {
        let got = post(&server, path, &texts).await.unwrap().json();
        let vectors = [first, second].map(|at| got.pointer(at).unwrap().clone());

        assert_eq!(vectors[0].as_array().unwrap().len(), 4, "{path}");
        assert_ne!(vectors[0], vectors[1], "{path}");
        found.push(vectors);
    }
    assert!(found.iter().all(|vectors| *vectors == found[0]), "the same text gives the same vector");
    let coded = json!({ "input": "a", "encoding_format": "base64", "dimensions": 3 });
    let got = post(&server, "/v1/embeddings", &coded).await.unwrap().json();
    assert_eq!(got["data"][0]["embedding"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn models_are_listed_and_tokens_counted() {
    let server = ProviderServer::start().await.unwrap();

    let models = post(&server, "/v1/models", &Value::Null).await.unwrap().json();
    let count = post(&server, "/v1/messages/count_tokens", &json!({ "messages": [] })).await.unwrap().json();

    assert_eq!(models["data"][1]["id"], "b-model");
    assert_eq!(count, json!({ "input_tokens": 20 }));
}
