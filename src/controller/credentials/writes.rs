//! When each Secret may be written: one whose write always fails, or that somebody keeps undoing, holds up
//! no other.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::plan::Plan;
use crate::cluster::chance::{backoff, chance};
use crate::controller::contest::Contest;

/// After the first failure in a row.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// After many.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// By the name of the Secret.
#[derive(Default)]
pub struct Writes(HashMap<String, Write>);

#[derive(Default)]
struct Write {
    /// In a row.
    failures: u32,
    /// Not before.
    retry: Option<Instant>,
    contest: Contest,
}

impl Write {
    fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        let contested = Some(self.contest.wait(now.into_std())).filter(|wait| !wait.is_zero());
        self.retry.max(contested.map(|wait| now + wait))
    }
}

impl Writes {
    /// When the first of these steps may be tried that have to wait.
    pub fn earliest(&self, plan: &Plan) -> Option<Instant> {
        plan.steps.iter().filter_map(|step| self.0.get(step.name())?.due()).min()
    }

    /// Whether a write may be tried now.
    pub fn is_due(&self, name: &str) -> bool {
        let due = self.0.get(name).and_then(Write::due);
        due.is_none_or(|at| at <= Instant::now())
    }

    /// It failed.
    pub fn failed(&mut self, name: &str) {
        let write = self.0.entry(name.to_owned()).or_default();
        write.failures += 1;
        let pause = backoff(FIRST_RETRY, LONGEST_RETRY, write.failures, chance());
        write.retry = Some(Instant::now() + pause);
    }

    /// It was done. Whether this is the one by which it became plain that somebody keeps undoing it.
    pub fn done(&mut self, name: &str) -> bool {
        let write = self.0.entry(name.to_owned()).or_default();
        (write.failures, write.retry) = (0, None);
        write.contest.repaired(Instant::now().into_std())
    }

    /// Forgets Secrets that have been left alone for long.
    pub fn forget_calm(&mut self) {
        let now = Instant::now().into_std();
        self.0.retain(|_, write| write.failures > 0 || write.contest.is_recent(now));
    }
}
