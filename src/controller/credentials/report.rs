//! What the controller says about credentials: logs, metrics, Events.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::EventType;
use tracing::{info, warn};

use super::Done;
use super::state::Plan;
use crate::cluster::credential_secret::FIELD_MANAGER;
use crate::cluster::events::Events;
use crate::controller::CopyOptions;
use crate::controller::request::RequestError;
use crate::telemetry::Metrics;
use crate::telemetry::credentials::CredentialState;

/// Says what happens to credentials.
pub struct Report {
    events: Events,
    config_map: ObjectReference,
    namespace: String,
    metrics: Arc<Metrics>,
    /// What was told, by entry.
    told: BTreeMap<String, String>,
}

impl Report {
    /// Nothing has been said yet.
    pub fn new(client: Client, options: &CopyOptions, metrics: Arc<Metrics>) -> Self {
        let config_map = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("ConfigMap".to_owned()),
            namespace: Some(options.config_map.namespace.to_string()),
            name: Some(options.config_map.name.to_string()),
            ..ObjectReference::default()
        };
        let namespace = options.namespace.clone();
        let events = Events::new(client, FIELD_MANAGER);
        Self { events, config_map, namespace, metrics, told: BTreeMap::new() }
    }

    /// What is to be done, and what cannot be. What was told before is not told again.
    pub async fn planned(&mut self, plan: &Plan) {
        let states = &self.metrics.credentials.credentials;
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        states.of(CredentialState::Wanted).set(count(plan.wanted));
        states.of(CredentialState::Broken).set(count(plan.broken.len()));
        states.of(CredentialState::Foreign).set(count(plan.in_the_way.len()));
        let namespace = &self.namespace;
        let broken = plan.broken.iter().map(|(entry, reason)| {
            let note = format!(
                "the credential of the entry {entry} is not made: {reason}; the last good one stays"
            );
            (entry.clone(), ("CredentialNotMade", note))
        });
        let in_the_way = plan.in_the_way.iter().map(|(secret, entry)| {
            let note = format!(
                "the Secret {namespace}/{secret} is not one that the controller made: it is in the way of the credential of the entry {entry}; delete it"
            );
            (entry.clone(), ("SecretInTheWay", note))
        });
        let found: BTreeMap<_, _> = broken.chain(in_the_way).collect();
        for (entry, (reason, note)) in &found {
            if self.told.get(entry) != Some(note) {
                warn!("{note}");
                let kind = EventType::Warning;
                self.events.publish(&self.config_map, kind, reason, "Credential", note).await;
            }
        }
        self.told = found.into_iter().map(|(entry, (_, note))| (entry, note)).collect();
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
