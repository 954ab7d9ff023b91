//! Executions over HTTP as somebody drives them from outside, run by a worker over the same database.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow::config::{Environment, Settings};
use codeflow::{Local, Options, Running};
use codeflow_testkit::TestDb;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::environment;
use crate::identity::{add_user, call, found, sign_in, text};
use crate::served::Served;
use crate::wire::Told;

const PATIENCE: Duration = Duration::from_secs(30);
const SHIP: &str = "version: 1
name: ship
inputs: { tag: { type: string } }
steps:
  nap: { sleep: 1ms }
  go: { needs: [nap], approval: { expires: 1h } }
  paid: { needs: [go], wait: { event: paid, timeout: 1h } }
outputs: { tag: '${{ inputs.tag }}' }
";

const LEAF: &str = "version: 1\nname: leaf\nsteps: { nap: { sleep: 1ms } }\n";
const LARGE: &str = "version: 1
name: large
inputs: { items: { type: list } }
steps:
  each: { uses: workflow/leaf, for_each: '${{ inputs.items }}' }
  some: { wait: { event: some, timeout: 1h } }
  much: { needs: [some], wait: { event: much, timeout: 1h } }
";

/// A server, a worker beside it, an administrator, and one of another tenant.
struct World {
    served: Served,
    ada: String,
    grace: String,
    worker: Option<Running>,
    _folder: TempDir,
}

impl World {
    async fn new(database: TestDb) -> Self {
        let mut served = Served::start_on(&Arc::new(database), "").await;
        found(&mut served).await;
        let (ada, _) = sign_in(served.address, "ada").await;
        let wish = json!({ "name": "grace", "roles": ["admin"], "tenant": "acme" });
        add_user(served.address, &ada, wish).await;
        let (grace, _) = sign_in(served.address, "grace").await;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut settings = Settings::load(None, &Environment::default()).expect("the defaults are valid");
        settings.database.url = Some(served.database.url().into());
        settings.worker.poll = Duration::from_millis(20);
        let local = Local::open(Options::new(folder.path(), settings, environment())).await;
        let worker = local.expect("the database is there").work().expect("nobody else works here");
        Self { served, ada, grace, worker: Some(worker), _folder: folder }
    }

    fn at(&self) -> SocketAddr {
        self.served.address
    }

    async fn get(&self, path: &str) -> Value {
        let told = call(self.at(), &format!("GET /api/v1/{path}"), &self.ada, None).await;
        assert_eq!(told.status, 200, "{path}: {}", told.text());
        told.json()
    }

    async fn post(&self, path: &str, body: Value) -> Told {
        call(self.at(), &format!("POST /api/v1/{path}"), &self.ada, Some(body)).await
    }

    /// Tells an execution something, which it takes.
    async fn tell(&self, path: &str, body: Value) {
        let told = self.post(path, body).await;
        assert_eq!(told.status, 202, "{path}: {}", told.text());
    }

    async fn start(&self, tag: &str) -> String {
        let body = json!({ "workflow": "ship", "inputs": { "tag": tag } });
        let started = self.post("executions", body).await;
        assert_eq!(started.status, 201, "{}", started.text());
        text(&started, "id")
    }

    /// Looks until it is as it should be.
    async fn until(&self, path: &str, enough: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let seen = self.get(path).await;
            if enough(&seen) {
                return seen;
            }
            assert!(began.elapsed() < PATIENCE, "{path} stays {seen}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_status(&self, id: &str, status: &str) -> Value {
        self.until(&format!("executions/{id}"), |seen| seen["status"] == status).await
    }

    async fn until_waits(&self, id: &str, step: &str) {
        self.until(&format!("executions/{id}/steps/{step}"), |seen| seen["step"]["status"] == "waiting")
            .await;
    }

    /// Everything that pages of two hold.
    async fn pages(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=2{after}")).await;
            let rows = page["data"].as_array().expect("it is a list");
            assert!(rows.len() <= 2);
            all.extend(rows.iter().cloned());
            let Some(next) = page["next"].as_str() else { return all };
            after = format!("&after={next}");
        }
    }

    async fn end(mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop().await;
        }
    }
}

fn statuses(steps: &Value) -> Vec<(String, String)> {
    let steps = steps["data"].as_array().expect("it is a list");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    steps.iter().map(|step| (text(&step["name"]), text(&step["status"]))).collect()
}

fn pairs(list: [(&str, &str); 3]) -> Vec<(String, String)> {
    list.map(|(name, status)| (name.to_owned(), status.to_owned())).to_vec()
}

async fn whole_life(database: TestDb) {
    let world = World::new(database).await;
    let kept = world.post("workflows", json!({ "document": SHIP })).await;
    assert_eq!(kept.status, 201, "{}", kept.text());
    let id = world.start("v1").await;
    let at = format!("executions/{id}");

    world.until_waits(&id, "go").await;
    let waits = world.get(&format!("{at}/steps")).await;
    assert_eq!(statuses(&waits), pairs([("nap", "succeeded"), ("go", "waiting"), ("paid", "pending")]));
    assert_eq!(waits["data"][1]["uses"], "approval");
    assert!(waits["data"][1]["waiting_since"].is_string() && waits["data"][0]["ended_at"].is_string());

    world.tell(&format!("{at}/pause"), json!({ "reason": "lunch" })).await;
    world.until_status(&id, "paused").await;
    world.tell(&format!("{at}/resume"), json!({ "budget_microusd": 2_500_000 })).await;
    world.until_status(&id, "waiting").await;
    let early = world.post(&format!("{at}/restart"), json!({})).await;
    assert_eq!(
        (early.status, early.header("x-codeflow-error")),
        (409, "engine.conflict"),
        "it has not ended"
    );

    world.tell(&format!("{at}/decision"), json!({ "step": "go", "approved": false, "comment": "no" })).await;
    world.until_status(&id, "failed").await;
    let failed = world.get(&format!("{at}/steps")).await;
    assert_eq!(statuses(&failed), pairs([("nap", "succeeded"), ("go", "failed"), ("paid", "skipped")]));
    assert_eq!(failed["data"][1]["error"]["code"], "step.approval_refused");
    assert_eq!(failed["data"][2]["error"]["blocked_by"], "go");
    let go = world.get(&format!("{at}/steps/go")).await;
    assert_eq!(go["step"], failed["data"][1]);
    assert_eq!(call(world.at(), &format!("GET /api/v1/{at}/steps/none"), &world.ada, None).await.status, 404);

    let ghost = world.post(&format!("{at}/restart"), json!({ "from": "none" })).await;
    assert_eq!(ghost.status, 404, "{}", ghost.text());
    world.tell(&format!("{at}/restart"), json!({ "from": "go" })).await;
    world.until_waits(&id, "go").await;
    world.tell(&format!("{at}/decision"), json!({ "step": "go", "approved": true })).await;
    world.until_waits(&id, "paid").await;
    world.tell(&format!("{at}/signal"), json!({ "event": "paid", "payload": { "amount": 12 } })).await;
    let done = world.until_status(&id, "succeeded").await;
    assert_eq!((&done["outputs"]["tag"], &done["generation"]), (&json!("v1"), &json!(1)));
    let paid = world.get(&format!("{at}/steps/paid")).await;
    assert_eq!(paid["outputs"]["payload"], json!({ "amount": 12 }));

    journal(&world, &at, &done).await;
    again(&world, &id).await;
    noted(&world, &id).await;
    world.end().await;
}

/// The journal says all of that, in its order, page by page.
async fn journal(world: &World, at: &str, done: &Value) {
    let facts = world.pages(&format!("{at}/journal")).await;
    let kinds: Vec<_> = facts.iter().filter_map(|fact| fact["kind"].as_str()).collect();
    let seqs: Vec<_> = facts.iter().filter_map(|fact| fact["seq"].as_i64()).collect();
    assert!(seqs.is_sorted() && seqs.last() <= done["seq"].as_i64().as_ref(), "{seqs:?}");
    assert_eq!(
        facts,
        world.get(&format!("{at}/journal?limit=200")).await["data"].as_array().cloned().unwrap_or_default()
    );
    let first = |kind: &str| facts.iter().find(|fact| fact["kind"] == kind).cloned().unwrap_or_default();
    let order = ["waiting", "paused", "resumed", "decided", "restarted", "signalled"];
    let places: Vec<_> = order.iter().map(|kind| kinds.iter().position(|one| one == kind)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{kinds:?}");
    assert_eq!((&first("paused")["reason"], &first("paused")["by"]), (&json!("lunch"), &json!("ada")));
    assert_eq!((&first("decided")["approved"], &first("decided")["path"]), (&json!(false), &json!("go")));
    assert_eq!(first("resumed")["budget_microusd"], 2_500_000);
    assert_eq!(first("restarted")["steps"], json!(["go", "paid"]));
    assert_eq!(first("signalled")["payload"], json!({ "amount": 12 }));
    let settled: Vec<_> = facts.iter().filter(|fact| fact["kind"] == "settled").collect();
    let of = |path: &str, generation: u64| {
        let found = settled.iter().find(|fact| fact["path"] == path && fact["generation"] == generation);
        found.map(|fact| fact["end"]["status"].clone()).unwrap_or_default()
    };
    assert_eq!((of("go", 0), of("go", 1)), (json!("failed"), json!("succeeded")));
}

/// It is started again, as it was and otherwise; versions are listed, and lists are filtered by time.
async fn again(world: &World, id: &str) {
    let second = SHIP.replace("sleep: 1ms", "sleep: 2ms");
    let kept = world.post("workflows", json!({ "document": second })).await;
    let versions = world.pages("workflows/ship/versions").await;
    let latest = text(&kept, "version");
    assert_eq!(versions.len(), 2);
    assert_eq!((&versions[0]["version"], &versions[0]["latest"]), (&json!(latest), &json!(true)));
    assert_eq!(versions[1]["latest"], false);
    let old = versions[1]["version"].as_str().unwrap_or_default();
    let shown = world.get(&format!("workflows/ship/versions/{old}")).await;
    assert_eq!((&shown["document"], &shown["version"]), (&json!(SHIP), &json!(old)));

    let rerun = |body: Value| world.post_rerun(id, body);
    let same = rerun(json!({})).await.json();
    // Times are told in milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let newer = rerun(json!({ "version": "latest", "inputs": { "tag": "v2" } })).await.json();
    let back = rerun(json!({ "version": old })).await.json();
    let unknown = rerun(json!({ "version": "0".repeat(64) })).await;
    assert_eq!((&same["version"], &same["inputs"]["tag"]), (&json!(old), &json!("v1")));
    assert_eq!((&newer["version"], &newer["inputs"]["tag"]), (&json!(latest), &json!("v2")));
    assert_eq!((&back["version"], unknown.status), (&json!(old), 404));

    let ids = |page: &Value| {
        let rows = page["data"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>()
    };
    let from = newer["created_at"].as_str().unwrap_or_default();
    let since = world.get(&format!("executions?since={from}")).await;
    let until = world.get(&format!("executions?until={from}&workflow=ship")).await;
    let bad = call(world.at(), "GET /api/v1/executions?since=yesterday", &world.ada, None).await;
    assert_eq!(ids(&since), [back["id"].clone(), newer["id"].clone()]);
    assert_eq!(ids(&until), [same["id"].clone(), json!(id)]);
    assert_eq!((bad.status, bad.header("x-codeflow-error")), (400, "api.invalid_parameter"));
    for one in [&same, &newer, &back] {
        let id = one["id"].as_str().unwrap_or_default();
        world.tell(&format!("executions/{id}/cancel"), json!({ "reason": "a test" })).await;
    }
}

impl World {
    async fn post_rerun(&self, id: &str, body: Value) -> Told {
        self.post(&format!("executions/{id}/rerun"), body).await
    }
}

/// Each of it is in the audit log, by whoever did it, and the log is whole.
async fn noted(world: &World, id: &str) {
    let me = world.get("me").await;
    let log = world.get("audit?limit=200").await;
    let entries = log["data"].as_array().cloned().unwrap_or_default();
    let mine = |action: &str| -> Vec<Value> {
        entries.iter().filter(|entry| entry["action"] == action).cloned().collect()
    };
    for (action, count) in [
        ("workflow.register", 2),
        ("execution.start", 1),
        ("execution.rerun", 3),
        ("execution.pause", 1),
        ("execution.resume", 1),
        ("execution.decide", 2),
        ("execution.restart", 1),
        ("execution.signal", 1),
        ("execution.cancel", 3),
    ] {
        let found = mine(action);
        assert_eq!(found.len(), count, "{action}: {found:?}");
        for entry in &found {
            assert_eq!((&entry["actor"], &entry["outcome"]), (&me["user"], &json!("done")), "{entry}");
            assert!(entry["address"].is_string() && entry["request_id"].is_string(), "{entry}");
            assert_eq!(entry["tenant"], "default");
        }
    }
    let start = &mine("execution.start")[0];
    assert_eq!((&start["target"], &start["details"]["workflow"]), (&json!(id), &json!("ship")));
    assert_eq!(start["details"]["new"], true);
    assert_eq!(mine("execution.resume")[0]["details"], json!({ "budget_microusd": 2_500_000 }));
    assert_eq!(mine("execution.restart")[0]["details"], json!({ "from": "go" }));
    assert_eq!(
        mine("execution.signal")[0]["details"],
        json!({ "event": "paid" }),
        "nothing that came with it"
    );
    assert_eq!(mine("execution.decide")[0]["details"], json!({ "step": "go", "approved": false }));
    assert_eq!(mine("execution.rerun")[0]["details"]["of"], id);
    let verdict = world.get("audit/verdict").await;
    assert_eq!(verdict["broken"], Value::Null);
    assert_eq!(verdict["entries"].as_u64(), Some(entries.len() as u64), "all of it was looked at");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_is_driven_to_its_end_looked_into_and_noted_over_sqlite() {
    whole_life(TestDb::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_is_driven_to_its_end_looked_into_and_noted_over_postgres() {
    whole_life(TestDb::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_of_another_tenant_is_not_there_and_stays_as_it_is() {
    let world = World::new(TestDb::postgres().await).await;
    let kept = world.post("workflows", json!({ "document": SHIP })).await;
    let version = text(&kept, "version");
    let id = world.start("v1").await;
    world.until_waits(&id, "go").await;
    let theirs = json!({ "document": SHIP });
    let own = call(world.at(), "POST /api/v1/workflows", &world.grace, Some(theirs)).await;
    let start = json!({ "workflow": "ship", "inputs": { "tag": "g" } });
    let hers = text(&call(world.at(), "POST /api/v1/executions", &world.grace, Some(start)).await, "id");
    let before = world.get(&format!("executions/{id}/journal")).await;
    let by_grace = async |what: &str, body: Option<Value>| call(world.at(), what, &world.grace, body).await;

    for path in ["", "/steps", "/steps/go", "/journal", "/logs"] {
        let told = by_grace(&format!("GET /api/v1/executions/{id}{path}"), None).await;
        assert_eq!((told.status, told.header("x-codeflow-error")), (404, "engine.not_found"), "{path}");
    }
    for (path, body) in [
        ("cancel", json!({})),
        ("pause", json!({})),
        ("resume", json!({})),
        ("restart", json!({})),
        ("signal", json!({ "event": "paid" })),
        ("decision", json!({ "step": "go", "approved": true })),
        ("rerun", json!({})),
    ] {
        let told = by_grace(&format!("POST /api/v1/executions/{id}/{path}"), Some(body)).await;
        assert_eq!((told.status, told.header("x-codeflow-error")), (404, "engine.not_found"), "{path}");
    }
    let shown = by_grace(&format!("GET /api/v1/workflows/ship/versions/{version}"), None).await;
    let listed = by_grace("GET /api/v1/workflows/ship/versions", None).await.json();
    let body = json!({ "version": version });
    let borrowed = by_grace(&format!("POST /api/v1/executions/{hers}/rerun"), Some(body)).await;
    assert_eq!((own.status, shown.status, borrowed.status), (201, 404, 404), "{}", borrowed.text());
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    assert_ne!(listed["data"][0]["version"], json!(version), "versions are a tenant's own");
    assert_eq!(world.get(&format!("executions/{id}/journal")).await, before);
    world.end().await;
}

async fn large_results(database: TestDb) {
    let world = World::new(database).await;
    for document in [LEAF, LARGE] {
        let kept = world.post("workflows", json!({ "document": document })).await;
        assert_eq!(kept.status, 201, "{}", kept.text());
    }
    let inputs = json!({ "items": ["x".repeat(9_000), "y"] });
    let started = world.post("executions", json!({ "workflow": "large", "inputs": inputs })).await;
    assert_eq!(started.status, 201, "{}", started.text());
    let id = text(&started, "id");
    let at = format!("executions/{id}");
    let [some, much] = [20 << 10, 1_100_000].map(|size: usize| json!("z".repeat(size)));
    world.tell(&format!("{at}/signal"), json!({ "event": "some", "payload": some })).await;
    world.tell(&format!("{at}/signal"), json!({ "event": "much", "payload": much })).await;
    world.until_status(&id, "succeeded").await;

    let steps = world.get(&format!("{at}/steps")).await;
    let row = |name: &str| {
        let rows = steps["data"].as_array().expect("it is a list");
        rows.iter().find(|row| row["name"] == name).cloned().unwrap_or_default()
    };
    let cut = ["each", "some", "much"].map(|name| row(name)["is_cut"].clone());
    assert_eq!(json!(cut), json!([false, true, true]));
    assert_eq!(row("each")["iterations"], json!({ "done": 2, "all": null }), "the list is large");
    assert_eq!(row("each")["called"].as_array().map(Vec::len), Some(2));
    assert_eq!((&row("some")["status"], &row("much")["status"]), (&json!("succeeded"), &json!("succeeded")));

    let alone = world.get(&format!("{at}/steps/some")).await;
    assert_eq!(alone["step"]["is_cut"], false);
    assert!(alone["outputs"]["payload"] == some, "all of it is there");
    let too_large = world.get(&format!("{at}/steps/much")).await;
    assert_eq!((&too_large["step"]["is_cut"], &too_large["outputs"]), (&json!(true), &Value::Null));
    let each = world.get(&format!("{at}/steps/each")).await;
    assert_eq!(each["outputs"]["items"].as_array().map(Vec::len), Some(2));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_results_of_steps_are_given_one_by_one_or_left_out_over_sqlite() {
    large_results(TestDb::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_results_of_steps_are_given_one_by_one_or_left_out_over_postgres() {
    large_results(TestDb::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_start_and_not_read_starts_nothing_with_inputs_of_others() {
    let world = World::new(TestDb::sqlite().await).await;
    let kept = world.post("workflows", json!({ "document": SHIP })).await;
    assert_eq!(kept.status, 201, "{}", kept.text());
    let id = world.start("secret").await;
    let wish = json!({ "name": "ci", "scopes": ["executions:start"] });
    let key = text(&world.post("me/keys", wish).await, "secret");

    let rerun = async |body: Value| {
        call(world.at(), &format!("POST /api/v1/executions/{id}/rerun"), &key, Some(body)).await
    };
    let (blind, own) = (rerun(json!({})).await, rerun(json!({ "inputs": { "tag": "v2" } })).await);

    assert_eq!((blind.status, blind.header("x-codeflow-error")), (403, "auth.forbidden"));
    assert!(!blind.text().contains("secret"), "{}", blind.text());
    assert_eq!((own.status, &own.json()["inputs"]["tag"]), (201, &json!("v2")));
    world.end().await;
}
