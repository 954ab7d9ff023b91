//! Changes under way when their client goes away and when the server ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_api::{Control, Executions, NewRerun, NewStart, Sight};
use codeflow_core::workflow::StepName;
use codeflow_core::{ExecutionId, Tenant};
use codeflow_engine::{
    Error, ErrorKind, ExecutionFilter, ExecutionRecord, FactPlace, LogLine, Recorded, Snapshot,
};
use tokio::sync::Semaphore;

use super::house::{House, Plan};
use crate::live::Line;

const SOON: Duration = Duration::from_secs(5);
const ID: &str = "exec_01933b1e0000700080000000000000aa";

/// Takes as long as it is told to.
struct Slow {
    came: Semaphore,
    go: Semaphore,
    is_done: AtomicBool,
}

fn nothing<T>() -> Result<T, Error> {
    Err(Error::new(ErrorKind::NotFound, "nothing is here"))
}

#[async_trait]
impl Executions for Slow {
    async fn start(&self, _: &Tenant, _: NewStart) -> Result<(ExecutionRecord, bool), Error> {
        nothing()
    }

    async fn list(&self, _: &Tenant, _: ExecutionFilter, _: u32) -> Result<Vec<ExecutionRecord>, Error> {
        nothing()
    }

    async fn get(&self, _: &Tenant, _: ExecutionId) -> Result<Snapshot, Error> {
        nothing()
    }

    async fn steps(&self, _: &Tenant, _: ExecutionId, _: Option<&StepName>) -> Result<Sight, Error> {
        nothing()
    }

    async fn facts(
        &self,
        _: &Tenant,
        _: ExecutionId,
        _: (Option<FactPlace>, u32),
    ) -> Result<Vec<Recorded>, Error> {
        nothing()
    }

    async fn rerun(&self, _: &Tenant, _: ExecutionId, _: NewRerun) -> Result<(ExecutionRecord, bool), Error> {
        nothing()
    }

    async fn logs(&self, _: &Tenant, _: ExecutionId, _: u32, _: u32) -> Result<Vec<LogLine>, Error> {
        nothing()
    }

    async fn control(&self, _: &Tenant, _: ExecutionId, _: &str, _: Control) -> Result<(), Error> {
        self.came.add_permits(1);
        self.go.acquire().await.expect("nobody closes it").forget();
        self.is_done.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// A server with a change under way whose client has gone.
async fn left_alone() -> (House, Arc<Slow>) {
    let slow =
        Arc::new(Slow { came: Semaphore::new(0), go: Semaphore::new(0), is_done: AtomicBool::new(false) });
    let mut plan = Plan::new().await;
    plan.manage.executions = Some(Arc::clone(&slow) as _);
    let house = plan.build().await;
    let mut line = Line::open(&house.live).await;
    let head = format!("authorization: Bearer {}\r\ncontent-type: application/json", house.tokens["user"]);
    line.say(&format!(
        "POST /api/v1/executions/{ID}/cancel HTTP/1.1\r\nhost: x\r\n{head}\r\ncontent-length: 2\r\n\r\n{{}}"
    ))
    .await;
    let came = tokio::time::timeout(SOON, slow.came.acquire()).await;
    came.expect("the change begins").expect("nobody closes it").forget();
    drop(line);
    assert!(house.live.tasks.shut_down(SOON).await, "the connection is over");
    (house, slow)
}

#[tokio::test]
async fn a_change_whose_client_is_gone_is_waited_for_when_the_server_ends() {
    let (house, slow) = left_alone().await;

    let (settled, ()) = tokio::join!(house.live.api.settle(SOON), async {
        assert!(!slow.is_done.load(Ordering::SeqCst));
        slow.go.add_permits(1);
    });

    assert!(settled && slow.is_done.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_change_that_does_not_end_in_time_is_told() {
    let (house, slow) = left_alone().await;

    let settled = house.live.api.settle(Duration::from_millis(50)).await;

    assert!(!settled && !slow.is_done.load(Ordering::SeqCst));
}
