//! Who asks for tokens: by the settings, and by the environment that the webhook of Azure Workload Identity
//! gives to Pods.

use reqwest::Url;

use crate::config::{Acr, AcrIdentity, AzureCloud, SecretKey, is_guid, is_tenant};
use crate::credentials::Hidden;
use crate::sources::TokenRequest;
use crate::tokens::endpoints::is_bare;
use crate::tokens::{Endpoint, Failure, Reason, Tokens};

const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";
const CLIENT_ID: &str = "AZURE_CLIENT_ID";
const TENANT_ID: &str = "AZURE_TENANT_ID";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// Who asks.
#[derive(Debug)]
pub enum Identity {
    /// Whom Microsoft Entra knows.
    Application(Application),
    /// Whom the metadata server of the machine knows.
    Managed {
        /// Which of the machine's identities.
        client_id: Option<String>,
        /// Its tenant, if that is known.
        tenant: Option<String>,
    },
}

/// An application of a tenant, or a managed identity that trusts a ServiceAccount.
#[derive(Debug)]
pub struct Application {
    /// Where Microsoft Entra is asked.
    pub authority: Url,
    /// An ID or a domain.
    pub tenant: String,
    /// The client ID.
    pub client_id: String,
    /// By what it is known.
    pub proof: Proof,
}

/// By what an application is known.
#[derive(Debug)]
pub enum Proof {
    /// A client secret.
    Secret(String, Hidden),
    /// A certificate with its private key (PEM), and where it is, for errors.
    Certificate(String, Hidden),
    /// A file with a token of the controller's ServiceAccount.
    TokenFile(String),
}

impl Identity {
    /// The tenant, if it is known.
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Application(application) => Some(&application.tenant),
            Self::Managed { tenant, .. } => tenant.as_deref(),
        }
    }

    /// By the settings first, and by the environment where they say nothing.
    pub fn of(tokens: &Tokens, settings: &Acr, request: &TokenRequest) -> Result<Self, Failure> {
        let written = |id: &Option<Box<str>>| id.as_deref().map(str::to_owned);
        let (tenant, client_id) = (written(&settings.tenant_id), written(&settings.client_id));
        let proof = match &settings.identity {
            AcrIdentity::ClientSecret(key) => Proof::Secret(place(key), value(request, key)),
            AcrIdentity::ClientCertificate(key) => {
                Proof::Certificate(place(key), value(request, key))
            }
            AcrIdentity::Environment => {
                let tenant = or_variable(tokens, tenant, TENANT_ID, is_tenant)?;
                let client_id = or_variable(tokens, client_id, CLIENT_ID, is_guid)?;
                let Some(file) = tokens.environment.text(TOKEN_FILE) else {
                    return Ok(Self::Managed { client_id, tenant });
                };
                let application = Application {
                    authority: authority(
                        tokens,
                        settings.cloud,
                        tokens.environment.text(AUTHORITY_HOST).as_deref(),
                    )?,
                    tenant: tenant.ok_or_else(|| lacking("tenantId", TENANT_ID, "tenant-id"))?,
                    client_id: client_id
                        .ok_or_else(|| lacking("clientId", CLIENT_ID, "client-id"))?,
                    proof: Proof::TokenFile(file),
                };
                return Ok(Self::Application(application));
            }
        };
        let authority = authority(tokens, settings.cloud, None)?;
        let (Some(tenant), Some(client_id)) = (tenant, client_id) else {
            let told = "an application is known by its tenant and its client ID: write `tenantId` and `clientId`";
            return Err(Failure::new(Reason::Settings, told));
        };
        Ok(Self::Application(Application { authority, tenant, client_id, proof }))
    }
}

fn place(key: &SecretKey) -> String {
    format!("the key `{}` of the Secret {}", key.key, key.secret)
}

fn value(request: &TokenRequest, key: &SecretKey) -> Hidden {
    Hidden::new(request.value(key))
}

/// What is written, or else a variable: what stands in URLs is checked, wherever it is from.
fn or_variable(
    tokens: &Tokens,
    written: Option<String>,
    name: &str,
    is_good: impl Fn(&str) -> bool,
) -> Result<Option<String>, Failure> {
    match written.or_else(|| tokens.environment.text(name)) {
        Some(text) if !is_good(&text) => {
            let told = format!("the environment variable {name} of the controller has no valid ID");
            Err(Failure::new(Reason::NoIdentity, told))
        }
        text => Ok(text),
    }
}

fn lacking(field: &str, name: &str, annotation: &str) -> Failure {
    let told = format!(
        "the workload identity is not complete: there is neither `{field}` nor the environment variable {name}; write `{field}`, or annotate the ServiceAccount pullpass-controller with azure.workload.identity/{annotation}"
    );
    Failure::new(Reason::NoIdentity, told)
}

/// By the flag; else by what the cluster gives; else by the cloud of the registries.
fn authority(tokens: &Tokens, cloud: AzureCloud, of_cluster: Option<&str>) -> Result<Url, Failure> {
    if let Some(url) = tokens.endpoints.get(Endpoint::Entra) {
        return Ok(url.clone());
    }
    let text = of_cluster.unwrap_or(match cloud {
        AzureCloud::Public => "https://login.microsoftonline.com",
        AzureCloud::China => "https://login.chinacloudapi.cn",
        AzureCloud::UsGovernment => "https://login.microsoftonline.us",
    });
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && is_bare(url));
    url.ok_or_else(|| {
        let told = format!(
            "the environment variable {AUTHORITY_HOST} of the controller is not of the form https://HOST[/PATH]"
        );
        Failure::new(Reason::NoIdentity, told)
    })
}
