//! Secrets that were shared by label and deleted: what they stand for goes later, for it may be that they
//! are made anew, or that all of our namespace goes. Pure: time comes as an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Those Secrets, and until when what they stand for stays.
#[derive(Debug, Default)]
pub struct Gone {
    grace: Duration,
    until: BTreeMap<Box<str>, Instant>,
}

impl Gone {
    /// None yet. What they stand for stays for so long.
    pub fn new(grace: Duration) -> Self {
        Self { grace, until: BTreeMap::new() }
    }

    /// Takes note of Secrets that do not exist.
    pub fn note<'s>(&mut self, names: impl Iterator<Item = &'s str>, now: Instant) {
        for name in names.filter(|_| !self.grace.is_zero()) {
            self.until.entry(name.into()).or_insert(now + self.grace);
        }
    }

    /// Whether what a Secret stands for stays.
    pub fn contains(&self, name: &str) -> bool {
        self.until.contains_key(name)
    }

    /// A Secret is there again.
    pub fn remove(&mut self, name: &str) {
        self.until.remove(name);
    }

    /// Forgets those that have been gone for so long. Whether there were any.
    pub fn forget(&mut self, now: Instant) -> bool {
        let before = self.until.len();
        self.until.retain(|_, until| *until > now);
        self.until.len() != before
    }
}
