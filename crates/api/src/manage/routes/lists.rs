//! What all lists share: how long a page is, and what a page looks like.

use serde::Serialize;

/// How many rows a page has if nothing is said.
pub(super) const USUAL: u32 = 50;

/// A page of a list.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Page<T> {
    /// The rows.
    pub(super) data: Vec<T>,
    /// What to hand in to get the page after this one; `null` at the end.
    pub(super) next: Option<String>,
}

impl<T> Page<T> {
    /// A page that has another after it if it is full.
    pub(super) fn of<R>(rows: Vec<R>, limit: u32, key: impl Fn(&R) -> String) -> Self
    where
        T: From<R>,
    {
        let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let next = rows.last().filter(|_| is_full).map(key);
        Self { data: rows.into_iter().map(T::from).collect(), next }
    }
}
