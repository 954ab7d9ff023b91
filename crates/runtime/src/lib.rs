//! What a real process runs on: supervised tasks with an orderly end, the system's clock, fresh
//! identifiers. It knows nothing of workflows.
//!
//! ```
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let tasks = codeflow_runtime::Tasks::new();
//! let stop = tasks.stop_token();
//! tasks.spawn("sweeper", async move { stop.cancelled().await });
//! assert!(tasks.shut_down(Duration::from_secs(1)).await);
//! # }
//! ```

mod system;
mod tasks;

pub use system::{SystemClock, SystemIds};
pub use tasks::Tasks;
