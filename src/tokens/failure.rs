//! Why there is no token.

use std::fmt;
use std::time::Duration;

pub use crate::telemetry::credentials::TokenFailure as Reason;

/// Why there is no token. Nothing secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In one word.
    pub reason: Reason,
    /// What was tried, of whom, what came of it, and what to do.
    pub message: String,
    /// When the issuer wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// One without a wish of the issuer.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retry_after: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
