//! Tokens of Azure Container Registry. Of Microsoft Entra, or of a metadata server, there is one token for
//! the identity; each registry gives for it a refresh token, which is the password.
//!
//! Data flows `identity` (who asks) -> `entra` or `metadata` (its token) -> `exchange` (that of a registry).

mod answer;
mod assertion;
mod entra;
mod exchange;
mod identity;
mod metadata;

use std::time::{Duration, SystemTime};

use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, stream};
use reqwest::Url;

use self::identity::Identity;
use super::{Expiry, Failure, Token, Tokens};
use crate::config::Acr;
use crate::credentials::compose::Login;
use crate::credentials::{Hidden, JwtTimes, times_of_jwt};
use crate::sources::TokenRequest;

/// What tokens are for, in every cloud.
const RESOURCE: &str = "https://containerregistry.azure.net";
/// The user name by which registries know that the password is a refresh token.
const USERNAME: &str = "00000000-0000-0000-0000-000000000000";
/// So many registries are asked at once.
const AT_ONCE: usize = 8;

/// Fetches a token.
pub async fn fetch(
    tokens: &Tokens,
    settings: &Acr,
    request: &TokenRequest,
) -> Result<Token, Failure> {
    let identity = Identity::of(tokens, settings, request)?;
    let token = match &identity {
        Identity::Application(application) => entra::token(tokens, application).await?,
        Identity::Managed { client_id, .. } => {
            metadata::token(tokens, client_id.as_deref()).await?
        }
    };
    let exchange = |registry| {
        let password = exchange::refresh_token(tokens, registry, identity.tenant(), &token);
        password.map_ok(|password| login(registry, password)).boxed()
    };
    let exchanges: Vec<_> = settings.registries.iter().map(|it| exchange(&**it)).collect();
    let logins: Vec<Login> = stream::iter(exchanges).buffered(AT_ONCE).try_collect().await?;
    let expiry = expiry(&logins);
    Ok(Token { logins, expiry })
}

fn login(registry: &str, password: String) -> Login {
    let (registry, username) = (registry.to_owned(), USERNAME.to_owned());
    Login { registry, username, password: Hidden::new(password.into_bytes()) }
}

/// The earliest: together they are one Secret. If one is not known, nobody knows which is the earliest.
fn expiry(logins: &[Login]) -> Expiry {
    let times: Option<Vec<_>> =
        logins.iter().map(|login| times_of_jwt(login.password.expose())).collect();
    times.and_then(|times| earliest(&times)).unwrap_or(Expiry::Unknown)
}

/// As the time that is left, where that is told: a clock that differs from the issuer's changes nothing of it.
fn earliest(times: &[JwtTimes]) -> Option<Expiry> {
    let seconds = |seconds: i64| u64::try_from(seconds).ok().map(Duration::from_secs);
    let lives: Option<Vec<i64>> =
        times.iter().map(|times| Some(times.expires_at - times.issued_at?)).collect();
    match lives {
        Some(lives) => Some(Expiry::After(seconds(lives.into_iter().min()?)?)),
        None => {
            let end = seconds(times.iter().map(|times| times.expires_at).min()?)?;
            SystemTime::UNIX_EPOCH.checked_add(end).map(Expiry::At)
        }
    }
}

/// A path below a base, which may have a path of its own.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}
