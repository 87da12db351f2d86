//! The serving certificate: checked when it is loaded, exchanged while serving.

pub mod files;
pub mod load;
pub mod resolver;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};

pub use files::follow_files;
pub use load::{LoadError, LoadedCertificate, load};
pub use resolver::ServingCertificate;

/// Makes aws-lc-rs the provider of all TLS in this process, also for clients of other libraries.
/// Calling it again does nothing.
pub fn install_provider() {
    // An error says that a provider is installed already, which is what is wanted.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// TLS 1.2 and 1.3, HTTP/1.1 alone by ALPN, session tickets, no client certificates.
///
/// # Errors
/// If the provider lacks cipher suites for one of the versions, or the random source fails.
pub fn server_config(
    certificate: Arc<ServingCertificate>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // One ticket is enough for a client that resumes; Go's webhook client does not.
    config.send_tls13_tickets = 1;
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}
