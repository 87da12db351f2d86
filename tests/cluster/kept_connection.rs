//! One TLS connection that is kept, as the API server keeps its own.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::pki::Authority;

const PATIENCE: Duration = Duration::from_secs(10);

/// An open connection to a server on loopback.
pub struct KeptConnection(TlsStream<TcpStream>);

impl KeptConnection {
    /// Connects, and trusts this authority alone.
    pub async fn open(port: u16, authority: &Authority) -> Result<Self, String> {
        Self::open_trusting(port, CertificateDer::from(authority.der())).await
    }

    /// The same for an authority that is known by its certificate alone.
    pub async fn open_trusting(
        port: u16,
        authority: CertificateDer<'static>,
    ) -> Result<Self, String> {
        timeout(PATIENCE, handshake(port, authority))
            .await
            .unwrap_or_else(|_| Err(format!("no handshake within {PATIENCE:?}")))
    }

    /// The certificate that the server presented, as DER.
    pub fn certificate(&self) -> Vec<u8> {
        let (_, session) = self.0.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        chain.first().map(|leaf| leaf.to_vec()).unwrap_or_default()
    }

    /// Posts a review and gives the answer. The connection must outlast it.
    pub async fn review(&mut self, review: &Value) -> Result<Value, String> {
        timeout(PATIENCE, self.exchange(&review.to_string()))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
    }

    async fn exchange(&mut self, body: &str) -> Result<Value, String> {
        let request = format!(
            "POST /mutate?timeout=5s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.map_err(|error| error.to_string())?);
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.map_err(|error| error.to_string())?;
        match head.starts_with("http/1.1 200 ") && !head.contains("connection: close") {
            true => serde_json::from_slice(&body).map_err(|error| error.to_string()),
            false => Err(format!("{head}{}", String::from_utf8_lossy(&body))),
        }
    }
}

async fn handshake(
    port: u16,
    authority: CertificateDer<'static>,
) -> Result<KeptConnection, String> {
    let mut roots = RootCertStore::empty();
    roots.add(authority).map_err(|error| error.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream =
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| error.to_string())?;
    let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
    Ok(KeptConnection(stream))
}
