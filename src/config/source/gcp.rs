//! The kind `gcp`: tokens of Google's Artifact Registry, or its static keys.

use serde_saphyr::Spanned;

use super::{SecretKey, document::GcpDocument};
use crate::config::entry::Check;

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
    /// The provider of a workload identity pool that trusts the controller's ServiceAccount.
    WorkloadIdentity(Box<str>),
    /// Whom the metadata server knows.
    Metadata,
}

impl Gcp {
    /// The values of Secrets that a token is fetched with.
    pub fn keys(&self) -> Vec<&SecretKey> {
        match &self.identity {
            GcpIdentity::Key(key) => vec![key],
            GcpIdentity::WorkloadIdentity(_) | GcpIdentity::Metadata => vec![],
        }
    }
}

impl Check<'_> {
    pub(super) fn gcp(&mut self, document: &Spanned<GcpDocument>) -> Gcp {
        let written = &document.value;
        let field = "source.gcp";
        let registries = self.registries(&written.registries, field);
        let identity = match (&written.key_from, &written.workload_identity) {
            (Some(key), None) => {
                GcpIdentity::Key(self.secret_key(&key.value, "source.gcp.keyFrom"))
            }
            (None, Some(provider)) => GcpIdentity::WorkloadIdentity(provider.value.as_str().into()),
            (None, None) => GcpIdentity::Metadata,
            (Some(_), Some(_)) => {
                let reason = "both `keyFrom` and `workloadIdentity` are written".to_owned();
                self.problem(document, field, reason, "write one of them");
                GcpIdentity::Metadata
            }
        };
        let impersonate = written.impersonate.as_ref().map(|email| email.value.as_str().into());
        Gcp { registries, identity, impersonate }
    }
}
