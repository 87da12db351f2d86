//! What the controller says about credentials: logs, metrics, Events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::api::core::v1::ObjectReference;
use tokio::sync::mpsc::Receiver;
use tracing::{info, warn};

use super::fetching::Fetching;
use super::plan::{Plan, WantedToken};
use super::state::Held;
use super::write::Done;
use crate::config::TokenSource;
use crate::controller::CopyOptions;
use crate::controller::request::RequestError;
use crate::controller::told::{Telling, Told, reference, telling};
use crate::sources::TokenRequest;
use crate::telemetry::credentials::{CredentialState, TokenKind};
use crate::telemetry::{Label, Metrics};
use crate::tokens::{Failure, Life};

/// Says what happens to credentials.
pub struct Report {
    telling: Telling,
    config_map: ObjectReference,
    namespace: String,
    metrics: Arc<Metrics>,
    /// What was told, by entry.
    told: BTreeMap<String, (&'static str, String)>,
    /// By entry, when its token was fetched, and when it ends.
    times: BTreeMap<String, [i64; 2]>,
}

impl Report {
    /// Nothing has been said yet. What is told by Events comes out of the other end.
    pub fn new(options: &CopyOptions, metrics: Arc<Metrics>) -> (Self, Receiver<Told>) {
        let (telling, events) = telling();
        let config_map = &options.config_map;
        let config_map = reference("ConfigMap", &config_map.namespace, &config_map.name);
        let namespace = options.namespace.clone();
        let (told, times) = (BTreeMap::new(), BTreeMap::new());
        (Self { telling, config_map, namespace, metrics, told, times }, events)
    }

    /// What is to be done, and what cannot be. What was told before is not told again.
    pub fn planned(&mut self, plan: &Plan, fetching: &Fetching) {
        let found = self.found(plan, fetching);
        let broken = found.values().filter(|(reason, _)| *reason != IN_THE_WAY).count();
        let states = &self.metrics.credentials.credentials;
        states.of(CredentialState::Wanted).set(count(plan.wanted));
        states.of(CredentialState::Broken).set(count(broken));
        states.of(CredentialState::Foreign).set(count(plan.in_the_way.len()));
        let times: BTreeMap<_, _> = plan.tokens.values().flat_map(times).collect();
        self.metrics.credentials.tokens(&self.times, &times);
        self.times = times;
        for (entry, (reason, note)) in &found {
            if self.told.get(entry) != Some(&(*reason, note.clone())) {
                self.telling.warn([self.config_map.clone()], reason, note);
            }
        }
        self.told = found;
    }

    fn found(&self, plan: &Plan, fetching: &Fetching) -> BTreeMap<String, (&'static str, String)> {
        let namespace = &self.namespace;
        let broken = plan.broken.iter().map(|(entry, reason)| {
            let note = format!(
                "the credential of the entry {entry} is not made: {reason}; the last good one stays"
            );
            (entry.clone(), ("CredentialNotMade", note))
        });
        let failing = plan.tokens.iter().filter_map(|(mark, token)| {
            let note = not_fetched(token, fetching.failure(mark)?);
            Some((token.entries.first()?.0.clone(), (NOT_FETCHED, note)))
        });
        let assumed = plan.tokens.values().filter_map(|token| {
            token.life().filter(|life| life.is_assumed)?;
            let note = format!(
                "the issuer of the token of {} gives no time at which it ends that could be true: it is taken for good for an hour; look at the clocks of both",
                entries(token)
            );
            Some((token.entries.first()?.0.clone(), ("TokenExpiryAssumed", note)))
        });
        let in_the_way = plan.in_the_way.iter().map(|(secret, entry)| {
            let note = format!(
                "the Secret {namespace}/{secret} is not one that the controller made: it is in the way of the credential of the entry {entry}; delete it"
            );
            (entry.clone(), (IN_THE_WAY, note))
        });
        assumed.chain(broken).chain(failing).chain(in_the_way).collect()
    }

    /// A token was fetched.
    pub fn fetched(request: &TokenRequest, held: &Held) {
        let Life { expires_at, is_assumed, .. } = held.stamp.life;
        let end = jiff::Timestamp::try_from(expires_at).map(|time| time.to_string());
        let (kind, expires_at) = (kind(request).as_str(), end.unwrap_or_default());
        info!(kind, expires_at, is_assumed, "fetched a token");
    }

    /// A token was not fetched. By Events it is told by entry.
    pub fn not_fetched(&self, request: &TokenRequest, failure: &Failure) {
        let kind = kind(request);
        self.metrics.credentials.token_failures.inc(kind, failure.reason);
        warn!(kind = kind.as_str(), reason = failure.reason.as_str(), "{failure}; trying again");
    }

    /// Something was written.
    pub fn done(&self, done: &Done) {
        let namespace = &self.namespace;
        match done {
            Done::Created(secret) => {
                let name = secret.metadata.name.as_deref().unwrap_or_default();
                info!("made the Secret {namespace}/{name}, which has the credential of an entry");
            }
            Done::Updated(secret) => {
                let name = secret.metadata.name.as_deref().unwrap_or_default();
                info!("renewed the credential in the Secret {namespace}/{name}");
            }
            Done::Deleted(name) => {
                info!("deleted the Secret {namespace}/{name}, which no entry has as it was");
            }
            Done::Ending(secret) => {
                let name = secret.metadata.name.as_deref().unwrap_or_default();
                warn!(
                    "the Secret {namespace}/{name} is deleted, and a finalizer of somebody else holds it"
                );
            }
        }
    }

    /// Somebody keeps undoing what is written.
    pub fn contested(&self, name: &str) {
        let namespace = &self.namespace;
        let note = format!(
            "the Secret {namespace}/{name} is changed or deleted by somebody else as soon as it is put right, which is done ever later; find who writes it, and make that leave it alone"
        );
        self.telling.warn([self.config_map.clone()], "CredentialContested", &note);
    }

    /// A write failed; it is tried again.
    pub fn failed(&self, error: &RequestError) {
        self.metrics.credentials.failures.inc();
        warn!("{error}; trying again");
    }

    /// A watch failed; it is tried again.
    pub fn watch_failed(&self, what: &str, reason: &str) {
        self.metrics.credentials.failures.inc();
        warn!("the watch of {what}, for credentials, failed; trying again: {reason}");
    }
}

/// A replica that leads no more makes nothing.
impl Drop for Report {
    fn drop(&mut self) {
        for state in CredentialState::ALL {
            self.metrics.credentials.credentials.of(*state).set(0);
        }
        self.metrics.credentials.tokens(&self.times, &BTreeMap::new());
    }
}

const NOT_FETCHED: &str = "TokenNotFetched";
const IN_THE_WAY: &str = "SecretInTheWay";

/// The same words while the matter is the same.
fn not_fetched(token: &WantedToken, failure: &Failure) -> String {
    let end = token.life().and_then(|life| jiff::Timestamp::try_from(life.expires_at).ok());
    let stays = match end {
        Some(end) => format!("the last good one ends at {end}"),
        None => "there is none yet".to_owned(),
    };
    format!("the token of {} is not fetched: {failure}; {stays}", entries(token))
}

/// One of those that share it, and how many more.
fn entries(token: &WantedToken) -> String {
    let first = token.entries.first().map_or("", |(entry, _)| entry);
    match token.entries.len().saturating_sub(1) {
        0 => format!("the entry {first}"),
        more => format!("the entry {first}, and of {more} more"),
    }
}

/// Of each entry that has a token, when that was fetched, and when it ends.
fn times(token: &WantedToken) -> impl Iterator<Item = (String, [i64; 2])> {
    let seconds = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        i64::try_from(since).unwrap_or(i64::MAX)
    };
    let life = token.life();
    token.entries.iter().filter_map(move |(entry, _)| {
        let Life { issued_at, expires_at, .. } = life?;
        Some((entry.clone(), [seconds(issued_at), seconds(expires_at)]))
    })
}

fn kind(request: &TokenRequest) -> TokenKind {
    match &request.source {
        TokenSource::Ecr(_) => TokenKind::Ecr,
        TokenSource::Gcp(_) => TokenKind::Gcp,
        TokenSource::Acr(_) => TokenKind::Acr,
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
