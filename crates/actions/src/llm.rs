//! What the `llm/*` actions share: asking, fencing text off as data, reading answers, and taking the sting out of them.
//! What is asked for is in `builtin`.

mod account;
mod answer;
mod ask;
mod fence;
mod scrub;

pub(crate) use account::OUTPUTS;
pub(crate) use answer::{Answer, Schema};
pub(crate) use ask::{Asker, in_time};
pub(crate) use fence::{Fenced, shown};
pub(crate) use scrub::{line, prose, values};
