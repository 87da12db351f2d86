//! When a token ends that is a JWT.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// `exp` of a JWT, in seconds since 1970; none if it is no JWT or does not say. The signature is not looked
/// at: whoever takes the token as a password verifies it, and here it only says when there is need of another.
pub fn expiry_of_jwt(token: &[u8]) -> Option<i64> {
    seconds(claims_of(token)?.exp)
}

/// When a JWT was issued and when it ends, in seconds since 1970, by its issuer's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JwtTimes {
    /// `iat`, if it is there.
    pub issued_at: Option<i64>,
    /// `exp`, which is later.
    pub expires_at: i64,
}

/// Reads both; none if it is no JWT, does not say when it ends, or says what cannot be true.
pub fn times_of_jwt(token: &[u8]) -> Option<JwtTimes> {
    let claims = claims_of(token)?;
    let expires_at = seconds(claims.exp)?;
    let issued_at = match claims.iat {
        Some(iat) => Some(seconds(iat.as_f64()?).filter(|iat| *iat < expires_at)?),
        None => None,
    };
    Some(JwtTimes { issued_at, expires_at })
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    /// Whatever it is: who asks for the end alone does not need it.
    iat: Option<serde_json::Value>,
}

fn claims_of(token: &[u8]) -> Option<Claims> {
    let mut parts = token.split(|byte| *byte == b'.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice(&claims).ok()
}

fn seconds(time: f64) -> Option<i64> {
    // The first second of the year 10000.
    #[allow(clippy::cast_possible_truncation, reason = "it is within the bounds")]
    (0.0..253_402_300_800.0).contains(&time).then_some(time as i64)
}
