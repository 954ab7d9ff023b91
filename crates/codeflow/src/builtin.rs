//! The workflows that come with CodeFlow.

/// A workflow that comes with CodeFlow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its document.
    pub document: &'static str,
}

impl BuiltIn {
    /// Reviews a range of commits.
    pub const PR_REVIEW: Self =
        Self { name: "pr-review", document: include_str!("../../../workflows/pr-review.yaml") };

    /// Looks for secrets in a range of commits.
    pub const SECRET_SCAN: Self =
        Self { name: "secret-scan", document: include_str!("../../../workflows/secret-scan.yaml") };

    /// All of them.
    pub const ALL: [Self; 2] = [Self::PR_REVIEW, Self::SECRET_SCAN];

    /// Finds one by its name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workflow| workflow.name == name)
    }
}
