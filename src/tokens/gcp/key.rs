//! A service account's JSON key: a signed assertion for a token (RFC 7523).

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::answer::{Complaint, oauth_token, of_load, skew};
use super::{AccessToken, Endpoint, Failure, Reason, Tokens, url};
use crate::config::SecretKey;
use crate::sources::GoogleKey;
use crate::tokens::http::{self, Answer};

/// What Google wants as the audience of every assertion, wherever it is sent.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Google takes no longer one.
const LIFE: Duration = Duration::from_secs(3600);
/// For a clock that is a little ahead of Google's.
const MARGIN: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

/// Fetches a token by a key.
pub async fn fetch(
    tokens: &Tokens,
    SecretKey { secret, key }: &SecretKey,
    json: &[u8],
    scope: &str,
) -> Result<AccessToken, Failure> {
    let unusable = |reason: &str| {
        let told = format!("the key `{key}` of the Secret {secret} cannot be used: {reason}");
        Failure::new(Reason::Settings, told)
    };
    let parsed = GoogleKey::parse(json).map_err(unusable)?;
    let assertion = assertion(&parsed, scope).map_err(unusable)?;
    let url = url(tokens, Endpoint::GcpToken, "https://oauth2.googleapis.com", "/token");
    let what = format!("ask {url} for a token by the key `{key}` of the Secret {secret}");
    let form = [("grant_type", GRANT_TYPE), ("assertion", &assertion)];
    let answer = http::send(&what, tokens.http.proxied().post(&url).form(&form)).await?;
    match answer.status.is_success() {
        true => oauth_token(&answer),
        false => Err(refused(&answer)),
    }
}

fn assertion(key: &GoogleKey, scope: &str) -> Result<String, &'static str> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_err(|_| "the clock of this machine is before 1970")?;
    let issued = now.saturating_sub(MARGIN);
    let claims = Claims {
        iss: &key.email,
        scope,
        aud: AUDIENCE,
        iat: issued.as_secs(),
        exp: (issued + LIFE).as_secs(),
    };
    let mut header = Header::new(Algorithm::RS256);
    header.kid = key.id.as_deref().map(str::to_owned);
    let unreadable = "its `private_key` is no RSA key in PEM; take the file as Google gave it out";
    let private_key = EncodingKey::from_rsa_pem(key.private_key.expose());
    let private_key = private_key.map_err(|_| unreadable)?;
    jsonwebtoken::encode(&header, &claims, &private_key).map_err(|_| unreadable)
}

fn refused(answer: &Answer) -> Failure {
    let complaint = Complaint::of(answer);
    if let Some(failure) = of_load(answer, &complaint) {
        return failure;
    }
    let failure = |reason, told: &str| answer.failure(reason, &complaint.with(told));
    let says = |text: &str| complaint.text.contains(text);
    match complaint.code.as_deref() {
        Some("invalid_grant") => match skew(answer) {
            Some(skew) => failure(Reason::ClockSkew, &format!("{skew}; set it right by NTP")),
            None if says("short-lived token") => failure(
                Reason::ClockSkew,
                "the clock of this machine is wrong; set it right by NTP",
            ),
            None if says("Signature") => failure(
                Reason::Unauthorized,
                "the key is no longer one of its service account; create another, and put it into the Secret",
            ),
            None if says("account not found") => failure(
                Reason::Unauthorized,
                "the service account of the key is gone; create another with a key of its own",
            ),
            None => failure(
                Reason::Unauthorized,
                "the key is not accepted; look whether its service account is there and enabled",
            ),
        },
        Some("disabled_client" | "deleted_client" | "invalid_client" | "unauthorized_client") => {
            failure(
                Reason::Unauthorized,
                "the service account of the key is disabled, or may not have tokens; enable it",
            )
        }
        Some("access_denied" | "admin_policy_enforced") => {
            failure(Reason::Forbidden, "a policy of the organization forbids it; ask its admin")
        }
        _ => answer.refused(&complaint.with("the request is not understood")),
    }
}
