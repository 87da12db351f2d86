//! The caBundles of both webhook configurations: which are ours, and the patch that sets them. No I/O.

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::{Resource, core::ObjectMeta};
use serde_json::{Value, json};

use crate::cluster::registration::{Registration, RegistrationKind};
use crate::pki::Bundle;

/// One webhook of a configuration that calls ours, and the caBundle it is called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The kind of the configuration.
    pub kind: RegistrationKind,
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
        let mutating = self.mutating.iter().flat_map(|found| targets(found, namespace, service));
        let validating =
            self.validating.iter().flat_map(|found| targets(found, namespace, service));
        mutating.chain(validating).collect()
    }

    /// The metadata of the configuration of a kind.
    pub fn metadata(&self, kind: RegistrationKind) -> Option<&ObjectMeta> {
        match kind {
            RegistrationKind::Mutating => self.mutating.as_ref().map(Resource::meta),
            RegistrationKind::Validating => self.validating.as_ref().map(Resource::meta),
        }
    }
}

fn targets<R: Registration>(registration: &R, namespace: &str, service: &str) -> Vec<Target> {
    let webhooks = registration.webhooks();
    webhooks
        .filter(|(_, client)| is_ours(client, namespace, service))
        .map(|(webhook, client)| Target {
            kind: R::KIND,
            webhook: webhook.to_owned(),
            published: published(client),
        })
        .collect()
}

/// The server-side apply that sets these caBundles and nothing else, of the very version that was read.
pub fn apply(kind: RegistrationKind, read: &ObjectMeta, bundles: &[(String, Bundle)]) -> Value {
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
