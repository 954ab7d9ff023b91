//! Documents of workflows, checked and outlined.

use serde_json::json;

use super::house::House;

const SHIP: &str = "version: 1
name: ship
inputs:
  tag: { type: string, description: what to ship }
  dry: { type: boolean, default: true }
steps:
  nap: { sleep: 1ms }
  go: { needs: [nap], approval: {} }
outputs: { tag: '${{ inputs.tag }}' }
";

#[tokio::test]
async fn a_document_is_checked_without_being_kept() {
    let house = House::new().await;
    let check = async |document: &str| {
        let body = json!({ "document": document });
        house.ask("viewer", "POST /api/v1/workflow-checks", Some(&body)).await
    };

    let good = check(SHIP).await;
    let bad = check(&SHIP.replace("needs: [nap]", "needs: [nobody]").replace("1ms", "soon")).await;
    let listed = house.ask("viewer", "GET /api/v1/workflows", None).await.json();
    let kept = house.ask("user", "POST /api/v1/workflows", Some(&json!({ "document": SHIP }))).await;
    let outline = house.ask("viewer", "GET /api/v1/workflows/ship/outline", None).await;
    let theirs = house.ask("other", "GET /api/v1/workflows/ship/outline", None).await;
    let schema = house.ask("viewer", "GET /api/v1/workflow-schema", None).await.json();

    assert_eq!((good.status, &good.json()["name"]), (200, &json!("ship")), "{good:?}");
    assert_eq!((bad.status, bad.code()), (422, "api.invalid_body"));
    assert!(bad.json()["errors"].as_array().is_some_and(|all| all.len() >= 2), "all at once: {bad:?}");
    assert_eq!(listed["data"], json!([]), "nothing is kept");
    assert_eq!(outline.json(), good.json(), "{outline:?}");
    assert_eq!(outline.json()["version"], kept.json()["version"]);
    assert_eq!(
        outline.json()["inputs"],
        json!([
            { "name": "tag", "type": "string", "required": true, "default": null, "description": "what to ship" },
            { "name": "dry", "type": "boolean", "required": false, "default": true, "description": null },
        ])
    );
    assert_eq!(
        outline.json()["steps"],
        json!([
            { "name": "nap", "uses": "sleep", "needs": [] },
            { "name": "go", "uses": "approval", "needs": ["nap"] },
        ])
    );
    assert_eq!(outline.json()["outputs"], json!(["tag"]));
    assert_eq!((theirs.status, theirs.code()), (404, "engine.not_found"));
    assert_eq!(schema["title"], "CodeFlow workflow");
}
