//! The kind `acr`: tokens of Azure Container Registry.

use serde_saphyr::Spanned;

use super::{SecretKey, document::AcrDocument};
use crate::config::entry::Check;

/// Tokens of Azure Container Registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acr {
    /// The hosts.
    pub registries: Vec<Box<str>>,
    /// The Microsoft Entra tenant.
    pub tenant_id: Option<Box<str>>,
    /// The application, or the managed identity.
    pub client_id: Option<Box<str>>,
    /// Who fetches them.
    pub identity: AcrIdentity,
}

/// Who fetches tokens of Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcrIdentity {
    /// An application with a client secret.
    ClientSecret(SecretKey),
    /// An application with a client certificate: PEM, with its private key.
    ClientCertificate(SecretKey),
    /// The controller's workload identity, or else the machine's managed identity.
    Environment,
}

impl Acr {
    /// The values of Secrets that a token is fetched with.
    pub fn keys(&self) -> Vec<&SecretKey> {
        match &self.identity {
            AcrIdentity::ClientSecret(key) | AcrIdentity::ClientCertificate(key) => vec![key],
            AcrIdentity::Environment => vec![],
        }
    }
}

impl Check<'_> {
    pub(super) fn acr(&mut self, document: &Spanned<AcrDocument>) -> Acr {
        let written = &document.value;
        let field = "source.acr";
        let registries = self.registries(&written.registries, field);
        let identity = match (&written.client_secret_from, &written.client_certificate_from) {
            (Some(key), None) => AcrIdentity::ClientSecret(
                self.secret_key(&key.value, "source.acr.clientSecretFrom"),
            ),
            (None, Some(key)) => AcrIdentity::ClientCertificate(
                self.secret_key(&key.value, "source.acr.clientCertificateFrom"),
            ),
            (None, None) => AcrIdentity::Environment,
            (Some(_), Some(_)) => {
                let reason = "both `clientSecretFrom` and `clientCertificateFrom` are written";
                self.problem(document, field, reason.to_owned(), "write one of them");
                AcrIdentity::Environment
            }
        };
        let is_application = identity != AcrIdentity::Environment;
        if is_application && (written.tenant_id.is_none() || written.client_id.is_none()) {
            let reason = "an application is known by its tenant and its client ID".to_owned();
            self.problem(document, field, reason, "write `tenantId` and `clientId`");
        }
        let text = |value: &Option<Spanned<String>>| {
            value.as_ref().map(|value| value.value.as_str().into())
        };
        let (tenant_id, client_id) = (text(&written.tenant_id), text(&written.client_id));
        Acr { registries, tenant_id, client_id, identity }
    }
}
