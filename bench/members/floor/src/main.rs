//! The floor: the layers that Pullpass's webhook stands on, which read a review and answer always the same.

use axum::{
    Router,
    body::Bytes,
    http::header::{CONTENT_TYPE, HeaderName},
    routing::post,
};
use axum_server::{
    Server,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{error::Error, net::SocketAddr, path::Path, sync::Arc};
use tokio::net::TcpListener;
use tower::make::Shared;

/// What Pullpass answers where it adds one pull secret.
const ANSWER: &str = include_str!("answer.json");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse(std::env::args().skip(1))?;
    let tls = tls(Path::new(&flags.certificate), Path::new(&flags.key))?;
    let acceptor =
        RustlsAcceptor::new(RustlsConfig::from_config(tls)).acceptor(NoDelayAcceptor::new());
    let listener = TcpListener::bind(flags.listen).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let server = Server::<SocketAddr>::from_listener(listener).acceptor(acceptor).http1_only();
    Ok(server.serve(Shared::new(router())).await?)
}

fn router() -> Router {
    // The limit of the body is not that of axum but none, so that reviews of every size get through.
    Router::new().route("/mutate", post(answer)).layer(axum::extract::DefaultBodyLimit::disable())
}

async fn answer(_body: Bytes) -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "application/json")], ANSWER.trim_ascii_end())
}

/// As Pullpass has it: one session ticket, HTTP/1.1 alone.
fn tls(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 1;
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}

struct Flags {
    listen: SocketAddr,
    certificate: String,
    key: String,
}

impl Flags {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut listen, mut certificate, mut key) = (None, None, None);
        let mut arguments = arguments;
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--listen" => listen = Some(value.parse()?),
                "--tls-cert" => certificate = Some(value),
                "--tls-key" => key = Some(value),
                // Every member is given one; this one has no use for it.
                "--config" => {}
                _ => return Err(format!("unknown flag {flag}").into()),
            }
        }
        Ok(Self {
            listen: listen.ok_or("--listen is missing")?,
            certificate: certificate.ok_or("--tls-cert is missing")?,
            key: key.ok_or("--tls-key is missing")?,
        })
    }
}
