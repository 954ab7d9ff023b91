//! What holds for every decoder, whatever it is fed. A fuzzer runs each [`Target`] on bytes of its own making, and the
//! tests of this crate run it on the committed corpus and on changes to it. How a fuzzer is started is not known here.
//!
//! ```
//! let sse = codeflow_fuzzing::target("sse").expect("is one of the targets");
//!
//! sse.run(b"data: 1\r\n\r\n");
//! ```

mod dialects;
mod framing;
mod pieces;
mod requests;
mod seeds;
mod targets;

pub use seeds::write_seeds;
pub use targets::{Target, target};
