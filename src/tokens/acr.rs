//! Tokens of the kind `acr`.

use super::{Failure, Reason, Token, Tokens};
use crate::config::Acr;
use crate::sources::TokenRequest;

/// Fetches a token.
pub async fn fetch(_: &Tokens, _: &Acr, _: &TokenRequest) -> Result<Token, Failure> {
    Err(Failure::new(Reason::Settings, "not yet"))
}
