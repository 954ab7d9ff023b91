//! Facts as they stand in a journal, for whoever reads one page by page.

use codeflow_core::execution::Fact;

/// A place in a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactPlace {
    /// The sequence number of the commit.
    pub seq: i64,
    /// The place among the facts of that commit; there may be gaps.
    pub ordinal: u32,
}

/// A fact in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Where it stands.
    pub place: FactPlace,
    /// Its generation.
    pub generation: u32,
    /// The fact.
    pub fact: Fact,
    /// Whether its payload is left out: it is stored by itself, because it is large.
    pub is_cut: bool,
}
