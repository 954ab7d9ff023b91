//! Embeddings as OpenAI's SDKs ask for them.

use codeflow_api::{Embeddings, ErrorKind, VectorFormat};
use codeflow_model::{EmbedInput, EmbedRequest, EmbedResponse, Usage};
use serde_json::{Value, json};

use crate::streams::stamp;

fn decode(body: &Value) -> Result<codeflow_api::DecodedEmbed, codeflow_api::Error> {
    Embeddings::decode(body.to_string().as_bytes())
}

#[test]
fn inputs_come_in_four_forms() {
    let input =
        |input: Value| decode(&json!({ "model": "e", "input": input })).expect("is fine").request.input;
    let text = |text: &str| EmbedInput::Text(text.into());

    assert_eq!(input(json!("a")), [text("a")]);
    assert_eq!(input(json!(["a", "b"])), [text("a"), text("b")]);
    assert_eq!(input(json!([1, 2])), [EmbedInput::Tokens(vec![1, 2])]);
    assert_eq!(input(json!([[1], [2, 3]])), [EmbedInput::Tokens(vec![1]), EmbedInput::Tokens(vec![2, 3])]);
}

#[test]
fn every_setting_is_read_and_what_is_unknown_is_named() {
    let body = json!({ "model": "e", "input": "a", "dimensions": 256, "user": "u",
        "encoding_format": "base64", "truncate": true });

    let decoded = decode(&body).expect("is fine");

    let request =
        EmbedRequest { dimensions: Some(256), user: Some("u".into()), ..EmbedRequest::new("e", ["a"]) };
    assert_eq!((decoded.request, decoded.format), (request, VectorFormat::Base64));
    assert_eq!(decoded.dropped, ["truncate"]);
}

#[test]
fn what_is_wrong_is_named() {
    let many: Vec<_> = (0..2049).map(|_| "a").collect();
    for (body, path) in [
        (json!({ "input": "a" }), "model"),
        (json!({ "model": "e" }), "input"),
        (json!({ "model": "e", "input": [] }), "input"),
        (json!({ "model": "e", "input": many }), "input"),
        (json!({ "model": "e", "input": { "a": 1 } }), "input"),
        (json!({ "model": "e", "input": ["a", 1] }), "input[1]"),
        (json!({ "model": "e", "input": [[1], []] }), "input[1]"),
        (json!({ "model": "e", "input": [1, "a"] }), "input"),
        (json!({ "model": "e", "input": [-1] }), "input"),
        (json!({ "model": "e", "input": "a", "dimensions": 0 }), "dimensions"),
        (json!({ "model": "e", "input": "a", "encoding_format": "hex" }), "encoding_format"),
    ] {
        let error = decode(&body).expect_err("is refused");
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidField, Some(path)));
    }
}

#[test]
fn vectors_are_written_as_numbers_or_as_their_bytes() {
    let usage = Usage { input: Some(3), ..Usage::default() };
    let response = EmbedResponse { model: "e1".into(), vectors: vec![vec![1.0, -0.5], vec![0.25]], usage };
    let write = |format| -> Value {
        serde_json::from_slice(&Embeddings::encode(&response, format, &stamp())).expect("is JSON")
    };

    let item = |index: usize, embedding: Value| json!({ "object": "embedding", "index": index, "embedding": embedding });
    let list = |data: Value| json!({ "object": "list", "model": "e1", "data": data, "usage": { "prompt_tokens": 3, "total_tokens": 3 } });
    assert_eq!(
        write(VectorFormat::Float),
        list(json!([item(0, json!([1.0, -0.5])), item(1, json!([0.25]))]))
    );
    assert_eq!(
        write(VectorFormat::Base64),
        list(json!([item(0, json!("AACAPwAAAL8=")), item(1, json!("AACAPg=="))]))
    );
}
