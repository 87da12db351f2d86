//! Writes that failed, each with its own time to be tried again: one that always fails holds up no other.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::state::Plan;
use crate::cluster::chance::{backoff, chance};

/// After the first failure in a row.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// After many.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// By the name of the Secret, how often its write failed in a row, and when it is tried again.
#[derive(Default)]
pub struct Failing(HashMap<String, (u32, Instant)>);

impl Failing {
    /// When the first of them is tried again.
    pub fn earliest(&self) -> Option<Instant> {
        self.0.values().map(|(_, at)| *at).min()
    }

    /// Whether a write may be tried now.
    pub fn is_due(&self, name: &str) -> bool {
        self.0.get(name).is_none_or(|(_, at)| *at <= Instant::now())
    }

    /// It failed.
    pub fn again(&mut self, name: &str) {
        let failures = self.0.get(name).map_or(0, |(failures, _)| *failures) + 1;
        let pause = backoff(FIRST_RETRY, LONGEST_RETRY, failures, chance());
        self.0.insert(name.to_owned(), (failures, Instant::now() + pause));
    }

    /// It was done.
    pub fn over(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// What is not to be done any more does not count.
    pub fn keep_only(&mut self, plan: &Plan) {
        self.0.retain(|name, _| plan.steps.iter().any(|step| step.name() == name));
    }
}
