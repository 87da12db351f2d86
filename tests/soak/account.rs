//! What was seen, by kind, and what should not have been, with some of it in words.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Of each kind of failure so many are told in words.
const TOLD: usize = 3;

/// Counts of what many tasks see.
#[derive(Debug, Default)]
pub struct Account {
    counts: Mutex<BTreeMap<String, u64>>,
    failures: Mutex<BTreeMap<String, Vec<String>>>,
    latencies: Mutex<Vec<f64>>,
}

impl Account {
    /// One more of this kind.
    pub fn count(&self, kind: &str) {
        *lock(&self.counts).entry(kind.to_owned()).or_default() += 1;
    }

    /// One more that should not be.
    pub fn fail(&self, kind: &str, told: impl FnOnce() -> String) {
        self.count(kind);
        let mut failures = lock(&self.failures);
        let words = failures.entry(kind.to_owned()).or_default();
        if words.len() < TOLD {
            words.push(told());
        }
    }

    /// One more answer, after so many seconds.
    pub fn took(&self, seconds: f64) {
        lock(&self.latencies).push(seconds);
    }

    /// How many there were of a kind.
    pub fn of(&self, kind: &str) -> u64 {
        lock(&self.counts).get(kind).copied().unwrap_or(0)
    }

    /// All kinds whose names begin so, with their counts.
    pub fn beginning(&self, prefix: &str) -> Vec<(String, u64)> {
        let counts = lock(&self.counts);
        let of_kind = counts
            .iter()
            .filter_map(|(kind, count)| Some((kind.strip_prefix(prefix)?.to_owned(), *count)));
        of_kind.collect()
    }

    /// What should not have been, in words.
    pub fn failures(&self) -> Vec<String> {
        let counts = lock(&self.counts);
        let told = |(kind, words): (&String, &Vec<String>)| {
            let count = counts.get(kind).copied().unwrap_or(0);
            format!("{kind}: {count}, such as:\n    {}", words.join("\n    "))
        };
        lock(&self.failures).iter().map(told).collect()
    }

    /// The seconds that answers took.
    pub fn latencies(&self) -> Vec<f64> {
        lock(&self.latencies).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
