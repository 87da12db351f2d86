//! By what the API server verifies us: the caBundles of our webhook configurations.

use crate::{
    cluster::single::{self, Seen},
    pki::{Bundle, Published},
};
use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::Client;

/// Which of the two webhook configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The MutatingWebhookConfiguration.
    Mutating,
    /// The ValidatingWebhookConfiguration.
    Validating,
}

impl Kind {
    /// The kind as Kubernetes names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        }
    }
}

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
    pub fn set(&mut self, kind: Kind, published: Vec<Published>) {
        *self.of(kind) = Known::State(published);
    }

    /// One configuration cannot be read. What is known of it stays.
    pub fn set_failed(&mut self, kind: Kind, reason: &str) {
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
        for (kind, known) in
            [(Kind::Mutating, &self.mutating), (Kind::Validating, &self.validating)]
        {
            match known {
                Known::State(published) => all.extend_from_slice(published),
                Known::Nothing(reason) => {
                    return Err(format!("{} {}: {reason}", kind.name(), self.name));
                }
            }
        }
        Ok(all)
    }

    fn of(&mut self, kind: Kind) -> &mut Known {
        match kind {
            Kind::Mutating => &mut self.mutating,
            Kind::Validating => &mut self.validating,
        }
    }
}

/// Watches both configurations of a name, for ever.
pub fn watch(
    client: &Client,
    name: &str,
) -> impl Stream<Item = (Kind, Seen<Vec<Published>>)> + Send + use<> {
    let mutating =
        single::watch_cluster_scoped::<MutatingWebhookConfiguration>(client.clone(), name);
    let validating =
        single::watch_cluster_scoped::<ValidatingWebhookConfiguration>(client.clone(), name);
    stream::select(
        mutating.map(|seen| (Kind::Mutating, seen.map(|object| of_mutating(&object)))),
        validating.map(|seen| (Kind::Validating, seen.map(|object| of_validating(&object)))),
    )
}

fn of_mutating(object: &MutatingWebhookConfiguration) -> Vec<Published> {
    let webhooks = object.webhooks.iter().flatten();
    let name = object.metadata.name.as_deref();
    webhooks
        .map(|webhook| of(Kind::Mutating, name, &webhook.name, &webhook.client_config))
        .collect()
}

fn of_validating(object: &ValidatingWebhookConfiguration) -> Vec<Published> {
    let webhooks = object.webhooks.iter().flatten();
    let name = object.metadata.name.as_deref();
    webhooks
        .map(|webhook| of(Kind::Validating, name, &webhook.name, &webhook.client_config))
        .collect()
}

fn of(kind: Kind, name: Option<&str>, webhook: &str, config: &WebhookClientConfig) -> Published {
    let ca_bundle = config.ca_bundle.as_ref().map_or(&[][..], |bytes| &bytes.0);
    Published {
        origin: format!("{} {}, webhook {webhook}", kind.name(), name.unwrap_or_default()),
        server_name: server_name(config),
        bundle: Bundle::parse(ca_bundle),
        is_essential: kind == Kind::Mutating,
    }
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
    fn what_was_read_stays_while_the_watch_fails() {
        let mut bundles = PublishedBundles::new("pullpass".into());
        let unread = "MutatingWebhookConfiguration pullpass: not read yet";
        assert_eq!(bundles.all(), Err(unread.into()));
        bundles.set(Kind::Mutating, vec![]);
        bundles.set_failed(Kind::Validating, "forbidden");
        let failed = "ValidatingWebhookConfiguration pullpass: forbidden";
        assert_eq!(bundles.all(), Err(failed.into()));
        bundles.set(Kind::Validating, vec![]);
        bundles.set_failed(Kind::Validating, "forbidden");
        assert_eq!(bundles.all(), Ok(vec![]));
    }
}
