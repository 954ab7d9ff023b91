//! The document: all of it is told, and what is told holds.

use std::collections::BTreeSet;
use std::path::Path;

use codeflow_auth::Permission;
use codeflow_ratelimit::EndpointClass;
use serde_json::Value;

use super::house::House;
use super::script::operations;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/manage.json");

#[tokio::test]
async fn the_document_is_the_one_that_was_reviewed() {
    let document = House::new().await.ask("nobody", "GET /api/openapi.json", None).await.body;
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    if kept.trim_end() == document {
        return;
    }
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manage.json");
    std::fs::write(&made, format!("{document}\n")).expect("there is room");
    panic!("docs/api/manage.json is not what the types say; review {} and copy it there", made.display());
}

#[tokio::test]
async fn every_operation_names_its_permission_and_class_and_no_operation_is_left_out() {
    let house = House::new().await;
    let all = operations(&house.document().await);

    for operation in &all {
        let name = operation.name();
        let class = operation.told["x-codeflow-class"].as_str().expect("it has a class");
        assert!(EndpointClass::ALL.iter().any(|one| one.as_str() == class), "{name}");
        let reason = operation.told["x-codeflow-public"].as_str();
        let security = operation.told["security"].as_array().expect("it says who may");
        match operation.permission() {
            Some(permission) => {
                assert!(permission.parse::<Permission>().is_ok() && reason.is_none(), "{name}");
                assert_eq!(security.len(), 2, "{name}");
            }
            None => assert!(reason.is_some_and(|reason| reason.len() > 10) && security.is_empty(), "{name}"),
        }
        assert!(operation.told["summary"].is_string(), "{name}");
    }
    let ids: BTreeSet<_> = all.iter().filter_map(|one| one.told["operationId"].as_str()).collect();
    assert_eq!(ids.len(), all.len(), "each has a name of its own");
    assert_eq!(described(), all.len(), "the sources describe as many operations as are registered");
}

/// How many operations the sources describe. They are registered at one place, which takes no route without its guard; so
/// any other way to register one is an error, too.
fn described() -> usize {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/manage");
    let mut count = 0;
    let mut folders = vec![folder.into()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir::<std::path::PathBuf>(folder).expect("the sources are there");
        for entry in entries {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).expect("it can be read");
            count += source.matches("#[utoipa::path(").count();
            for other in
                [".route_service(", ".nest(", ".nest_service(", "axum::routing::get", "axum::routing::post"]
            {
                assert!(!source.contains(other), "{}: {other} goes past the desk", path.display());
            }
        }
    }
    count
}

#[tokio::test]
async fn every_schema_is_described_and_what_is_sent_in_is_closed() {
    let document = House::new().await.document().await;
    let schemas = document["components"]["schemas"].as_object().expect("there are schemas");
    assert!(schemas.len() > 20);

    for (name, schema) in schemas {
        let is_page = name.starts_with("Page_");
        assert!(schema["description"].is_string() || is_page, "{name} says not what it is");
        for (field, own) in schema["properties"].as_object().into_iter().flatten() {
            let refers = !own["$ref"].is_null() || !own["oneOf"].is_null();
            assert!(own["description"].is_string() || refers, "{name}.{field} says not what it is");
        }
    }
    for operation in operations(&document) {
        for parameter in ["path", "query", "header"].iter().flat_map(|place| operation.parameters(place)) {
            let (name, about) = (&parameter["name"], operation.name());
            assert!(parameter["description"].is_string(), "{about}: {name}");
            let is_closed = !parameter["example"].is_null()
                || !parameter["schema"]["enum"].is_null()
                || parameter["schema"].to_string().contains("enum");
            assert!(is_closed, "{about}: {name} has no example");
        }
        let Some(schema) = operation.schema() else { continue };
        let reference = schema["$ref"].as_str().expect("bodies have names").trim_start_matches('#');
        let schema = document.pointer(reference).expect("it is there");
        assert_eq!(schema["additionalProperties"], Value::Bool(false), "{}", operation.name());
        assert!(schema["type"] == "object", "{}", operation.name());
    }
}

#[tokio::test]
async fn the_document_refers_only_to_what_it_holds() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = House::new().await.document().await;
    let mut found = Vec::new();
    references(&document, &mut found);

    for reference in found {
        let pointer = reference.strip_prefix('#').expect("it stays within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
