//! What is due at some time to come: each thing at one time alone. Pure.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::queue::Key;

/// Copies, by when they are due.
#[derive(Debug, Default)]
pub struct Later {
    order: BTreeSet<(Instant, Key)>,
    at: HashMap<Key, Instant>,
}

impl Later {
    /// A copy is due then, and not when it was due before.
    pub fn set(&mut self, key: &Key, at: Instant) {
        self.remove(key);
        self.order.insert((at, key.clone()));
        self.at.insert(key.clone(), at);
    }

    /// It is not.
    pub fn remove(&mut self, key: &Key) {
        if let Some((key, at)) = self.at.remove_entry(key) {
            self.order.remove(&(at, key));
        }
    }

    /// Whether it is due at some time.
    pub fn has(&self, key: &Key) -> bool {
        self.at.contains_key(key)
    }

    /// The next one that is due by now.
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, Key)> {
        self.next().filter(|at| *at <= now)?;
        let (at, key) = self.order.pop_first()?;
        self.at.remove(&key);
        Some((at, key))
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }
}
