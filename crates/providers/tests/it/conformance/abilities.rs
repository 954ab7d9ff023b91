//! What a dialect says it can do, it does; the rest it refuses or leaves out.

use codeflow_model::{ChatRequest, EmbedRequest, ErrorKind, Image, ImageSource, Part, ResponseFormat};
use codeflow_providers::{Dialect, Mode};
use serde_json::json;

use super::{NAMES, Suite};
use crate::support::{ask, body, fixture, hello, tool};

pub(super) fn what_is_lacking_has_no_fixture<D: Dialect>(suite: &Suite<D>) {
    let can = suite.names();
    for name in NAMES {
        let is_there = suite.has_fixture(&format!("{name}.json"));
        assert_eq!(is_there, can.contains(&name), "{name}");
        let is_there = suite.has_fixture(&format!("{name}.{}", suite.extension()));
        assert_eq!(is_there, can.contains(&name), "{name}");
    }
    let embeds = suite.dialect.capabilities().embeddings;
    assert_eq!((suite.has_fixture("embed.json"), suite.embeds > 0), (embeds, embeds));
}

fn with(change: impl FnOnce(&mut ChatRequest)) -> ChatRequest {
    let mut request = hello();
    change(&mut request);
    request
}

pub(super) fn what_cannot_be_said_is_refused_and_the_rest_is_sent<D: Dialect>(suite: &Suite<D>) {
    let can = suite.dialect.capabilities();
    let source = ImageSource::Base64 { media_type: "image/png".into(), data: "iVBORw0KGgo=".into() };
    let image = Part::Image(Image { source, detail: None });
    let schema = json!({ "type": "object", "title": "mark" });
    let format = ResponseFormat::JsonSchema { name: "out".into(), schema, strict: None };
    for (able, request, mark) in [
        (can.images, ask(vec![image]), "iVBORw0KGgo="),
        (can.json_object, with(|it| it.response_format = Some(ResponseFormat::JsonObject)), "json"),
        (can.json_schema, with(|it| it.response_format = Some(format)), "mark"),
        (can.tools, with(|it| it.tools = vec![tool("look_around")]), "look_around"),
    ] {
        let wire = suite.dialect.encode(&request, Mode::Whole);

        match wire {
            Ok(wire) => {
                let text = String::from_utf8(wire.body.to_bytes().to_vec()).expect("is UTF-8");
                assert!(able && text.contains(mark), "{text}");
            }
            Err(error) => assert_eq!((able, error.kind()), (false, ErrorKind::InvalidRequest)),
        }
    }
    // A seed is a wish: who cannot grant it is not told.
    let seeded = body(&*suite.dialect, &with(|it| it.seed = Some(424_242)), Mode::Whole);
    assert_eq!(seeded.to_string().contains("424242"), can.seed);
}

pub(super) fn vectors_come_in_the_order_of_their_texts<D: Dialect>(suite: &Suite<D>) {
    let all = ["first", "second"];
    let request = EmbedRequest::new("m", all.into_iter().take(suite.embeds.max(1)));
    let wire = suite.dialect.encode_embed(&request);
    if !suite.dialect.capabilities().embeddings {
        assert_eq!(wire.expect_err("has none").kind(), ErrorKind::InvalidRequest);
        let decoded = suite.dialect.decode_embed(&request, b"{}");
        assert_eq!(decoded.expect_err("has none").kind(), ErrorKind::InvalidRequest);
        return;
    }

    let sent = String::from_utf8(wire.expect("can be said").body.to_bytes().to_vec()).expect("is UTF-8");
    let reply = suite.dialect.decode_embed(&request, &fixture(suite.folder, "embed.json"));

    assert!(all[..suite.embeds].iter().all(|text| sent.contains(text)), "{sent}");
    let reply = reply.expect("is a reply");
    let expected = [vec![0.5, -1.0], vec![0.25, 2.0]];
    assert_eq!(reply.vectors, expected[..suite.embeds]);
    assert_eq!(reply.usage.output, None);
    let text = String::from_utf8(fixture(suite.folder, "embed.json")).expect("is UTF-8");
    let too_large = text.replacen("-1.0", "1e39", 1);
    assert_ne!(too_large, text);
    let error = suite.dialect.decode_embed(&request, too_large.as_bytes()).expect_err("no float holds it");
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    for nonsense in [&b"{}"[..], b"[]", b"<html>", b"{\"embeddings\":[],\"data\":[]}"] {
        let error = suite.dialect.decode_embed(&request, nonsense).expect_err("is nonsense");
        assert_eq!(error.kind(), ErrorKind::BadResponse);
    }
}
