//! A view of commits from outside, for tests that end the process in the middle of one.

/// Which side of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Nothing is durable yet.
    Before,
    /// It is durable, and nobody has been told.
    After,
}

/// Is called around every durable commit.
pub trait CommitProbe: Send + Sync {
    /// The commit with this name is about to be made, or was made. The names are those of the ports'
    /// methods.
    fn reached(&self, commit: &'static str, moment: Moment);
}
