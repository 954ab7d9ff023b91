//! The outside things that actions work with. So far that is git on this machine, through the `git` program.
//!
//! ```
//! use codeflow_integrations::LocalGit;
//!
//! // A caller that may read the environment hands it in; git gets to see only what it needs of it.
//! let git = LocalGit::new("/srv/checkout", [("PATH".into(), "/usr/bin:/bin".into())]);
//! # let _ = git;
//! ```

mod git;

pub use git::LocalGit;
