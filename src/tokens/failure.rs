//! Why there is no token.

use std::fmt;
use std::time::Duration;

use crate::telemetry::label;

label! {
    /// Why there is no token.
    pub enum Reason: "reason" {
        /// The settings or the values of Secrets cannot be used as they are.
        Settings = "settings",
        /// The controller has no identity: no key, no token file, no metadata server.
        NoIdentity = "no_identity",
        /// The identity is not known, or its secret is wrong or has expired (401, 400 `invalid_client`).
        Unauthorized = "unauthorized",
        /// The identity may not fetch tokens (403).
        Forbidden = "forbidden",
        /// The clock of this machine differs from that of the issuer.
        ClockSkew = "clock_skew",
        /// A name is not known.
        Dns = "dns",
        /// The proxy cannot be reached, or refuses.
        Proxy = "proxy",
        /// Nobody listens, or the connection broke.
        Connection = "connection",
        /// The certificate is not trusted, or TLS failed otherwise.
        Tls = "tls",
        /// There was no answer in time.
        Timeout = "timeout",
        /// Too many requests (429).
        Throttled = "throttled",
        /// The issuer failed (5xx).
        Server = "server",
        /// The answer is none that can be understood.
        Answer = "answer",
    }
}

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
