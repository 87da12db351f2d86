//! A source as written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::config::schema::written;

/// Where the content of a pull secret comes from: exactly one of the fields. Secrets that they name are of
/// the namespace `pullpass-system`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SourceDocument {
    /// A Secret of pull credentials, copied as it is into every namespace granted.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub secret: Option<Spanned<String>>,
    /// A user name and a password or token that does not expire by itself.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BasicDocument")]
    pub basic: Option<Spanned<BasicDocument>>,
    /// A docker config under any key of a Secret of any type, such as GitLab's DOCKER_AUTH_CONFIG.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SecretKeyDocument")]
    pub docker_config: Option<Spanned<SecretKeyDocument>>,
    /// Tokens of Amazon ECR, fetched and renewed.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EcrDocument")]
    pub ecr: Option<Spanned<EcrDocument>>,
    /// Tokens of Google's Artifact Registry, fetched and renewed, or its static keys.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "GcpDocument")]
    pub gcp: Option<Spanned<GcpDocument>>,
    /// Tokens of Azure Container Registry, fetched and renewed.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AcrDocument")]
    pub acr: Option<Spanned<AcrDocument>>,
}

/// A user name and a password. Exactly one of `username` and `usernameFrom` is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BasicDocument {
    /// What the credential is for: `HOST[:PORT][/PATH]`. `docker.io` is Docker Hub.
    #[schemars(with = "String", length(min = 1))]
    pub registry: Spanned<String>,
    /// The user name, where it is no secret.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub username: Option<Spanned<String>>,
    /// Where the user name is.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SecretKeyDocument")]
    pub username_from: Option<Spanned<SecretKeyDocument>>,
    /// Where the password or token is.
    #[schemars(with = "SecretKeyDocument")]
    pub password_from: Spanned<SecretKeyDocument>,
}

/// Tokens of Amazon ECR: of private registries by `accounts` and `region`, or of ECR Public by `public`. Without an
/// access key the identity is that of the controller: IRSA, EKS Pod Identity, or the instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EcrDocument {
    /// The AWS accounts whose registries the identity may pull from, 12 digits each.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>")]
    pub accounts: Option<Spanned<Vec<Spanned<String>>>>,
    /// Their region, such as `eu-central-1`.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub region: Option<Spanned<String>>,
    /// Whether FIPS endpoints are asked, and their hosts covered.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub fips: Option<Spanned<bool>>,
    /// ECR Public (`public.ecr.aws`) instead of private registries.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub public: Option<Spanned<bool>>,
    /// Where the ID of an access key is.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SecretKeyDocument")]
    pub access_key_id_from: Option<Spanned<SecretKeyDocument>>,
    /// Where the secret of that access key is.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SecretKeyDocument")]
    pub secret_access_key_from: Option<Spanned<SecretKeyDocument>>,
    /// The ARN of a role that the identity assumes.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub role_arn: Option<Spanned<String>>,
    /// What the trust policy of that role asks for, if it does.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub external_id: Option<Spanned<String>>,
}

/// Tokens of Google's Artifact Registry, and of the gcr.io hosts that it serves. Without `keyFrom` and
/// `workloadIdentity` the identity is that of the metadata server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GcpDocument {
    /// What the tokens are for: `HOST[/PATH]`, such as `europe-docker.pkg.dev/my-project`.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub registries: Spanned<Vec<Spanned<String>>>,
    /// Where the JSON key of a service account is.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SecretKeyDocument")]
    pub key_from: Option<Spanned<SecretKeyDocument>>,
    /// The key itself is the password, and no token is fetched.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub key_as_password: Option<Spanned<bool>>,
    /// The provider of a workload identity pool that trusts the controller's ServiceAccount:
    /// `//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub workload_identity: Option<Spanned<String>>,
    /// The service account whose tokens are fetched in the name of that identity.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub impersonate: Option<Spanned<String>>,
}

/// Tokens of Azure Container Registry. Without a client secret and a client certificate the identity is the
/// controller's workload identity, or else the machine's managed identity.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AcrDocument {
    /// The registries, such as `my-registry.azurecr.io`.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub registries: Spanned<Vec<Spanned<String>>>,
    /// The Microsoft Entra tenant, an ID or a domain.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub tenant_id: Option<Spanned<String>>,
    /// The application, or the user-assigned managed identity.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub client_id: Option<Spanned<String>>,
    /// Where a client secret of the application is.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SecretKeyDocument")]
    pub client_secret_from: Option<Spanned<SecretKeyDocument>>,
    /// Where a client certificate of the application is: PEM, with its private key.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SecretKeyDocument")]
    pub client_certificate_from: Option<Spanned<SecretKeyDocument>>,
}

/// One value of a Secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecretKeyDocument {
    /// The name of the Secret.
    #[schemars(with = "String")]
    pub secret: Spanned<String>,
    /// The key of its `data`.
    #[schemars(with = "String")]
    pub key: Spanned<String>,
}
