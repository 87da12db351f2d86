//! How many copies there are.

/// How many copies there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Wanted by an entry's grant.
    pub wanted: usize,
    /// Of them, as they should be.
    pub in_place: usize,
    /// Of them, where a Secret that is not ours has the name.
    pub foreign: usize,
    /// Of them, without a source that can be used.
    pub without_source: usize,
    /// No longer wanted, and left.
    pub retained: usize,
}
