//! The kind `acr`: tokens of Azure Container Registry.

use serde_saphyr::Spanned;

use super::{SecretKey, basic::check_registry, document::AcrDocument};
use crate::config::{entry::Check, kubernetes_names as names};

/// Tokens of Azure Container Registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acr {
    /// The hosts, in lower case.
    pub registries: Vec<Box<str>>,
    /// The cloud that all of them are of.
    pub cloud: AzureCloud,
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

/// A cloud of Azure. Identities of one are not known in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AzureCloud {
    /// `azurecr.io`.
    Public,
    /// `azurecr.cn`.
    China,
    /// `azurecr.us`.
    UsGovernment,
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

impl AzureCloud {
    /// That of a registry, by its host; none for a host that is not Azure's.
    pub fn of_registry(host: &str) -> Option<Self> {
        let (name, domain) = host.rsplit_once(".azurecr.")?;
        match domain {
            _ if !names::is_dns_subdomain(name) => None,
            "io" => Some(Self::Public),
            "cn" => Some(Self::China),
            "us" => Some(Self::UsGovernment),
            _ => None,
        }
    }
}

impl Check<'_> {
    pub(super) fn acr(&mut self, document: &Spanned<AcrDocument>) -> Acr {
        let written = &document.value;
        let field = "source.acr";
        let registries = self.registries(&written.registries, field);
        let registries = registries.iter().map(|host| host.to_ascii_lowercase().into()).collect();
        let cloud = self.cloud(&written.registries);
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
        if let Some(tenant) = written.tenant_id.as_ref().filter(|id| !is_tenant(&id.value)) {
            let reason = "it is neither the ID of a tenant nor a domain".to_owned();
            let hint =
                "write it as 12345678-1234-1234-1234-123456789012 or `contoso.onmicrosoft.com`";
            self.problem(tenant, "source.acr.tenantId", reason, hint);
        }
        if let Some(client) = written.client_id.as_ref().filter(|id| !is_guid(&id.value)) {
            // It is not shown: a secret is easily put where the ID belongs.
            let reason = "it is no client ID".to_owned();
            let hint =
                "write the application (client) ID, such as 12345678-1234-1234-1234-123456789012";
            self.problem(client, "source.acr.clientId", reason, hint);
        }
        let text = |value: &Option<Spanned<String>>| {
            value.as_ref().map(|value| value.value.as_str().into())
        };
        let (tenant_id, client_id) = (text(&written.tenant_id), text(&written.client_id));
        Acr { registries, cloud, tenant_id, client_id, identity }
    }

    /// The token of an identity goes to each registry: to none but Azure's, of one cloud.
    fn cloud(&mut self, written: &Spanned<Vec<Spanned<String>>>) -> AzureCloud {
        let field = "source.acr.registries";
        let mut first: Option<AzureCloud> = None;
        // Of others it has been told what is wrong with them.
        let hosts = written.value.iter().filter(|host| check_registry(&host.value).is_ok());
        for host in hosts {
            let shown = names::shortened(&host.value);
            match (AzureCloud::of_registry(&host.value.to_ascii_lowercase()), first) {
                (None, _) => {
                    let reason = format!("`{shown}` is no registry of Azure");
                    let hint = "write its login server, such as `my-registry.azurecr.io`";
                    self.problem(host, field, reason, hint);
                }
                (Some(cloud), Some(first)) if cloud != first => {
                    let reason = format!("`{shown}` is of another cloud than those before it");
                    self.problem(host, field, reason, "write one entry for each cloud");
                }
                (cloud, _) => first = first.or(cloud),
            }
        }
        first.unwrap_or(AzureCloud::Public)
    }
}

/// A tenant of Microsoft Entra, as it stands in URLs: its ID, or one of its domains.
pub fn is_tenant(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    is_guid(&text) || (text.contains('.') && names::is_dns_subdomain(&text))
}

/// 8, 4, 4, 4 and 12 hexadecimal digits.
pub fn is_guid(text: &str) -> bool {
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(is_part)
}
