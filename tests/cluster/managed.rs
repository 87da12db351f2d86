//! Pullpass as it looks after itself: webhook and controller under their own ServiceAccounts, certificates
//! and caBundles by the controller, and nothing by hand.

use std::{path::PathBuf, time::Duration};

use k8s_openapi::{
    ByteString,
    api::{
        admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
        core::v1::Secret,
    },
};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use pullpass::pki::{self, Bundle};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    controller::NewController,
    eventually::eventually,
    manifests::is_for_copies,
    webhook::NewWebhook,
};

/// The name that the certificate has to be for.
pub const SERVICE: &str = "pullpass-webhook.pullpass-system.svc";
/// The user that the controller is for the API server.
pub const CONTROLLER: &str = "system:serviceaccount:pullpass-system:pullpass-controller";
/// By when a step is taken.
pub const SOON: Duration = Duration::from_secs(30);
const CONFIGURATIONS: [&str; 2] =
    ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// What certificates are made of, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificates {
    /// The authority that signs.
    pub authority: CertificateDer<'static>,
    /// Those in `ca.crt` of the authority's Secret.
    pub trusted: Bundle,
    /// The serving certificate.
    pub leaf: CertificateDer<'static>,
    /// Every caBundle.
    pub bundles: Vec<Bundle>,
}

impl Certificates {
    /// Whether there is one authority, published and no other, and it signed the certificate.
    pub fn are_steady(&self) -> bool {
        let own = Bundle::of(self.authority.clone());
        let now = std::time::SystemTime::now();
        self.trusted == own
            && self.bundles.iter().all(|bundle| *bundle == own)
            && pki::verify(&own, std::slice::from_ref(&self.leaf), SERVICE, now).is_ok()
    }
}

impl Cluster {
    /// Applies all objects of the default overlay but the rights to copy, as `kubectl apply -k` does on an
    /// empty cluster. The webhook configurations are sent to this port, and have no caBundle; Deployments
    /// are left to the test, which runs their processes.
    pub async fn apply_default_overlay(&self, port: u16) {
        self.apply_all(self.default_overlay(port).await).await;
    }

    /// What that applies.
    pub async fn default_overlay(&self, port: u16) -> Vec<Value> {
        let mut items = self.render("cluster-wide").await.objects;
        items.retain(|object| object["kind"] != "Deployment" && !is_for_copies(object));
        for object in &mut items {
            if CONFIGURATIONS.iter().any(|kind| object["kind"] == *kind) {
                direct(object, port);
            }
        }
        items
    }

    /// Applies the rights to copy, of the default overlay.
    pub async fn apply_rights_to_copy(&self) {
        let mut items = self.render("cluster-wide").await.objects;
        items.retain(is_for_copies);
        self.apply_all(items).await;
    }

    /// Applies objects as `kubectl apply` does, on the client's side.
    pub async fn apply_all(&self, items: Vec<Value>) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        self.kubectl(&["apply", "-f", "-"], Some(&list)).await.expect_success();
    }

    /// The webhook configurations of the default overlay as their manifest has them, sent to this port.
    pub async fn configurations_of_default_overlay(&self, port: u16) -> Value {
        let mut items = self.default_overlay(port).await;
        items.retain(|object| CONFIGURATIONS.iter().any(|kind| object["kind"] == *kind));
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    /// The webhook as the Deployment of the default overlay runs it.
    pub async fn managed_webhook(&self) -> NewWebhook {
        let own = self.own_kubeconfig().await;
        self.webhook().config_map().kubeconfig(&own).certificate_of_controller()
    }

    /// The controller as the Deployment of the default overlay runs it, but without copies, and with a
    /// certificate that is also for the address by which this API server calls the webhook.
    pub async fn managing_controller(&self) -> NewController {
        let own = self.controllers_kubeconfig().await;
        let controller = self.controller().kubeconfig(&own).argument("--copies=none");
        controller.argument("--certificate-name=127.0.0.1")
    }

    /// The kubeconfig of the controller's own ServiceAccount.
    pub async fn controllers_kubeconfig(&self) -> PathBuf {
        self.kubeconfig_for_service_account(SYSTEM_NAMESPACE, "pullpass-controller").await
    }

    /// The Secrets of the system namespace.
    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client(), SYSTEM_NAMESPACE)
    }

    /// What certificates are made of now.
    pub async fn certificates(&self) -> Result<Certificates, String> {
        let ca = self.secrets().get("pullpass-ca").await.map_err(|error| error.to_string())?;
        let tls = self.secrets().get("pullpass-tls").await.map_err(|error| error.to_string())?;
        Ok(Certificates {
            authority: certificate(&ca)?,
            trusted: bundle(value(&ca, "ca.crt")?)?,
            leaf: certificate(&tls)?,
            bundles: self.bundles().await?,
        })
    }

    /// Every caBundle, empty ones too.
    pub async fn bundles(&self) -> Result<Vec<Bundle>, String> {
        let mutating: Api<MutatingWebhookConfiguration> = Api::all(self.client());
        let validating: Api<ValidatingWebhookConfiguration> = Api::all(self.client());
        let failed = |error: kube::Error| error.to_string();
        let mut bundles = Vec::new();
        if let Some(found) = mutating.get_opt("pullpass").await.map_err(failed)? {
            let webhooks = found.webhooks.into_iter().flatten();
            bundles.extend(webhooks.map(|webhook| webhook.client_config.ca_bundle));
        }
        if let Some(found) = validating.get_opt("pullpass").await.map_err(failed)? {
            let webhooks = found.webhooks.into_iter().flatten();
            bundles.extend(webhooks.map(|webhook| webhook.client_config.ca_bundle));
        }
        bundles.into_iter().map(|pem| bundle(&pem.unwrap_or_default())).collect()
    }

    /// Waits until certificates and caBundles are in order, and gives them.
    pub async fn steady(&self) -> Certificates {
        eventually("certificates and caBundles to be in order", SOON, async || {
            let certificates = self.certificates().await?;
            certificates
                .are_steady()
                .then_some(certificates.clone())
                .ok_or(format!("{certificates:?}"))
        })
        .await
    }

    /// The same, with another authority than before.
    pub async fn steady_after(&self, before: &Certificates) -> Certificates {
        eventually("another authority, and all in order", SOON, async || {
            let now = self.certificates().await?;
            let is_other = now.authority != before.authority && now.are_steady();
            is_other.then_some(now.clone()).ok_or(format!("{now:?}"))
        })
        .await
    }

    /// Asks for renewal of what a Secret holds, as the manual says.
    pub async fn ask_for_renewal(&self, secret: &str) {
        let arguments =
            ["-n", SYSTEM_NAMESPACE, "annotate", "secret", secret, "pullpass.io/renew=now"];
        self.kubectl(&arguments, None).await.expect_success();
    }

    /// Changes values of a Secret; `None` takes one away.
    pub async fn change_secret(&self, name: &str, values: &[(&str, Option<&[u8]>)]) {
        let data: serde_json::Map<String, Value> = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value.map(|v| ByteString(v.to_vec())))))
            .collect();
        self.secrets()
            .patch(name, &PatchParams::default(), &Patch::Merge(json!({"data": data})))
            .await
            .unwrap_or_else(|error| panic!("Secret {name}: {error}"));
    }
}

/// Sends the webhooks of a configuration to a port of this machine.
fn direct(configuration: &mut Value, port: u16) {
    for webhook in configuration["webhooks"].as_array_mut().into_iter().flatten() {
        let path = webhook["clientConfig"]["service"]["path"].as_str().expect("it has a path");
        webhook["clientConfig"] = json!({"url": format!("https://127.0.0.1:{port}{path}")});
    }
}

fn value<'a>(secret: &'a Secret, key: &str) -> Result<&'a ByteString, String> {
    let data = secret.data.as_ref().and_then(|data| data.get(key));
    data.ok_or_else(|| format!("{} has no {key}", secret.name_any()))
}

fn certificate(secret: &Secret) -> Result<CertificateDer<'static>, String> {
    let pem = value(secret, "tls.crt")?;
    CertificateDer::from_pem_slice(&pem.0).map_err(|error| error.to_string())
}

fn bundle(pem: &ByteString) -> Result<Bundle, String> {
    Bundle::parse(&pem.0).map_err(|error| error.to_string())
}
