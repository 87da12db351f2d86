//! What the controller says about credentials: logs, metrics, Events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use k8s_openapi::api::core::v1::{ObjectReference, Secret};
use tokio::sync::mpsc::Receiver;
use tracing::{info, warn};

use super::fetching::Fetching;
use super::plan::{Plan, WantedToken};
use super::state::Held;
use super::write::Done;
use super::writes::Written;
use crate::config::TokenSource;
use crate::controller::CopyOptions;
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
    told: BTreeMap<Subject, Word>,
    /// By entry, when the token was fetched that its Secret holds, and when it ends.
    times: BTreeMap<String, [i64; 2]>,
}

/// What an Event is about: an entry, and the Event's reason.
type Subject = (String, &'static str);
/// What is the matter, in words that stay the same while the matter does.
type Word = String;
/// What is the matter, and the note that tells it.
type Matter = (Word, String);

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
        let failing = plan.tokens.iter().filter(|(mark, _)| fetching.failure(mark).is_some());
        let failing: usize = failing.map(|(_, token)| token.entries.len()).sum();
        let states = &self.metrics.credentials.credentials;
        states.of(CredentialState::Wanted).set(count(plan.wanted));
        states.of(CredentialState::Broken).set(count(plan.broken.len() + failing));
        states.of(CredentialState::Foreign).set(count(plan.in_the_way.len()));
        let times = plan.stored.iter().map(|(entry, life)| (entry.clone(), times(*life))).collect();
        self.metrics.credentials.tokens(&self.times, &times);
        self.times = times;
        let found = self.found(plan, fetching);
        for ((entry, reason), (word, note)) in &found {
            if self.told.get(&(entry.clone(), *reason)) != Some(word) {
                self.telling.warn([self.config_map.clone()], reason, note);
            }
        }
        self.told = found.into_iter().map(|(subject, (word, _))| (subject, word)).collect();
    }

    fn found(&self, plan: &Plan, fetching: &Fetching) -> BTreeMap<Subject, Matter> {
        let namespace = &self.namespace;
        let broken = plan.broken.iter().map(|(entry, reason)| {
            let note = format!(
                "the credential of the entry {entry} is not made: {reason}; the last good one stays"
            );
            ((entry.clone(), "CredentialNotMade"), (reason.clone(), note))
        });
        let failing = plan.tokens.iter().filter_map(|(mark, token)| {
            let failure = fetching.failure(mark)?;
            let (entry, _) = token.entries.first()?;
            let note = not_fetched(token, failure, plan.stored.get(entry));
            Some(((entry.clone(), "TokenNotFetched"), (failure.reason.as_str().to_owned(), note)))
        });
        let assumed = plan.tokens.values().filter_map(|token| {
            token.life().filter(|life| life.is_assumed)?;
            let note = format!(
                "the issuer of the token of {} gives no time at which it ends that could be true: it is taken for good for an hour; look at the clocks of both",
                entries(token)
            );
            let (entry, _) = token.entries.first()?;
            Some(((entry.clone(), "TokenExpiryAssumed"), (String::new(), note)))
        });
        let in_the_way = plan.in_the_way.iter().map(|(secret, entry)| {
            let note = format!(
                "the Secret {namespace}/{secret} is not one that the controller made: it is in the way of the credential of the entry {entry}; delete it"
            );
            ((entry.clone(), "SecretInTheWay"), (secret.clone(), note))
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

    /// A write ended; one that failed is tried again.
    pub fn written(&self, written: &Written) {
        match &written.outcome {
            Ok(done) => self.done(done),
            Err(error) => {
                self.metrics.credentials.failures.inc();
                warn!("{error}; trying again");
            }
        }
        if written.is_contest {
            self.contested(&written.name);
        }
    }

    fn done(&self, done: &Done) {
        let namespace = &self.namespace;
        let name = |secret: &Secret| secret.metadata.name.clone().unwrap_or_default();
        match done {
            Done::Created(secret) => {
                let name = name(secret);
                info!("made the Secret {namespace}/{name}, which has the credential of an entry");
            }
            Done::Updated(secret) => {
                info!("renewed the credential in the Secret {namespace}/{}", name(secret));
            }
            Done::Deleted(name) => {
                info!("deleted the Secret {namespace}/{name}, which no entry has as it was");
            }
            Done::Ending(secret) => {
                let name = name(secret);
                warn!(
                    "the Secret {namespace}/{name} is deleted, and a finalizer of somebody else holds it"
                );
            }
        }
    }

    fn contested(&self, name: &str) {
        let namespace = &self.namespace;
        let note = format!(
            "the Secret {namespace}/{name} is changed or deleted by somebody else as soon as it is put right, which is done ever later; find who writes it, and make that leave it alone"
        );
        self.telling.warn([self.config_map.clone()], "CredentialContested", &note);
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

/// With the end of the token that the Secret of its first entry holds.
fn not_fetched(token: &WantedToken, failure: &Failure, stored: Option<&Life>) -> String {
    let end = stored.and_then(|life| jiff::Timestamp::try_from(life.expires_at).ok());
    let stays = match end {
        Some(end) => format!("the last good one stays, and ends at {end}"),
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

/// When a token was fetched, and when it ends.
fn times(life: Life) -> [i64; 2] {
    [life.issued_at, life.expires_at].map(|time| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        i64::try_from(since).unwrap_or(i64::MAX)
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
