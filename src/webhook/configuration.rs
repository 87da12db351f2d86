//! Which configuration is in force: the last good one.

use super::state::ConfigSlot;
use crate::{
    config::{self, Parsed},
    server::ReadyHandle,
    telemetry::{Metrics, metrics::ConfigLoad},
};
use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tracing::{error, info, warn};

/// What requests are answered with after a version was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InForce {
    /// The last good version.
    LastGood,
    /// Nothing: there was no good version yet.
    Nothing,
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastGood => "The last good configuration stays in force",
            Self::Nothing => "There is no configuration in force",
        })
    }
}

/// Takes each version of the configuration, whole or not at all.
pub struct ConfigKeeper {
    slot: Arc<ConfigSlot>,
    ready: ReadyHandle,
    metrics: Arc<Metrics>,
    /// Whether the labels of namespaces can be had.
    has_cluster: bool,
    /// What was offered last, so that the same is not reported twice.
    last: Option<Result<String, String>>,
}

impl ConfigKeeper {
    /// A keeper of this slot. Readiness waits for the first good version.
    pub fn new(
        slot: Arc<ConfigSlot>,
        ready: ReadyHandle,
        metrics: Arc<Metrics>,
        has_cluster: bool,
    ) -> Self {
        Self { slot, ready, metrics, has_cluster, last: None }
    }

    /// Takes a version, or the reason why there is no text.
    ///
    /// # Errors
    /// Why it was refused, if it differs from what was offered last; the last good one stays in
    /// force, and log and metrics have said so.
    pub fn offer(&mut self, origin: &str, text: Result<&str, String>) -> Result<(), String> {
        let offered = text.map(str::to_owned);
        if self.last.as_ref() == Some(&offered) {
            return Ok(());
        }
        let parsed = match &offered {
            Ok(text) => config::parse(text).map_err(|error| error.to_string()),
            Err(reason) => Err(reason.clone()),
        };
        self.last = Some(offered);
        match parsed {
            Ok(parsed) => {
                self.install(origin, parsed);
                Ok(())
            }
            Err(reason) => {
                self.refuse(origin, &reason);
                Err(reason)
            }
        }
    }

    /// What is in force.
    pub fn in_force(&self) -> InForce {
        match self.slot.current() {
            Some(_) => InForce::LastGood,
            None => InForce::Nothing,
        }
    }

    /// There is nothing to take. What is in force stays.
    pub fn absent(&mut self, origin: &str, reason: &str) {
        let offered = Err(reason.to_owned());
        if self.last.as_ref() == Some(&offered) {
            return;
        }
        self.last = Some(offered);
        self.refuse(origin, reason);
    }

    fn install(&self, origin: &str, parsed: Parsed) {
        let Parsed { config, warnings } = parsed;
        for warning in &warnings {
            warn!(origin, "{warning}");
        }
        if !self.has_cluster && config.needs_labels() {
            warn!(
                origin,
                "some rules need the labels of namespaces, and there is no cluster to ask: \
                 they will not apply; pass --kubeconfig, or run in a Pod"
            );
        }
        let metrics = &self.metrics.config;
        metrics.loads.inc(ConfigLoad::Applied);
        metrics.refused.set(0);
        metrics.entries.set(i64::try_from(config.entries().len()).unwrap_or(i64::MAX));
        metrics.applied_at.set(seconds_now());
        info!(origin, entries = config.entries().len(), mode = %config.mode, "configuration in force");
        self.slot.install(config);
        self.ready.ready();
    }

    fn refuse(&self, origin: &str, reason: &str) {
        self.metrics.config.loads.inc(ConfigLoad::Refused);
        self.metrics.config.refused.set(1);
        match self.slot.current() {
            Some(_) => {
                error!(origin, "configuration refused; the last good one stays in force: {reason}");
            }
            None => {
                error!(origin, "configuration refused, and there is none in force: {reason}");
                self.ready.not_ready(format!("{origin}: {reason}"));
            }
        }
    }
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
