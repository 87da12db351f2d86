//! The kind `gcp`: tokens of Google's Artifact Registry, or its static keys.

use serde_saphyr::Spanned;

use super::{SecretKey, document::GcpDocument};
use crate::config::{entry::Check, kubernetes_names as names};

/// Tokens of Google's Artifact Registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gcp {
    /// `HOST[/PATH]` each.
    pub registries: Vec<Box<str>>,
    /// Who fetches them.
    pub identity: GcpIdentity,
    /// The service account whose tokens are fetched in the name of that identity.
    pub impersonate: Option<Box<str>>,
}

/// Who fetches tokens of Google.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GcpIdentity {
    /// The service account whose JSON key this is.
    Key(SecretKey),
    /// Nobody: this JSON key is the password itself.
    KeyAsPassword(SecretKey),
    /// The provider of a workload identity pool that trusts the controller's ServiceAccount.
    WorkloadIdentity(Box<str>),
    /// Whom the metadata server knows.
    Metadata,
}

impl Gcp {
    /// The values of Secrets that a token is fetched with.
    pub fn keys(&self) -> Vec<&SecretKey> {
        match &self.identity {
            GcpIdentity::Key(key) | GcpIdentity::KeyAsPassword(key) => vec![key],
            GcpIdentity::WorkloadIdentity(_) | GcpIdentity::Metadata => vec![],
        }
    }
}

impl Check<'_> {
    pub(super) fn gcp(&mut self, document: &Spanned<GcpDocument>) -> Gcp {
        let written = &document.value;
        let registries = self.registries(&written.registries, "source.gcp");
        let identity = self.gcp_identity(document);
        if let Some(provider) =
            written.workload_identity.as_ref().filter(|provider| !is_provider(&provider.value))
        {
            let reason = format!(
                "`{}` is not the provider of a workload identity pool",
                names::shortened(&provider.value)
            );
            let hint = "write it as `//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`, with the digits that `gcloud projects describe` shows as `projectNumber` for NUMBER";
            self.problem(provider, "source.gcp.workloadIdentity", reason, hint);
        }
        if let Some(email) =
            written.impersonate.as_ref().filter(|email| !is_service_account(&email.value))
        {
            let reason = format!("`{}` is not a service account", names::shortened(&email.value));
            let hint = "write its email, such as `puller@my-project.iam.gserviceaccount.com`";
            self.problem(email, "source.gcp.impersonate", reason, hint);
        }
        let impersonate = written.impersonate.as_ref().map(|email| email.value.as_str().into());
        Gcp { registries, identity, impersonate }
    }

    fn gcp_identity(&mut self, document: &Spanned<GcpDocument>) -> GcpIdentity {
        let written = &document.value;
        let as_password = written.key_as_password.as_ref().filter(|written| written.value);
        let field = "source.gcp.keyAsPassword";
        if let Some(as_password) = as_password.filter(|_| written.impersonate.is_some()) {
            let reason = "it has no meaning with `impersonate`: no token is fetched".to_owned();
            self.problem(as_password, field, reason, "remove one of the two");
        }
        match (&written.key_from, &written.workload_identity) {
            (Some(key), None) => {
                let key = self.secret_key(&key.value, "source.gcp.keyFrom");
                match as_password {
                    Some(_) => GcpIdentity::KeyAsPassword(key),
                    None => GcpIdentity::Key(key),
                }
            }
            (None, provider) => {
                if let Some(as_password) = as_password {
                    let reason = "it has a meaning only with `keyFrom`".to_owned();
                    self.problem(as_password, field, reason, "remove it, or add `keyFrom`");
                }
                match provider {
                    Some(provider) => GcpIdentity::WorkloadIdentity(provider.value.as_str().into()),
                    None => GcpIdentity::Metadata,
                }
            }
            (Some(_), Some(_)) => {
                let reason = "both `keyFrom` and `workloadIdentity` are written".to_owned();
                self.problem(document, "source.gcp", reason, "write one of them");
                GcpIdentity::Metadata
            }
        }
    }
}

/// Whether images of Artifact Registry are under this `HOST[/PATH]` by Google's own names.
pub(in crate::config) fn is_google_host(registry: &str) -> bool {
    let host = registry.split('/').next().unwrap_or(registry).to_ascii_lowercase();
    host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with("-docker.pkg.dev")
}

fn is_provider(text: &str) -> bool {
    let is_word = |text: &str| {
        let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !text.is_empty() && text.bytes().all(is_letter)
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let path = text.strip_prefix("//iam.googleapis.com/").unwrap_or_default();
    match &path.split('/').collect::<Vec<_>>()[..] {
        [
            "projects",
            number,
            "locations",
            "global",
            "workloadIdentityPools",
            pool,
            "providers",
            provider,
        ] => is_number(number) && is_word(pool) && is_word(provider),
        _ => false,
    }
}

/// `NAME@PROJECT.iam.gserviceaccount.com`, or a default one such as
/// `NUMBER-compute@developer.gserviceaccount.com`.
fn is_service_account(email: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(is_letter);
    match email.split_once('@') {
        Some((name, domain)) => {
            let domain = domain.strip_suffix(".gserviceaccount.com").unwrap_or_default();
            is_name(name) && is_name(domain)
        }
        None => false,
    }
}
