//! The serving certificate: checked when it is loaded, exchanged while serving.

pub mod client_auth;
pub mod files;
pub mod load;
pub mod resolver;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};

pub use client_auth::{AuthoritiesError, ClientAuth};
pub use files::{FollowError, PairWatch};
pub use load::{LoadError, LoadedCertificate, load, parse};
pub use resolver::ServingCertificate;

/// Makes aws-lc-rs the provider of all TLS in this process, also for clients of other libraries.
/// Calling it again does nothing.
pub fn install_provider() {
    // An error says that a provider is installed already, which is what is wanted.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// TLS 1.2 and 1.3, HTTP/1.1 alone by ALPN. With `clients` each of them needs a certificate, and none
/// resumes a session: that would let it in again without a look at who may come in by now.
///
/// # Errors
/// If the provider lacks cipher suites for one of the versions, or the random source fails.
pub fn server_config(
    certificate: Arc<ServingCertificate>,
    clients: Option<Arc<ClientAuth>>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let resumes = clients.is_none();
    let verifier = match clients {
        Some(clients) => clients,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if resumes {
        // One ticket is enough for a client that resumes; Go's webhook client does not.
        config.send_tls13_tickets = 1;
        config.ticketer = aws_lc_rs::Ticketer::new()?;
    } else {
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    Ok(Arc::new(config))
}
