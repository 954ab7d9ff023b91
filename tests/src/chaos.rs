//! Storms of faults over real worker processes, and what must be true after one: random programs with known outcomes,
//! effects that are noted, a database that is restarted, and a verdict in plain SQL.

mod actions;
mod audit;
mod dice;
mod effects;
mod fleet;
mod generate;
mod load;
mod plan;
mod program;
mod server;
mod storm;
mod verdict;

pub use actions::{Actions, UNDO, WORK};
pub use audit::{Audit, Commit};
pub use dice::Dice;
pub use effects::{Effect, Effects};
pub use fleet::{Fleet, WorkerOptions};
pub use generate::{children, everything, program};
pub use load::{Load, engine_over};
pub use plan::{Fault, Plan};
pub use program::{Expected, Outcome, Program};
pub use server::{PostgresServer, Shutdown};
pub use storm::{Storm, StormSettings, storm};
pub use verdict::{Case, Verdict};
