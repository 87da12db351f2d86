//! By what the API server verifies us: the caBundles of our webhook configurations.

use crate::{
    cluster::{
        registration::{Registration, RegistrationKind},
        single::{self, Seen},
    },
    pki::{Bundle, Published},
};
use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::ClusterResourceScope;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// What the configurations of our name publish, one for each webhook in them.
#[derive(Debug)]
pub struct PublishedBundles {
    name: String,
    mutating: Known,
    validating: Known,
}

/// What is known of one configuration.
#[derive(Debug)]
enum Known {
    /// Nothing yet, for this reason.
    Nothing(String),
    /// Its last state. One that does not exist publishes nothing, and nobody calls by it.
    State(Vec<Published>),
}

impl PublishedBundles {
    /// Nothing is known yet of the configurations of this name.
    pub fn new(name: String) -> Self {
        let unread = || Known::Nothing("not read yet".to_owned());
        Self { mutating: unread(), validating: unread(), name }
    }

    /// Takes the state of one configuration.
    pub fn set(&mut self, kind: RegistrationKind, published: Vec<Published>) {
        *self.of(kind) = Known::State(published);
    }

    /// One configuration cannot be read. What is known of it stays.
    pub fn set_failed(&mut self, kind: RegistrationKind, reason: &str) {
        let known = self.of(kind);
        if matches!(known, Known::Nothing(_)) {
            *known = Known::Nothing(reason.to_owned());
        }
    }

    /// All that is published.
    ///
    /// # Errors
    /// What is not known yet, and why.
    pub fn all(&self) -> Result<Vec<Published>, String> {
        let mut all = Vec::new();
        for (kind, known) in [
            (RegistrationKind::Mutating, &self.mutating),
            (RegistrationKind::Validating, &self.validating),
        ] {
            match known {
                Known::State(published) => all.extend_from_slice(published),
                Known::Nothing(reason) => {
                    return Err(format!("{kind} {}: {reason}", self.name));
                }
            }
        }
        Ok(all)
    }

    fn of(&mut self, kind: RegistrationKind) -> &mut Known {
        match kind {
            RegistrationKind::Mutating => &mut self.mutating,
            RegistrationKind::Validating => &mut self.validating,
        }
    }
}

/// Watches both configurations of a name, for ever. Of their webhooks those that call another Service
/// than `own`, such as `pullpass-webhook.pullpass-system.svc`, are somebody else's.
pub fn watch(
    client: &Client,
    name: &str,
    own: Option<&str>,
) -> impl Stream<Item = (RegistrationKind, Seen<Vec<Published>>)> + Send + use<> {
    stream::select(
        watch_one::<MutatingWebhookConfiguration>(client, name, own),
        watch_one::<ValidatingWebhookConfiguration>(client, name, own),
    )
}

fn watch_one<R>(
    client: &Client,
    name: &str,
    own: Option<&str>,
) -> impl Stream<Item = (RegistrationKind, Seen<Vec<Published>>)> + Send + use<R>
where
    R: Registration + Resource<Scope = ClusterResourceScope, DynamicType = ()>,
    R: Clone + Debug + DeserializeOwned + Send + 'static,
{
    let (name, own) = (name.to_owned(), own.map(str::to_owned));
    single::watch_cluster_scoped::<R>(client.clone(), &name)
        .map(move |seen| (R::KIND, seen.map(|object| of(&name, &object, own.as_deref()))))
}

fn of<R: Registration>(name: &str, registration: &R, own: Option<&str>) -> Vec<Published> {
    let is_ours = |config: &WebhookClientConfig| {
        config.service.is_none() || own.is_none_or(|own| server_name(config) == own)
    };
    let webhooks = registration.webhooks();
    webhooks
        .filter(|(_, config)| is_ours(config))
        .map(|(webhook, config)| {
            let ca_bundle = config.ca_bundle.as_ref().map_or(&[][..], |bytes| &bytes.0);
            Published {
                origin: format!("{} {name}, webhook {webhook}", R::KIND),
                server_name: server_name(config),
                bundle: Bundle::parse_published(ca_bundle),
                is_essential: R::KIND == RegistrationKind::Mutating,
            }
        })
        .collect()
}

/// The name that the API server connects to and verifies; empty if there is none.
fn server_name(config: &WebhookClientConfig) -> String {
    if let Some(service) = &config.service {
        return format!("{}.{}.svc", service.name, service.namespace);
    }
    let host = config
        .url
        .as_deref()
        .and_then(|url| url.parse::<axum::http::Uri>().ok())
        .and_then(|url| url.host().map(str::to_owned));
    let host = host.unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::admissionregistration::v1::ServiceReference;
    use rstest::rstest;

    #[rstest]
    #[case("https://127.0.0.1:8443/mutate", "127.0.0.1")]
    #[case("https://[::1]:8443/mutate", "::1")]
    #[case("https://pullpass.example/mutate?a=b", "pullpass.example")]
    #[case("no URL", "")]
    fn the_api_server_verifies_the_host_of_a_url(#[case] url: &str, #[case] name: &str) {
        let config = WebhookClientConfig { url: Some(url.to_owned()), ..Default::default() };
        assert_eq!(server_name(&config), name);
    }

    #[test]
    fn and_the_dns_name_of_a_service() {
        let service = ServiceReference {
            name: "pullpass-webhook".into(),
            namespace: "pullpass-system".into(),
            ..Default::default()
        };
        let config = WebhookClientConfig { service: Some(service), ..Default::default() };
        assert_eq!(server_name(&config), "pullpass-webhook.pullpass-system.svc");
    }

    #[test]
    fn a_webhook_of_another_service_is_somebody_elses() {
        let calling = |client_config: serde_json::Value| {
            serde_json::json!({
                "name": "a.example",
                "clientConfig": client_config,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
            })
        };
        let service =
            |name: &str| serde_json::json!({"service": {"name": name, "namespace": "system"}});
        let configuration: MutatingWebhookConfiguration =
            serde_json::from_value(serde_json::json!({
                "webhooks": [
                    calling(service("ours")),
                    calling(service("other")),
                    calling(serde_json::json!({"url": "https://127.0.0.1/mutate"})),
                ]
            }))
            .unwrap();
        let names = |own| {
            let of = of("pullpass", &configuration, own).into_iter();
            of.map(|published| published.server_name).collect::<Vec<_>>()
        };
        assert_eq!(names(Some("ours.system.svc")), ["ours.system.svc", "127.0.0.1"]);
        assert_eq!(names(None), ["ours.system.svc", "other.system.svc", "127.0.0.1"]);
    }

    #[test]
    fn what_was_read_stays_while_the_watch_fails() {
        let mut bundles = PublishedBundles::new("pullpass".into());
        let unread = "MutatingWebhookConfiguration pullpass: not read yet";
        assert_eq!(bundles.all(), Err(unread.into()));
        bundles.set(RegistrationKind::Mutating, vec![]);
        bundles.set_failed(RegistrationKind::Validating, "forbidden");
        let failed = "ValidatingWebhookConfiguration pullpass: forbidden";
        assert_eq!(bundles.all(), Err(failed.into()));
        bundles.set(RegistrationKind::Validating, vec![]);
        bundles.set_failed(RegistrationKind::Validating, "forbidden");
        assert_eq!(bundles.all(), Ok(vec![]));
    }
}
