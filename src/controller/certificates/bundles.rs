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
    Some(Bundle::parse_published(&bytes.0)).filter(|bundle| !bundle.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::issue_ca;
    use std::time::{Duration, SystemTime};

    fn bundle(name: &str) -> Bundle {
        let ca = issue_ca(name, SystemTime::now(), Duration::from_secs(3600)).unwrap();
        Bundle::of(ca.certificate().clone())
    }

    fn configurations(webhooks: &Value) -> Configurations {
        let object = json!({"metadata": {"name": "pullpass"}, "webhooks": webhooks});
        Configurations { mutating: serde_json::from_value(object).unwrap(), validating: None }
    }

    fn webhook(name: &str, client_config: &Value) -> Value {
        json!({
            "name": name,
            "clientConfig": client_config,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
        })
    }

    #[test]
    fn webhooks_of_other_services_are_not_ours() {
        let service = |namespace: &str, name: &str| json!({"service": {"namespace": namespace, "name": name}});
        let found = configurations(&json!([
            webhook("ours", &service("pullpass-system", "pullpass-webhook")),
            webhook("by-url", &json!({"url": "https://127.0.0.1:8443/mutate"})),
            webhook("other", &service("pullpass-system", "other")),
            webhook("elsewhere", &service("default", "pullpass-webhook")),
        ]));
        let targets = found.targets("pullpass-system", "pullpass-webhook");
        let names: Vec<_> = targets.iter().map(|target| target.webhook.as_str()).collect();
        assert_eq!(names, ["ours", "by-url"]);
        assert_eq!(Configurations::default().targets("pullpass-system", "pullpass-webhook"), []);
    }

    #[test]
    fn an_apply_names_the_version_it_was_decided_on_and_ca_bundles_alone() {
        let bundle = bundle("CA");
        let read = ObjectMeta {
            name: Some("pullpass".into()),
            uid: Some("u".into()),
            resource_version: Some("7".into()),
            labels: Some([("a".to_owned(), "b".to_owned())].into()),
            ..Default::default()
        };
        let patch = apply(RegistrationKind::Mutating, &read, &[("ours".into(), bundle.clone())]);
        let pem = k8s_openapi::ByteString(bundle.pem().into_bytes());
        assert_eq!(
            patch,
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "MutatingWebhookConfiguration",
                "metadata": {"name": "pullpass", "uid": "u", "resourceVersion": "7"},
                "webhooks": [{"name": "ours", "clientConfig": {"caBundle": pem}}],
            })
        );
    }

    #[test]
    fn an_empty_or_broken_ca_bundle_publishes_nothing() {
        let of = |ca_bundle: &[u8]| {
            let ca_bundle = k8s_openapi::ByteString(ca_bundle.to_vec());
            let client = json!({"url": "https://a/mutate", "caBundle": ca_bundle});
            let found = configurations(&json!([webhook("ours", &client)]));
            found.targets("", "").remove(0).published
        };
        let bundle = bundle("CA");
        assert_eq!(of(bundle.pem().as_bytes()), Some(bundle));
        for nothing in [&b""[..], b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n"] {
            assert_eq!(of(nothing), None);
        }
    }
}
