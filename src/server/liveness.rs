//! What must go on for the process to be alive, and what stands still.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The registry of all that must go on. Clones are the same registry.
#[derive(Clone, Debug, Default)]
pub struct Liveness(Arc<Mutex<BTreeMap<&'static str, Instant>>>);

impl Liveness {
    /// A registry of nothing yet: the process is alive.
    pub fn new() -> Self {
        Self::default()
    }

    /// This goes on, and is heard of again by then.
    pub fn due(&self, what: &'static str, by: Instant) {
        self.expected().insert(what, by);
    }

    /// This is not waited for any more.
    pub fn forget(&self, what: &'static str) {
        self.expected().remove(what);
    }

    /// What was to be heard of by now, and was not.
    pub fn standing_still(&self, now: Instant) -> Vec<&'static str> {
        let expected = self.expected();
        expected.iter().filter(|(_, by)| **by < now).map(|(what, _)| *what).collect()
    }

    fn expected(&self) -> MutexGuard<'_, BTreeMap<&'static str, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
