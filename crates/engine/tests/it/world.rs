//! A whole engine for one test: storage in memory, scripted actions, time that passes by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, Settled, State};
use codeflow_core::workflow::{self, StepName, VersionId};
use codeflow_core::{Clock, ExecutionId, MessageId, NoActions, TaskId, Tenant};
use codeflow_engine::{
    Anew, Engine, Error, Event, Journal, Message, MessageBody, NewTask, Observer, Parts, Replay,
    ReplayRequest, Snapshot, StartRequest, Started, Work, WorkerSettings,
};
use codeflow_runtime::Tasks;
use codeflow_testkit::{FaultyStore, MemoryStore, SequentialIds, TokioClock};
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::script::Script;

/// How long a test waits for something, in the time of its runtime.
const PATIENCE: Duration = Duration::from_secs(3 * 3600);

pub(crate) struct World {
    pub(crate) clock: Arc<TokioClock>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) script: Arc<Script>,
    pub(crate) engine: Engine,
    parts: Parts,
    pub(crate) seen: Arc<Seen>,
    tasks: Tasks,
}

/// Remembers events, and wakes who waits for them.
#[derive(Default)]
pub(crate) struct Seen {
    events: Mutex<Vec<Event>>,
    breaks: AtomicBool,
    news: Notify,
}

impl Observer for Seen {
    fn notice(&self, event: Event) {
        let settles = matches!(event, Event::Settled { .. });
        assert!(!(settles && self.breaks.swap(false, Ordering::Relaxed)), "told to break down");
        self.events.lock().unwrap().push(event);
        self.news.notify_waiters();
    }
}

impl Seen {
    /// Panics at the next step that settles.
    pub(crate) fn break_down(&self) {
        self.breaks.store(true, Ordering::Relaxed);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

/// A worker that runs beside the test.
pub(crate) struct Running {
    stop: CancellationToken,
    handle: JoinHandle<Option<Result<(), Error>>>,
}

impl Running {
    /// Stops the worker and waits for its end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.handle.await.expect("the worker was not aborted").expect("it did not panic").expect("it ran");
    }

    /// Takes the worker away from one moment to the next.
    pub(crate) async fn kill(self) {
        self.handle.abort();
        assert!(self.handle.await.unwrap_err().is_cancelled());
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(TokioClock::new());
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new(clock.clone()))));
        let script = Arc::new(Script::new(clock.clone()));
        let seen = Arc::new(Seen::default());
        let parts = Parts {
            store: store.clone(),
            actions: script.clone(),
            clock: clock.clone(),
            ids: Arc::new(SequentialIds::new()),
            observer: seen.clone(),
        };
        let engine = Engine::new(parts.clone());
        Self { clock, store, script, engine, parts, seen, tasks: Tasks::new() }
    }

    /// Another process on the same storage.
    pub(crate) fn other_engine(&self) -> Engine {
        Engine::new(self.parts.clone())
    }

    /// Another process on the same storage, on a machine whose clock is ahead.
    pub(crate) fn engine_ahead(&self, by: Duration) -> Engine {
        let clock = TokioClock::new();
        clock.advance(self.clock.now().since(clock.now()) + by);
        Engine::new(Parts { clock: Arc::new(clock), ..self.parts.clone() })
    }

    /// A scheduler that fires what is due.
    pub(crate) fn schedule(&self, engine: &Engine) -> Running {
        let stop = CancellationToken::new();
        let scheduler = engine.scheduler(Duration::from_secs(1));
        let told = stop.clone();
        let run = async move {
            scheduler.run(told).await;
            Ok(())
        };
        Running { stop, handle: self.tasks.spawn("scheduler", run) }
    }

    /// A worker of the world's own engine.
    pub(crate) fn work(&self) -> Running {
        self.work_as(&self.engine, WorkerSettings::default())
    }

    pub(crate) fn work_as(&self, engine: &Engine, settings: WorkerSettings) -> Running {
        let stop = CancellationToken::new();
        let worker = engine.worker(settings);
        let told = stop.clone();
        let handle = self.tasks.spawn("worker", async move { worker.run(told).await });
        Running { stop, handle }
    }

    /// Registers the workflow and starts it without inputs.
    pub(crate) async fn start(&self, document: &str) -> ExecutionId {
        let (id, started) = self.start_with(document, Map::new(), None).await.expect("it starts");
        assert_eq!(started, Started::Created);
        id
    }

    pub(crate) async fn start_with(
        &self,
        document: &str,
        inputs: Map<String, Value>,
        key: Option<&str>,
    ) -> Result<(ExecutionId, Started), Error> {
        let version = self.register(document).await?;
        let idempotency_key = key.map(str::to_owned);
        self.engine.start(StartRequest { version, inputs, idempotency_key }).await
    }

    /// Keeps a version of a workflow.
    pub(crate) async fn register(&self, document: &str) -> Result<VersionId, Error> {
        self.register_for(&Tenant::default(), document).await
    }

    /// Keeps a version of a tenant's workflow.
    pub(crate) async fn register_for(&self, tenant: &Tenant, document: &str) -> Result<VersionId, Error> {
        let workflow = workflow::parse(document, &NoActions).unwrap_or_else(|wrong| panic!("{wrong}"));
        let workflow = workflow.of(tenant);
        self.engine.register(&workflow, document).await?;
        Ok(workflow.version)
    }

    /// Registers the workflow and starts it through an engine of another process.
    pub(crate) async fn start_on(&self, engine: &Engine, document: &str) -> ExecutionId {
        let workflow = workflow::parse(document, &NoActions).unwrap_or_else(|wrong| panic!("{wrong}"));
        engine.register(&workflow, document).await.expect("storage answers");
        let request = StartRequest { version: workflow.version, inputs: Map::new(), idempotency_key: None };
        engine.start(request).await.expect("it starts").0
    }

    /// Starts the workflow, and works until it has ended.
    pub(crate) async fn run(&self, document: &str) -> View {
        let id = self.start(document).await;
        self.finish(id).await
    }

    /// Works until the execution has ended.
    pub(crate) async fn finish(&self, id: ExecutionId) -> View {
        let worker = self.work();
        let view = self.ended(id).await;
        worker.stop().await;
        view
    }

    pub(crate) async fn view(&self, id: ExecutionId) -> View {
        View::new(self.engine.get(id, None).await.expect("it exists"))
    }

    pub(crate) async fn ended(&self, id: ExecutionId) -> View {
        let view = self.until(id, |view| view.status().is_final()).await;
        self.replays(id).await;
        view
    }

    /// The journal leads to the same end again.
    pub(crate) async fn replays(&self, id: ExecutionId) {
        let replay = self.replay(id, None, Anew::default()).await;
        assert!(replay.is_equal(), "{replay:#?}\n{:#?}", self.view(id).await.snapshot.facts);
    }

    pub(crate) async fn replay(&self, id: ExecutionId, document: Option<&str>, anew: Anew) -> Replay {
        let parse =
            |document| workflow::parse(document, &NoActions).unwrap_or_else(|wrong| panic!("{wrong}"));
        let workflow = document.map(parse).map(Arc::new);
        self.engine.replay(ReplayRequest { id, workflow, anew }).await.expect("it can be replayed")
    }

    pub(crate) async fn standing(&self, id: ExecutionId, status: ExecutionStatus) -> View {
        let view = self.until(id, |view| view.status() == status).await;
        self.replays(id).await;
        view
    }

    /// Waits until the execution looks as wanted; it is looked at whenever an event is told.
    pub(crate) async fn until(&self, id: ExecutionId, wanted: impl Fn(&View) -> bool) -> View {
        let look = async {
            loop {
                let news = self.seen.news.notified();
                let view = self.view(id).await;
                if wanted(&view) {
                    return view;
                }
                news.await;
            }
        };
        match timeout(PATIENCE, look).await {
            Ok(view) => view,
            Err(_) => panic!("it never came to that: {:#?}", self.view(id).await.snapshot),
        }
    }

    /// Leaves a message, whatever the execution's state.
    pub(crate) async fn send(&self, id: ExecutionId, body: MessageBody) {
        let ids = self.parts.ids.as_ref();
        let task = NewTask {
            id: TaskId::generate(ids),
            work: Work::Inbox,
            attempt: 1,
            lane: "default".to_owned(),
            priority: 100,
            fair: 0,
            after: None,
            taken: None,
        };
        let message = Message { id: MessageId::generate(ids), body };
        self.store.send(id, message, task).await.expect("storage answers");
    }

    /// Whether every message was read, now or soon.
    pub(crate) async fn store_inbox_is_empty(&self, id: ExecutionId) -> bool {
        self.store.inbox(id).await.expect("storage answers").is_empty()
    }

    /// Waits until a step was called this many times.
    pub(crate) async fn called(&self, path: &str, times: usize) {
        let look = async {
            while self.script.count(path) < times {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, look).await.expect("the step is called");
    }
}

/// What a test looks at: an execution and the state that its journal leads to.
pub(crate) struct View {
    pub(crate) snapshot: Snapshot,
    pub(crate) state: State,
}

impl View {
    fn new(snapshot: Snapshot) -> Self {
        let state = State::replay(&snapshot.facts);
        Self { snapshot, state }
    }

    pub(crate) fn status(&self) -> ExecutionStatus {
        self.snapshot.record.status
    }

    pub(crate) fn find(&self, step: &str) -> Option<&Settled> {
        self.state.settled(&name(step))
    }

    pub(crate) fn step(&self, step: &str) -> &Settled {
        self.find(step).unwrap_or_else(|| panic!("step `{step}` is not settled"))
    }

    /// The status of a step, as people see it.
    pub(crate) fn is(&self, step: &str) -> &'static str {
        self.find(step).map_or("open", |settled| settled.status.as_str())
    }

    /// The code of the reason why a step did not succeed.
    pub(crate) fn why(&self, step: &str) -> &str {
        self.step(step).error.as_ref().map_or("", |error| error.code.as_str())
    }

    pub(crate) fn outputs(&self, step: &str) -> Value {
        self.step(step).outputs.as_deref().cloned().unwrap_or_default()
    }

    /// The code of the reason why the execution did not succeed.
    pub(crate) fn error(&self) -> &str {
        self.snapshot.record.error.as_ref().map_or("", |error| error.code.as_str())
    }
}

pub(crate) fn name(text: &str) -> StepName {
    text.parse().expect("it is a name")
}

/// A workflow with these steps.
pub(crate) fn workflow(steps: &str) -> String {
    format!("version: 1\nname: test\nsteps:\n{steps}\n")
}
