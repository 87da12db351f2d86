//! Tokens of the kind `ecr`.

use super::{Failure, Reason, Token, Tokens};
use crate::config::Ecr;
use crate::sources::TokenRequest;

/// Fetches a token.
pub async fn fetch(_: &Tokens, _: &Ecr, _: &TokenRequest) -> Result<Token, Failure> {
    Err(Failure::new(Reason::Settings, "not yet"))
}
