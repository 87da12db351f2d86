//! Pullpass at work in the default overlay: a webhook and a controller with short delays, and all in
//! order before the test begins.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::{core::v1::Secret, events::v1::Event};
use kube::{Api, ResourceExt, api::ListParams};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    controller::ControllerProcess,
    deployed::config,
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    kept_connection::KeptConnection,
    managed::{Certificates, SOON},
    webhook::WebhookProcess,
};

/// Delays of a cluster whose API server and replicas are on this machine.
pub const SHORT_DELAYS: [&str; 2] = ["--propagation-delay=500ms", "--pickup-delay=500ms"];
/// Both Secrets.
pub const SECRETS: [&str; 2] = ["pullpass-ca", "pullpass-tls"];

/// A cluster with Pullpass at work.
pub struct Upkeep {
    pub cluster: Cluster,
    pub webhook: WebhookProcess,
    pub controller: ControllerProcess,
    /// In the place of the Service.
    pub service: Forwarder,
    keys: BTreeSet<String>,
}

impl Upkeep {
    /// Starts both, the controller with further flags, and waits until all is in order.
    pub async fn start(flags: &[&str]) -> Self {
        let cluster = Cluster::exclusive().await;
        let service = Forwarder::to(&[]).await;
        cluster.apply_default_overlay(service.port()).await;
        cluster.configure(&config("project")).await.expect_success();
        let webhook = cluster.quick_webhook(&service).await;
        Self::of(cluster, service, webhook, flags).await
    }

    /// Starts the controller of a webhook that is there.
    pub async fn of(
        cluster: Cluster,
        service: Forwarder,
        webhook: WebhookProcess,
        flags: &[&str],
    ) -> Self {
        let mut controller = cluster.managing_controller().await;
        for flag in SHORT_DELAYS.iter().chain(flags) {
            controller = controller.argument(flag);
        }
        let controller = controller.start().await;
        let mut started = Self { cluster, webhook, controller, service, keys: BTreeSet::new() };
        started.in_order().await;
        started
    }

    /// Waits until all is in order, to the last value of the Secrets, and the webhook serves the
    /// certificate.
    pub async fn in_order(&mut self) -> Certificates {
        self.changed(|_| true).await
    }

    /// The same, with what was waited for.
    pub async fn changed(&mut self, is_wanted: impl Fn(&Certificates) -> bool) -> Certificates {
        let found = eventually("all to be in order", SOON, async || {
            // First: what is put right here is not yet in order there.
            for name in SECRETS {
                let secret = self.cluster.secrets().get(name).await.map_err(|e| e.to_string())?;
                is_whole(&secret)?;
            }
            let found = self.cluster.certificates().await?;
            let told = || format!("{found:?} {}", self.controller.log());
            if !is_wanted(&found) || !found.are_steady() {
                return Err(told());
            }
            let served = served(self.webhook.port(), &found).await;
            let served = served.map_err(|error| format!("{error} {}", self.webhook.log()))?;
            (served == found.leaf.as_ref()).then_some(found.clone()).ok_or_else(told)
        })
        .await;
        self.remember_keys().await;
        found
    }

    /// How many authorities and certificates were issued.
    pub async fn issued(&self) -> [u64; 2] {
        let mut issued = [0; 2];
        for (number, certificate) in issued.iter_mut().zip(["ca", "serving"]) {
            let sample =
                format!("pullpass_certificate_rotations_total{{certificate=\"{certificate}\"}}");
            let value = self.controller.metric(&sample).await.expect("the metric is there");
            *number = value.to_string().parse().expect("a count is whole");
        }
        issued
    }

    /// Takes note of a key that is not to be told, beside those that were found in the Secrets.
    pub fn remember(&mut self, key: &str) {
        // Each begins with the same bytes; and in the JSON of a Secret it is encoded once more.
        let part = key.lines().nth(2).and_then(|line| line.get(..16));
        self.keys.extend(part.map(ToOwned::to_owned));
        let encoded = STANDARD.encode(key);
        self.keys.extend(encoded.get(140..160).map(ToOwned::to_owned));
    }

    /// Takes note of the keys that are in the Secrets now.
    pub async fn remember_keys(&mut self) {
        for name in SECRETS {
            let found = self.cluster.secrets().get_opt(name).await.expect("Secrets can be read");
            let key = found.and_then(|secret| secret.data?.remove("tls.key"));
            self.remember(&String::from_utf8_lossy(&key.unwrap_or_default().0));
        }
    }

    /// The Events on the Secrets: type, reason and note.
    pub async fn events(&self) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.cluster.client(), SYSTEM_NAMESPACE);
        let events = events.list(&ListParams::default()).await.expect("Events are listed");
        let told = |event: Event| {
            let object = event.regarding.and_then(|object| object.name).unwrap_or_default();
            let kind = event.type_.unwrap_or_default();
            let reason = event.reason.unwrap_or_default();
            format!("{kind} {reason} {object}: {}", event.note.unwrap_or_default())
        };
        events.items.into_iter().map(told).collect()
    }

    /// Waits for an Event that has all these words.
    pub async fn event(&self, words: &[&str]) -> String {
        eventually(&format!("an Event of {words:?}"), SOON, async || {
            let events = self.events().await;
            let wanted = events.iter().find(|event| words.iter().all(|word| event.contains(word)));
            wanted.cloned().ok_or(format!("{events:#?}"))
        })
        .await
    }

    /// Nothing of any key was told anywhere.
    pub async fn kept_its_keys(&self) {
        assert!(!self.keys.is_empty());
        let events = self.events().await.concat();
        for told in [self.webhook.log(), self.controller.log(), events] {
            for key in &self.keys {
                assert!(!told.contains(key), "{told}");
            }
        }
    }
}

impl Cluster {
    /// The webhook of the default overlay, behind what stands for its Service. The API server does not
    /// keep a connection to it for long.
    pub async fn quick_webhook(&self, service: &Forwarder) -> WebhookProcess {
        let webhook = self.managed_webhook().await.argument("--connection-max-requests=20").spawn();
        service.direct_to(&[webhook.port()]);
        webhook
    }
}

/// The certificate that is presented to who trusts the published authority.
async fn served(port: u16, found: &Certificates) -> Result<Vec<u8>, String> {
    let connection = KeptConnection::open_trusting(port, found.authority.clone()).await?;
    Ok(connection.certificate())
}

/// Whether a Secret is as the controller writes it.
fn is_whole(secret: &Secret) -> Result<(), String> {
    let name = secret.name_any();
    let kind = if name == "pullpass-ca" { "Opaque" } else { "kubernetes.io/tls" };
    let keys: Vec<&str> =
        secret.data.iter().flat_map(|data| data.keys().map(String::as_str)).collect();
    let size: usize = secret.data.iter().flat_map(|data| data.values()).map(|v| v.0.len()).sum();
    let is_whole = size < 8_192
        && secret.type_.as_deref() == Some(kind)
        && secret.immutable.is_none()
        && keys == ["ca.crt", "tls.crt", "tls.key"];
    is_whole.then_some(()).ok_or_else(|| {
        format!("{name}: {size} B {:?} {keys:?} {:?}", secret.type_, secret.immutable)
    })
}
