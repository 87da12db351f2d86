//! Tokens of the kind `gcp`.

use super::{Failure, Reason, Token, Tokens};
use crate::config::Gcp;
use crate::sources::TokenRequest;

/// Fetches a token.
pub async fn fetch(_: &Tokens, _: &Gcp, _: &TokenRequest) -> Result<Token, Failure> {
    Err(Failure::new(Reason::Settings, "not yet"))
}
