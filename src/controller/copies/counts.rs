//! How many copies there are.

use super::decide::Action;
use super::state::State;

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
    /// Deleted, and held by a finalizer.
    pub terminating: usize,
}

impl Counts {
    /// Counts all copies.
    pub fn of(state: &State) -> Self {
        let mut counts = Self::default();
        state.each(|_, wanted, _, action| {
            counts.wanted += usize::from(wanted.is_some());
            match action {
                Action::InPlace => counts.in_place += 1,
                Action::Foreign if wanted.is_some() => counts.foreign += 1,
                Action::NoSource(_) => counts.without_source += 1,
                Action::Retained => counts.retained += 1,
                Action::Terminating => counts.terminating += 1,
                _ => {}
            }
        });
        counts
    }
}
