//! The caBundles of both webhook configurations: which are ours, and the patch that sets them. No I/O.

use std::fmt;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::{Resource, core::ObjectMeta};
use serde_json::{Value, json};

use crate::pki::Bundle;

/// Which of the two webhook configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// MutatingWebhookConfiguration
    Mutating,
    /// ValidatingWebhookConfiguration
    Validating,
}

impl Kind {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Mutating, Self::Validating];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        })
    }
}

/// One webhook of a configuration that calls ours, and the caBundle it is called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The kind of the configuration.
    pub kind: Kind,
    /// The name of the webhook within it.
    pub webhook: String,
    /// Its caBundle.
    pub published: Option<Bundle>,
}

/// The configurations as they were read.
#[derive(Clone, Debug, Default)]
pub struct Configurations {
    /// The mutating one, if it exists.
    pub mutating: Option<MutatingWebhookConfiguration>,
    /// The validating one, if it exists.
    pub validating: Option<ValidatingWebhookConfiguration>,
}

impl Configurations {
    /// Every webhook that calls this Service, or a URL.
    pub fn targets(&self, namespace: &str, service: &str) -> Vec<Target> {
        let ours = |kind, webhook: &str, client: &WebhookClientConfig| {
            is_ours(client, namespace, service).then(|| Target {
                kind,
                webhook: webhook.to_owned(),
                published: published(client),
            })
        };
        let mutating = self.mutating.iter().flat_map(|found| found.webhooks.iter().flatten());
        let validating = self.validating.iter().flat_map(|found| found.webhooks.iter().flatten());
        let mutating =
            mutating.filter_map(|one| ours(Kind::Mutating, &one.name, &one.client_config));
        let validating =
            validating.filter_map(|one| ours(Kind::Validating, &one.name, &one.client_config));
        mutating.chain(validating).collect()
    }

    /// The metadata of the configuration of a kind.
    pub fn metadata(&self, kind: Kind) -> Option<&ObjectMeta> {
        match kind {
            Kind::Mutating => self.mutating.as_ref().map(Resource::meta),
            Kind::Validating => self.validating.as_ref().map(Resource::meta),
        }
    }
}

/// The server-side apply that sets these caBundles and nothing else, of the very version that was read.
pub fn apply(kind: Kind, read: &ObjectMeta, bundles: &[(String, Bundle)]) -> Value {
    let webhooks: Vec<_> = bundles
        .iter()
        .map(|(webhook, bundle)| {
            let bundle = k8s_openapi::ByteString(bundle.pem().into_bytes());
            json!({"name": webhook, "clientConfig": {"caBundle": bundle}})
        })
        .collect();
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind.to_string(),
        "metadata": {
            "name": read.name,
            "uid": read.uid,
            "resourceVersion": read.resource_version,
        },
        "webhooks": webhooks,
    })
}

/// A webhook that calls another Service is somebody else's. One that calls a URL is ours: the name of
/// the configuration says so.
fn is_ours(client: &WebhookClientConfig, namespace: &str, name: &str) -> bool {
    match &client.service {
        Some(service) => service.namespace == namespace && service.name == name,
        None => client.url.is_some(),
    }
}

fn published(client: &WebhookClientConfig) -> Option<Bundle> {
    let bytes = client.ca_bundle.as_ref()?;
    Bundle::parse(&bytes.0).ok().filter(|bundle| !bundle.is_empty())
}
