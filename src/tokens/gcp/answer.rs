//! What Google's answers mean. Of a body nothing is shown but codes: the rest may repeat what was sent.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

use super::AccessToken;
use crate::credentials::Hidden;
use crate::tokens::http::Answer;
use crate::tokens::{Expiry, Failure, Reason};

const MAX_TOKEN: usize = 64 << 10;
const MAX_CODE: usize = 64;
/// Clocks that differ by less are not why a token is refused.
const SKEW: Duration = Duration::from_secs(60);

/// RFC 6749, 5.1, which token endpoints and metadata servers go by.
#[derive(Deserialize)]
struct OauthToken {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<i64>,
}

/// Reads a token as OAuth has it.
pub fn oauth_token(answer: &Answer) -> Result<AccessToken, Failure> {
    let OauthToken { access_token, token_type, expires_in } = answer.json()?;
    if token_type.is_some_and(|it| !it.eq_ignore_ascii_case("bearer")) {
        return Err(answer.failure(Reason::Answer, "the token is none that a bearer can use"));
    }
    let expiry = match expires_in {
        Some(seconds) => Expiry::After(Duration::from_secs(seconds.try_into().unwrap_or(0))),
        None => Expiry::Unknown,
    };
    Ok(AccessToken { value: token(answer, access_token)?, expiry })
}

/// Checks a token: it goes into a header, and into Secrets.
pub fn token(answer: &Answer, token: Option<String>) -> Result<Hidden, Failure> {
    let refused = |told: &str| Err(answer.failure(Reason::Answer, told));
    match token {
        None => refused("the answer has no token"),
        Some(token) if token.is_empty() => refused("the token is empty"),
        Some(token) if token.len() > MAX_TOKEN => {
            refused(&format!("the token has more than {MAX_TOKEN} bytes"))
        }
        Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            refused("the token has a control character, or another that no token has")
        }
        Some(token) => Ok(Hidden::new(token.into_bytes())),
    }
}

/// What an answer says of an error.
#[derive(Debug, Default)]
pub struct Complaint {
    /// `error` of OAuth, or `error.status` of Google's APIs.
    pub code: Option<String>,
    /// Of Google's APIs: why, in one word.
    pub detail: Option<String>,
    /// The text for people. It is compared, and never shown.
    pub text: String,
}

impl Complaint {
    /// Reads it; of a body that cannot be understood there is nothing.
    pub fn of(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let lower = |code: &String| is_code(code, |byte| byte.is_ascii_lowercase());
        let upper = |code: &String| is_code(code, |byte| byte.is_ascii_uppercase());
        match &body["error"] {
            Value::String(code) => Self {
                code: Some(code.clone()).filter(lower),
                detail: None,
                text: text(&body["error_description"]).unwrap_or_default(),
            },
            error => Self {
                code: text(&error["status"]).filter(upper),
                detail: error["details"]
                    .as_array()
                    .and_then(|all| all.iter().find_map(|detail| text(&detail["reason"])))
                    .filter(upper),
                text: String::new(),
            },
        }
    }

    /// `told` after the codes.
    pub fn with(&self, told: &str) -> String {
        let codes = [&self.code, &self.detail].into_iter().flatten();
        codes.fold(String::new(), |all, code| format!("{all}`{code}`: ")) + told
    }
}

fn is_code(text: &str, is_letter: impl Fn(u8) -> bool) -> bool {
    let is_in_code = |byte: u8| is_letter(byte) || byte == b'_';
    (1..=MAX_CODE).contains(&text.len()) && text.bytes().all(is_in_code)
}

/// On which side of the issuer's the clock of this machine is, if they differ. Not by how much: what is told
/// of a failure is the same at each try.
pub fn skew(answer: &Answer) -> Option<String> {
    let theirs = answer.date()?;
    let now = SystemTime::now();
    let (by, side) = match now.duration_since(theirs) {
        Ok(by) => (by, "ahead of"),
        Err(error) => (error.duration(), "behind"),
    };
    (by > SKEW).then(|| format!("the clock of this machine is {side} Google's"))
}

/// A refusal by its status alone, whoever was asked: too many requests, or the fault of the issuer.
pub fn of_load(answer: &Answer, complaint: &Complaint) -> Option<Failure> {
    match answer.status.as_u16() {
        429 => Some(answer.refused(&complaint.with("too many requests; they are repeated later"))),
        500.. => Some(answer.refused(&complaint.with("Google failed; the request is repeated"))),
        _ => None,
    }
}
