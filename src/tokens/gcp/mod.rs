//! Tokens of the kind `gcp`: who asks (`key`, `federation`, `metadata`), in whose name (`impersonation`), and
//! what the answers mean (`answer`).

mod answer;
mod federation;
mod impersonation;
mod key;
mod metadata;

use super::{Endpoint, Expiry, Failure, Reason, Token, Tokens};
use crate::config::{Gcp, GcpIdentity};
use crate::credentials::{Hidden, compose::Login};
use crate::sources::TokenRequest;

/// The least that pulls: Google asks for no more of a machine that pulls from Artifact Registry. With
/// `cloud-platform.read-only`, the least that the API of Artifact Registry names, whoever has the token could
/// read all that the identity can read of the cloud.
const PULL: &str = "https://www.googleapis.com/auth/devstorage.read_only";
/// The least that makes tokens of another service account. Such a token stays within the controller.
const IMPERSONATE: &str = "https://www.googleapis.com/auth/iam";
/// As Artifact Registry calls whoever has a token.
const USERNAME: &str = "oauth2accesstoken";

/// A token as Google gives it out.
struct AccessToken {
    value: Hidden,
    expiry: Expiry,
}

/// Fetches a token.
pub async fn fetch(
    tokens: &Tokens,
    settings: &Gcp,
    request: &TokenRequest,
) -> Result<Token, Failure> {
    let scope = match &settings.impersonate {
        Some(_) => IMPERSONATE,
        None => PULL,
    };
    let own = match &settings.identity {
        GcpIdentity::Key(key) => key::fetch(tokens, key, request.value(key), scope).await?,
        GcpIdentity::WorkloadIdentity(provider) => {
            federation::fetch(tokens, provider, scope).await?
        }
        GcpIdentity::Metadata => metadata::fetch(tokens, scope).await?,
        GcpIdentity::KeyAsPassword(_) => {
            let told = "with `keyAsPassword` the key is the password, and there is no token";
            return Err(Failure::new(Reason::Settings, told));
        }
    };
    let AccessToken { value, expiry } = match &settings.impersonate {
        Some(email) => impersonation::fetch(tokens, email, &own).await?,
        None => own,
    };
    let login = |registry: &str| Login {
        registry: registry.to_owned(),
        username: USERNAME.to_owned(),
        password: value.clone(),
    };
    let logins = settings.registries.iter().map(|registry| login(registry)).collect();
    Ok(Token { logins, expiry })
}

/// Where a service is asked: at `host`, or where the controller's flags say.
fn url(tokens: &Tokens, endpoint: Endpoint, host: &str, path: &str) -> String {
    let base = tokens.endpoints.get(endpoint).map_or(host, |url| url.as_str());
    format!("{}{path}", base.trim_end_matches('/'))
}
