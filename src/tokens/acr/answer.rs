//! What is read of answers. Of an error nothing is shown but codes that are known: the rest may repeat what
//! was sent.

use serde::Deserialize;
use serde_json::Value;

use crate::tokens::http::Answer;
use crate::tokens::{Failure, Reason};

const MAX_TOKEN: usize = 64 << 10;
/// `AADSTS7000215` is among the longest.
const MAX_NUMBER: u32 = 99_999_999;
/// The codes of OAuth (RFC 6749, 5.2), and those that Microsoft Entra adds.
const OAUTH_CODES: [&str; 11] = [
    "access_denied",
    "consent_required",
    "interaction_required",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_resource",
    "invalid_scope",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];
/// Those of registries.
const REGISTRY_CODES: [&str; 5] =
    ["DENIED", "NAME_UNKNOWN", "TOOMANYREQUESTS", "UNAUTHORIZED", "UNSUPPORTED"];

/// What an answer says of an error.
#[derive(Debug, Default)]
pub struct Complaint {
    /// One of those above.
    pub code: Option<&'static str>,
    /// The digits of `AADSTS...`.
    pub number: Option<u32>,
}

impl Complaint {
    /// `{"error": "invalid_client", "error_description": "AADSTS7000215: ...", "error_codes": [7000215]}`.
    pub fn of_entra(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let listed = body["error_codes"][0].as_u64().and_then(|number| number.try_into().ok());
        let number = listed.or_else(|| aadsts(body["error_description"].as_str()?));
        Self {
            code: known(&OAUTH_CODES, &body["error"]),
            number: number.filter(|number| *number <= MAX_NUMBER),
        }
    }

    /// `{"errors": [{"code": "UNAUTHORIZED", "message": ...}]}`.
    pub fn of_registry(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        Self { code: known(&REGISTRY_CODES, &body["errors"][0]["code"]), number: None }
    }

    /// `told` after the codes.
    pub fn with(&self, told: &str) -> String {
        match (self.code, self.number) {
            (Some(code), Some(number)) => format!("{code}, AADSTS{number}: {told}"),
            (Some(code), None) => format!("{code}: {told}"),
            (None, Some(number)) => format!("AADSTS{number}: {told}"),
            (None, None) => told.to_owned(),
        }
    }
}

fn known(codes: &[&'static str], value: &Value) -> Option<&'static str> {
    codes.iter().find(|code| value.as_str() == Some(code)).copied()
}

fn aadsts(text: &str) -> Option<u32> {
    let rest = text.strip_prefix("AADSTS")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[derive(Deserialize)]
struct Granted {
    access_token: Option<String>,
    refresh_token: Option<String>,
}

/// The token of an identity.
pub fn access(answer: &Answer) -> Result<String, Failure> {
    checked(answer, answer.json::<Granted>()?.access_token)
}

/// The token of a registry.
pub fn refresh(answer: &Answer) -> Result<String, Failure> {
    checked(answer, answer.json::<Granted>()?.refresh_token)
}

/// It can be sent on, and be a password.
fn checked(answer: &Answer, token: Option<String>) -> Result<String, Failure> {
    let told = match token {
        None => "there is no token in the answer".to_owned(),
        Some(token) if token.is_empty() => "the token is empty".to_owned(),
        Some(token) if token.len() > MAX_TOKEN => {
            format!("the token has more than {MAX_TOKEN} bytes")
        }
        Some(token) if token.bytes().all(|byte| byte.is_ascii_graphic()) => return Ok(token),
        Some(_) => "the token has characters that no token has".to_owned(),
    };
    Err(answer.failure(Reason::Answer, &told))
}
