//! Tokens of registries: what is asked of whom, and what the answers mean. One file or folder a kind.

mod acr;
mod ecr;
mod endpoints;
mod environment;
mod failure;
mod gcp;
mod http;
mod life;
mod transport;

use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;

pub use self::endpoints::{Endpoint, Endpoints, parse_endpoint};
pub use self::environment::Environment;
pub use self::failure::{Failure, Reason};
use self::http::Http;
pub use self::life::{FLOOR, Life};
use crate::config::TokenSource;
use crate::credentials::compose::Login;
use crate::sources::TokenRequest;

/// A token, for each registry that it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The credentials.
    pub logins: Vec<Login>,
    /// When it ends.
    pub expiry: Expiry,
}

/// When a token ends, as its issuer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// At a time, on the issuer's clock.
    At(SystemTime),
    /// After a time, counted from the answer.
    After(Duration),
    /// Nothing is said of it.
    Unknown,
}

/// Fetches tokens: where, and by which network.
#[derive(Debug, Clone)]
pub struct Tokens {
    http: Http,
    endpoints: Endpoints,
    environment: Environment,
}

impl Tokens {
    /// `authorities` are certificates of authorities (PEM) that are trusted beside the public ones.
    ///
    /// # Errors
    /// Those certificates cannot be read, or a proxy of the environment is none.
    pub fn new(endpoints: Endpoints, authorities: &[u8]) -> Result<Self, String> {
        let environment = Environment::default();
        Ok(Self { http: Http::new(authorities)?, endpoints, environment })
    }

    /// With these variables in place of the environment of the process.
    pub fn with_environment(self, environment: Environment) -> Self {
        Self { environment, ..self }
    }

    /// Every authority that is trusted.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        self.http.authorities()
    }

    /// Fetches one token. It ends in bounded time.
    ///
    /// # Errors
    /// Why there is none; nothing secret is in it.
    pub async fn fetch(&self, request: &TokenRequest) -> Result<Token, Failure> {
        match &request.source {
            TokenSource::Ecr(settings) => ecr::fetch(self, settings, request).await,
            TokenSource::Gcp(settings) => gcp::fetch(self, settings, request).await,
            TokenSource::Acr(settings) => acr::fetch(self, settings, request).await,
        }
    }
}
