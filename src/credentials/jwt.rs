//! When a token ends that is a JWT.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// `exp` of a JWT, in seconds since 1970; none if it is no JWT or does not say. The signature is not looked
/// at: whoever takes the token as a password verifies it, and here it only says when there is need of another.
pub fn expiry_of_jwt(token: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let mut parts = token.split(|byte| *byte == b'.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let Claims { exp } = serde_json::from_slice(&claims).ok()?;
    // The first second of the year 10000.
    #[allow(clippy::cast_possible_truncation, reason = "it is within the bounds")]
    (0.0..253_402_300_800.0).contains(&exp).then_some(exp as i64)
}
