//! What the controller says about copies: logs, metrics, Events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::Receiver;
use tracing::{error, info, warn};

use super::copy::Wanted;
use super::counts::Counts;
use super::job::Outcome;
use super::options::CopyOptions;
use super::queue::{Key, Queue};
use super::state::State;
use crate::cluster::ObjectName;
use crate::config::Config;
use crate::controller::request::RequestError;
use crate::controller::told::{Telling, Told, reference, telling};
use crate::sources::{Finding, FindingKind};
use crate::telemetry::Label;
use crate::telemetry::Metrics;
use crate::telemetry::copies::{CopyState, CopyWrite};

/// Says what happens to copies.
pub struct Report {
    options: CopyOptions,
    metrics: Arc<Metrics>,
    telling: Telling,
    found: BTreeSet<Finding>,
    /// For each source the Secrets in the way of its copies that are still to be told: how many, and one.
    in_the_way: BTreeMap<Arc<str>, (usize, String)>,
}

impl Report {
    /// Nothing has been said yet. What is told by Events comes out of the other end.
    pub fn new(options: &CopyOptions, metrics: Arc<Metrics>) -> (Self, Receiver<Told>) {
        let (telling, told) = telling();
        let (found, in_the_way) = (BTreeSet::new(), BTreeMap::new());
        (Self { options: options.clone(), metrics, telling, found, in_the_way }, told)
    }

    /// What is wrong with sources. What was wrong before has been told.
    pub fn found(&mut self, found: Vec<Finding>) {
        let found: BTreeSet<_> = found.into_iter().collect();
        let namespace = &*self.options.namespace;
        for finding in found.difference(&self.found) {
            let object = match finding.kind {
                FindingKind::Missing | FindingKind::SharedDeleted => {
                    reference("ConfigMap", namespace, &self.options.config_map.name)
                }
                _ => reference("Secret", namespace, &finding.source),
            };
            self.telling.warn([object], finding.kind.reason(), &finding.note);
        }
        if found.is_empty() && !self.found.is_empty() {
            info!("all sources can be used, and cover the patterns of their entries");
        }
        let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
        self.metrics.copies.source_findings.set(count);
        self.found = found;
    }

    /// A configuration is in force.
    pub fn configured(&self, config: &Config) {
        let entries = config.entries().iter().filter(|entry| entry.source.is_some()).count();
        let config_map = self.options.config_map.to_string();
        info!(config_map, entries, "configuration in force; so many entries have a source");
    }

    /// A configuration was refused. The webhook tells it by an Event.
    pub fn refused(&self, reason: &str) {
        let name = &self.options.config_map;
        error!("ConfigMap {name} refused; copies stay as the last good one says: {reason}");
    }

    /// A watch failed.
    pub fn watch_failed(&self, what: &str, reason: &str) {
        self.metrics.copies.watch_errors.inc();
        warn!("the watch of {what} failed; trying again: {reason}");
    }

    /// What was published before cannot be read.
    pub fn published_refused(&self, reason: &str) {
        let name = self.options.shared();
        warn!("ConfigMap {name} cannot be read and is written anew: {reason}");
    }

    /// What is shared by label was published, or could not be.
    pub fn published(&self, published: &Result<String, RequestError>) {
        let name = self.options.shared();
        match published {
            Ok(_) => info!("published in ConfigMap {name} what is shared by label"),
            Err(RequestError::Refused { code: 404, .. }) => self.not_published(&format!(
                "the ConfigMap {name} does not exist: apply the manifests again, which make it"
            )),
            Err(error) => self.not_published(&error.to_string()),
        }
    }

    fn not_published(&self, reason: &str) {
        self.metrics.copies.failures.inc();
        let note = format!(
            "the webhook does not learn which Secrets are shared by label, trying again: {reason}"
        );
        let ObjectName { namespace, name } = &self.options.config_map;
        self.telling.warn([reference("ConfigMap", namespace, name)], "SharedNotPublished", &note);
    }

    /// Something was done, or found to be done.
    pub fn done(&self, key: &Key, outcome: &Outcome) {
        let Key { namespace, name } = key;
        let (write, what) = match outcome {
            Outcome::Created(_) => (CopyWrite::Created, "made"),
            Outcome::Updated(_) => (CopyWrite::Updated, "put right"),
            Outcome::Deleted => (CopyWrite::Deleted, "deleted"),
            _ => return,
        };
        self.metrics.copies.writes.inc(write);
        info!("{what} the copy {namespace}/{name}");
    }

    /// A request failed.
    pub fn failed(&self, key: &Key, error: &RequestError) {
        self.metrics.copies.failures.inc();
        warn!("the copy {}/{} stays as it is, trying again: {error}", key.namespace, key.name);
    }

    /// A Secret that is not ours has the name of a copy.
    pub fn foreign(&mut self, key: &Key, wanted: Option<&Wanted>) {
        let Some(wanted) = wanted else { return };
        let Key { namespace, name } = key;
        let note = format!(
            "the Secret {namespace}/{name} is not a copy of Pullpass's, and is left as it is: delete it, or give the entry {} another name in pullSecrets",
            wanted.entry
        );
        self.telling.warn([reference("Secret", namespace, name)], "SecretInTheWay", &note);
        let of_source = self.in_the_way.entry(Arc::clone(&wanted.source)).or_insert((0, note));
        of_source.0 += 1;
    }

    /// Tells it on the sources: once for each, in however many namespaces.
    fn tell_in_the_way(&mut self) {
        for (source, (count, example)) in std::mem::take(&mut self.in_the_way) {
            let more = match count {
                1 => String::new(),
                _ => format!("; and so it is in {} more namespaces", count - 1),
            };
            let object = reference("Secret", &self.options.namespace, &source);
            self.telling.warn([object], "SecretInTheWay", &format!("{example}{more}"));
        }
    }

    /// Something else keeps undoing a copy.
    pub fn contested(&self, key: &Key, wanted: Option<&Wanted>) {
        let Key { namespace, name } = key;
        let note = format!(
            "something keeps changing or deleting the copy {namespace}/{name}: it is put right ever later; find what does, or give the entry another name in pullSecrets"
        );
        let theirs = reference("Secret", namespace, name);
        let source = wanted.map(|wanted| &*wanted.source).unwrap_or_default();
        let ours = reference("Secret", &self.options.namespace, source);
        self.telling.warn([ours, theirs], "CopyContested", &note);
    }

    /// Tells how many contests there are.
    pub fn contests(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.copies.copies.of(CopyState::Contested).set(count);
    }

    /// Tells how many there are.
    pub fn count(&mut self, state: &State, queue: &Queue, is_decided: bool) {
        self.tell_in_the_way();
        let counts = Counts::of(state);
        let metrics = &self.metrics.copies;
        for (kind, count) in [
            (CopyState::Wanted, counts.wanted),
            (CopyState::InPlace, counts.in_place),
            (CopyState::Foreign, counts.foreign),
            (CopyState::WithoutSource, counts.without_source),
            (CopyState::Retained, counts.retained),
            (CopyState::Terminating, counts.terminating),
            (CopyState::Failed, queue.failed_count()),
        ] {
            metrics.copies.of(kind).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let lag = queue.lag(Instant::now()).as_secs();
        metrics.lag.set(i64::try_from(lag).unwrap_or(i64::MAX));
        if is_decided && queue.is_idle() && state.grants.config().is_some() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            metrics.last_success.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        }
    }
}

/// A replica that does not look any more does not know.
impl Drop for Report {
    fn drop(&mut self) {
        for kind in CopyState::ALL {
            self.metrics.copies.copies.of(*kind).set(0);
        }
        self.metrics.copies.lag.set(0);
        self.metrics.copies.source_findings.set(0);
    }
}
