//! Tokens of the kind `ecr`: of Amazon ECR and of ECR Public.

mod identity;
mod metadata;
mod refusal;
mod sdk;

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use base64::{Engine, engine::general_purpose::STANDARD};

use self::identity::Identity;
use self::sdk::{Aim, Call};
use super::{Endpoint, Expiry, Failure, Reason, Token, Tokens};
use crate::config::{Ecr, EcrRegistry};
use crate::credentials::{Hidden, compose::Login};
use crate::sources::TokenRequest;

/// The only region in which ECR Public is asked for tokens.
const PUBLIC_REGION: &str = "us-east-1";
const USERNAME: &str = "AWS";
const MAX_TOKEN: usize = 64 << 10;

/// The region that is asked, and whether by its FIPS endpoints.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    region: &'a str,
    fips: bool,
}

/// Fetches a token.
pub async fn fetch(
    tokens: &Tokens,
    settings: &Ecr,
    request: &TokenRequest,
) -> Result<Token, Failure> {
    // The SDK logs what it receives, down to bodies; what matters of it is in the failure.
    let silent = tracing::subscriber::NoSubscriber::new();
    let fetched = tracing::instrument::WithSubscriber::with_subscriber(
        fetch_in_silence(tokens, settings, request),
        silent,
    );
    fetched.await
}

async fn fetch_in_silence(
    tokens: &Tokens,
    settings: &Ecr,
    request: &TokenRequest,
) -> Result<Token, Failure> {
    let place = match &settings.registry {
        EcrRegistry::Public => Place { region: PUBLIC_REGION, fips: false },
        EcrRegistry::Private { region, fips, .. } => Place { region, fips: *fips },
    };
    let identity = identity::resolve(tokens, settings, request, place).await?;
    let (token, expires_at) = match settings.registry {
        EcrRegistry::Public => of_public(tokens, &identity, place).await?,
        EcrRegistry::Private { .. } => of_private(tokens, &identity, place).await?,
    };
    let password = password(&token)?;
    let login =
        |registry| Login { registry, username: USERNAME.to_owned(), password: password.clone() };
    let expiry = expires_at.and_then(|at| SystemTime::try_from(at).ok());
    Ok(Token {
        logins: settings.registries().into_iter().map(login).collect(),
        expiry: expiry.map_or(Expiry::Unknown, Expiry::At),
    })
}

/// What an issuer gave: base64 of `AWS:PASSWORD`, and when it ends.
type Given = (Hidden, Option<DateTime>);

async fn of_private(
    tokens: &Tokens,
    identity: &Identity,
    place: Place<'_>,
) -> Result<Given, Failure> {
    let call = Call::new(tokens, Endpoint::Ecr, place, Aim::Ecr, &identity.who);
    let client = aws_sdk_ecr::Client::new(&call.config(Some(&identity.credentials)));
    let answer = client.get_authorization_token().send().await;
    let answer = answer.map_err(|error| call.failure(error))?;
    let data = answer.authorization_data.unwrap_or_default().into_iter().next();
    let (token, at) = data.map(|data| (data.authorization_token, data.expires_at)).unzip();
    given(&call, token.flatten(), at.flatten())
}

async fn of_public(
    tokens: &Tokens,
    identity: &Identity,
    place: Place<'_>,
) -> Result<Given, Failure> {
    let call = Call::new(tokens, Endpoint::EcrPublic, place, Aim::EcrPublic, &identity.who);
    let client = aws_sdk_ecrpublic::Client::new(&call.config(Some(&identity.credentials)));
    let answer = client.get_authorization_token().send().await;
    let answer = answer.map_err(|error| call.failure(error))?;
    let data = answer.authorization_data;
    let (token, at) = data.map(|data| (data.authorization_token, data.expires_at)).unzip();
    given(&call, token.flatten(), at.flatten())
}

fn given(call: &Call, token: Option<String>, at: Option<DateTime>) -> Result<Given, Failure> {
    match token {
        Some(token) => Ok((Hidden::new(token.into_bytes()), at)),
        None => Err(call.not_understood("it has no `authorizationToken`")),
    }
}

/// The password that a token is.
fn password(token: &Hidden) -> Result<Hidden, Failure> {
    let refused = |told: &str| {
        let message = format!("failed to read the token that Amazon ECR gave: {told}");
        Err(Failure::new(Reason::Answer, message))
    };
    if token.expose().len() > MAX_TOKEN {
        return refused("it has more than 64 KiB");
    }
    let Ok(decoded) = STANDARD.decode(token.expose()) else {
        return refused("it is not base64");
    };
    let Some(password) = decoded.strip_prefix(b"AWS:") else {
        return refused("it is not of the form AWS:PASSWORD");
    };
    match std::str::from_utf8(password) {
        Ok("") => refused("its password is empty"),
        Ok(text) if !text.chars().any(char::is_control) => Ok(Hidden::new(password)),
        _ => refused("its password has characters that no password has"),
    }
}
