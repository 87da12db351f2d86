//! HTTP as issuers of tokens speak it: bounded in time and size, through the proxy of the environment
//! (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), and with nothing of a body in an error.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, StatusCode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;

use super::{Failure, Reason, transport};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a whole request, whatever becomes of it.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest token has a few kilobytes.
const MAX_BODY: usize = 256 << 10;
/// No issuer is waited for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Both ways to an issuer.
#[derive(Debug, Clone)]
pub struct Http {
    proxied: Client,
    direct: Client,
    authorities: Arc<[CertificateDer<'static>]>,
}

/// What an issuer answered.
pub struct Answer {
    what: String,
    /// The status.
    pub status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Http {
    /// `authorities` are certificates (PEM) that are trusted beside the public ones.
    pub fn new(authorities: &[u8]) -> Result<Self, String> {
        let mut all = webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            all.push(certificate.map_err(|error| format!("they are not PEM: {error}"))?);
        }
        let mut roots = RootCertStore::empty();
        for certificate in &all {
            let added = roots.add(certificate.clone());
            added.map_err(|error| format!("one of them is no certificate: {error}"))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let build = |builder: ClientBuilder| {
            let builder = builder
                .tls_backend_preconfigured(tls.clone())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TIMEOUT)
                // A token request holds a secret, and goes nowhere else.
                .redirect(Policy::none())
                .retry(reqwest::retry::never())
                .pool_max_idle_per_host(1)
                .user_agent(concat!("pullpass/", env!("CARGO_PKG_VERSION")));
            builder.build().map_err(|error| format!("{}", error.without_url()))
        };
        Ok(Self {
            proxied: build(Client::builder())?,
            direct: build(Client::builder().no_proxy())?,
            authorities: all.into(),
        })
    }

    /// The client for what is on the network, by the proxy of the environment.
    pub fn proxied(&self) -> &Client {
        &self.proxied
    }

    /// The client for what is on this machine: metadata servers.
    pub fn direct(&self) -> &Client {
        &self.direct
    }

    /// Every authority that is trusted.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }
}

/// Sends a request; `what` names it in errors: `ask https://oauth2.googleapis.com/token for a token`.
pub async fn send(what: &str, request: RequestBuilder) -> Result<Answer, Failure> {
    let failed = |error: reqwest::Error| {
        let (reason, told) = transport::failure(&error);
        Failure::new(reason, format!("failed to {what}: {told}"))
    };
    let mut response = request.send().await.map_err(failed)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_BODY {
            let told = format!("failed to {what}: the answer has more than {MAX_BODY} bytes");
            return Err(Failure::new(Reason::Answer, told));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        what: what.to_owned(),
        status: response.status(),
        headers: response.headers().clone(),
        body: body.freeze(),
    })
}

/// Without headers and body, which have tokens in them.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, status, .. } = self;
        f.debug_struct("Answer").field("what", what).field("status", status).finish_non_exhaustive()
    }
}

impl Answer {
    /// The body of an answer in order, as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // serde names values in its message.
            let place = format!("line {}, column {}", error.line(), error.column());
            self.failure(
                Reason::Answer,
                &format!("the answer is not the JSON that it should be ({place})"),
            )
        })
    }

    /// The body, whatever it is. It may repeat what was sent: it is shown nowhere.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The issuer's clock at the time of the answer.
    pub fn date(&self) -> Option<SystemTime> {
        httpdate(self.headers.get(DATE)?.to_str().ok()?)
    }

    /// What an answer that is not 2xx means by its status alone; `told` is what else there is to say.
    pub fn refused(&self, told: &str) -> Failure {
        let reason = match self.status.as_u16() {
            401 => Reason::Unauthorized,
            403 => Reason::Forbidden,
            407 => Reason::Proxy,
            429 => Reason::Throttled,
            500.. => Reason::Server,
            _ => Reason::Answer,
        };
        self.failure(reason, told)
    }

    /// A failure of this kind, with the status and the time to wait that the issuer names.
    pub fn failure(&self, reason: Reason, told: &str) -> Failure {
        let status = self.status.as_u16();
        let message = format!("failed to {}: status {status}: {told}", self.what);
        Failure { reason, message, retry_after: self.retry_after() }
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        let pause = match text.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => httpdate(text)?.duration_since(self.date()?).ok()?,
        };
        Some(pause.min(MAX_RETRY_AFTER))
    }
}

/// A time as HTTP headers have it (RFC 9110, 5.6.7).
fn httpdate(text: &str) -> Option<SystemTime> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(zoned.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_51_what_an_issuer_answered_is_not_shown() {
        let headers = HeaderMap::from_iter([(DATE, "hunter2".parse().unwrap())]);
        let body = Bytes::from_static(b"hunter2");
        let what = "ask https://issuer.example for a token".to_owned();
        let answer = Answer { what, status: StatusCode::OK, headers, body };
        let shown = format!("{answer:?} {answer:#?}");
        assert!(shown.contains("issuer.example") && shown.contains("200"), "{shown}");
        // Bytes are shown as text or as numbers.
        assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
