//! What the controller says about certificates: logs, metrics, Events.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::EventType;
use rustls::pki_types::CertificateDer;
use tracing::{debug, info, warn};

use super::error::RoundError;
use super::store::FIELD_MANAGER;
use crate::cluster::ObjectName;
use crate::cluster::events::Events;
use crate::cluster::registration::RegistrationKind;
use crate::controller::CertificateOptions;
use crate::controller::request::RequestError;
use crate::pki::rotation::{Reason, Seen, Step, Waiting};
use crate::pki::{Bundle, validity};
use crate::telemetry::Metrics;
use crate::telemetry::certificates::{Certificate, WebhookKind};

/// So many conflicts in a row are a failure: an object that is being deleted and never goes, for one.
const CONFLICTS: u32 = 5;

/// Says what happens to certificates.
pub struct Report {
    events: Events,
    ca: ObjectReference,
    tls: ObjectReference,
    configuration: String,
    /// Its name and namespace, as in `NAME.NS`.
    service: String,
    metrics: Arc<Metrics>,
    waiting: Option<Waiting>,
    /// Conflicts since something was last done.
    conflicts: u32,
    /// How many webhooks of each kind there were last.
    webhooks: [Option<usize>; 2],
}

impl Report {
    /// Nothing has been said yet.
    pub fn new(client: Client, options: &CertificateOptions, metrics: Arc<Metrics>) -> Self {
        Self {
            events: Events::new(client, FIELD_MANAGER),
            ca: reference(&options.namespace, &options.ca_secret),
            tls: reference(&options.namespace, &options.tls_secret),
            configuration: options.webhook_configuration.clone(),
            service: format!("{}.{}", options.service, options.namespace),
            metrics,
            waiting: None,
            conflicts: 0,
            webhooks: [None; 2],
        }
    }

    /// What there is.
    pub fn seen(&self, seen: &Seen) {
        let ca = seen.authority.good().map(|authority| &authority.certificate);
        let serving = seen.serving.good().and_then(|serving| serving.chain.first());
        self.expiry(Certificate::Ca, ca);
        self.expiry(Certificate::Serving, serving);
    }

    /// When a certificate expires.
    pub fn expiry(&self, which: Certificate, certificate: Option<&CertificateDer<'_>>) {
        let not_after = certificate.and_then(validity).map(|validity| validity.not_after);
        self.metrics.certificates.not_after.of(which).set(not_after.map_or(0, timestamp));
    }

    /// How many webhooks of a kind call us.
    pub async fn webhooks(&mut self, kind: RegistrationKind, exists: bool, count: usize) {
        let (place, label) = match kind {
            RegistrationKind::Mutating => (0, WebhookKind::Mutating),
            RegistrationKind::Validating => (1, WebhookKind::Validating),
        };
        let count_exposed = i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.certificates.published_webhooks.of(label).set(count_exposed);
        let before = self.webhooks[place].replace(count);
        if count > 0 || before == Some(0) {
            return;
        }
        let name = &self.configuration;
        let note = match exists {
            false => format!(
                "the {kind} {name} does not exist: apply the manifests, or correct --webhook-configuration"
            ),
            true => format!(
                "no webhook of the {kind} {name} calls the Service {}: apply the manifests, or correct --service and --namespace",
                self.service
            ),
        };
        warn!("{note}");
        let event = "WebhookConfigurationMissing";
        self.events.publish(&self.tls, EventType::Warning, event, "Publish", &note).await;
    }

    /// There is nothing to do but to wait.
    pub fn waiting(&mut self, waiting: Waiting, now: SystemTime) {
        self.conflicts = 0;
        if waiting == Waiting::Renewal && self.webhooks[0] != Some(0) {
            self.metrics.certificates.last_success.set(timestamp(now));
        }
        if self.waiting.replace(waiting) != Some(waiting) {
            match waiting {
                Waiting::Propagation => {
                    info!("the authority is published; waiting until every API server knows it");
                }
                Waiting::Pickup => {
                    info!("the certificate is stored; waiting until every replica serves it");
                }
                Waiting::Renewal => info!("certificates and caBundles are in order"),
            }
        }
    }

    /// Somebody else's certificate can be served.
    pub fn in_order(&mut self, is_renewal_asked: bool, now: SystemTime) {
        self.metrics.certificates.last_success.set(timestamp(now));
        if self.waiting.replace(Waiting::Renewal) != Some(Waiting::Renewal) {
            info!("the serving certificate is in order");
            if is_renewal_asked {
                warn!(
                    "renewal is asked for; whoever issues it has to renew it, for --certificates is external"
                );
            }
        }
    }

    /// Somebody else's certificate cannot be served.
    pub async fn unusable(&mut self, reason: &str) {
        self.waiting = None;
        self.metrics.certificates.failures.inc();
        let note = format!("the serving certificate cannot be used: {reason}");
        warn!("{note}; whoever issues it has to renew it, for --certificates is external");
        let object = &self.tls;
        self.events
            .publish(object, EventType::Warning, "CertificateUnusable", "Report", &note)
            .await;
    }

    /// Somebody else's certificate cannot be read.
    pub fn unread(&mut self, name: &ObjectName, reason: &str) {
        self.waiting = None;
        self.metrics.certificates.failures.inc();
        warn!("the watch of the Secret {name} failed; trying again: {reason}");
    }

    /// Something was issued and stored.
    pub async fn issued(&mut self, which: Certificate, reason: &Reason, is_loss: bool) {
        self.progressed();
        self.metrics.certificates.rotations.inc(which);
        let (object, what, event) = match which {
            Certificate::Ca => (&self.ca, "a new authority", "AuthorityIssued"),
            Certificate::Serving => (&self.tls, "a new serving certificate", "CertificateIssued"),
        };
        let note = format!("stored {what}: {reason}");
        // What is broken was so by somebody's doing.
        let kind = match reason {
            Reason::Broken(_) => EventType::Warning,
            _ if is_loss => EventType::Warning,
            _ => EventType::Normal,
        };
        match kind {
            EventType::Warning => warn!("{note}"),
            EventType::Normal => info!("{note}"),
        }
        self.events.publish(object, kind, event, "Issue", &note).await;
    }

    /// The trusted authorities were stored.
    pub async fn trusted(&mut self, trusted: &Bundle) {
        self.progressed();
        info!(authorities = trusted.len(), "stored which authorities are trusted");
        if trusted.len() == 1 {
            let note = "the rotation is complete: no other authority is trusted any more";
            let (kind, event) = (EventType::Normal, "RotationCompleted");
            self.events.publish(&self.ca, kind, event, "Trust", note).await;
        }
    }

    /// A configuration has its caBundles.
    pub async fn published(&mut self, kind: RegistrationKind, is_repair: bool, was_empty: bool) {
        self.progressed();
        let name = &self.configuration;
        if !is_repair {
            info!("published the authorities in the caBundle of the {kind} {name}");
            return;
        }
        self.metrics.certificates.repairs.inc();
        let was = if was_empty { "it was empty" } else { "something else had changed it" };
        let note = format!("repaired the caBundle of the {kind} {name}: {was}");
        warn!("{note}");
        self.events
            .publish(&self.ca, EventType::Warning, "CaBundleRepaired", "Repair", &note)
            .await;
    }

    /// Repairs do not last.
    pub async fn contested(&mut self, step: &Step) {
        let (what, event) = match step {
            Step::Publish(_) => (
                format!("the caBundle of the webhook configurations {}", self.configuration),
                "CaBundleContested",
            ),
            _ => ("one of the Secrets of the certificates".to_owned(), "SecretContested"),
        };
        let note = format!(
            "{what} is changed over and over by something else: find it in the managedFields, and have it leave that alone; repairs slow down until then"
        );
        warn!("{note}");
        self.events.publish(&self.ca, EventType::Warning, event, "Repair", &note).await;
    }

    /// A round failed. Another's write in between is no failure, unless there is always one.
    pub async fn failed(&mut self, error: &RoundError) {
        self.waiting = None;
        if let RoundError::Request(RequestError::Conflict { .. } | RequestError::Exists { .. }) =
            error
        {
            self.conflicts = self.conflicts.saturating_add(1);
            if self.conflicts < CONFLICTS {
                debug!(%error, "looking again");
                return;
            }
        }
        self.metrics.certificates.failures.inc();
        let mut note = format!("{error}");
        if error.is_forbidden() {
            note.push_str(
                "; apply the component managed-certificates as well, or pass --certificates=external",
            );
        }
        warn!("certificates: {note}; what is in force stays so, trying again");
        if !matches!(error, RoundError::Request(_)) || error.is_forbidden() {
            let object = &self.tls;
            self.events
                .publish(object, EventType::Warning, "CertificateFailed", "Issue", &note)
                .await;
        }
    }
}

impl Report {
    fn progressed(&mut self) {
        self.waiting = None;
        self.conflicts = 0;
    }
}

/// A replica that does not look any more does not know.
impl Drop for Report {
    fn drop(&mut self) {
        self.expiry(Certificate::Ca, None);
        self.expiry(Certificate::Serving, None);
        for kind in [WebhookKind::Mutating, WebhookKind::Validating] {
            self.metrics.certificates.published_webhooks.of(kind).set(0);
        }
    }
}

fn reference(namespace: &str, name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Secret".to_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

fn timestamp(time: SystemTime) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
