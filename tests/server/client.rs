//! A client that sends what it is told, byte for byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// By when anything that must happen has happened.
pub const SOON: Duration = Duration::from_secs(30);

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub struct Client {
    io: Box<dyn Io>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }

    /// Asserts that it is a `metav1.Status` and returns its message.
    pub fn status_message(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/json"));
        let status: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(status["kind"], "Status");
        assert_eq!(status["apiVersion"], "v1");
        assert_eq!(status["status"], "Failure");
        assert_eq!(status["code"], self.status);
        assert!(status["reason"].is_string());
        status["message"].as_str().unwrap().to_owned()
    }
}

/// A request with these header lines and body; `Content-Length` is added.
pub fn post(path: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("POST {path} HTTP/1.1\r\nHost: pullpass\r\n");
    for header in headers {
        text += &format!("{header}\r\n");
    }
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

/// A request as the API server sends it.
pub fn review(body: &str) -> Vec<u8> {
    post("/mutate", &["Content-Type: application/json"], body)
}

impl Client {
    pub async fn plain(address: SocketAddr) -> Self {
        let io = Box::new(TcpStream::connect(address).await.unwrap());
        Self { io }
    }

    pub async fn tls(address: SocketAddr, ca_pem: &str) -> Self {
        Self::try_tls(address, ca_pem, "pullpass.test").await.unwrap()
    }

    pub async fn try_tls(address: SocketAddr, ca_pem: &str, name: &str) -> std::io::Result<Self> {
        Self::with(client_config(ca_pem, &[&TLS13, &TLS12]), address, name).await
    }

    pub async fn tls_of_version(
        address: SocketAddr,
        ca_pem: &str,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let mut config = client_config(ca_pem, &[version]);
        // As Go's client offers them.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self::with(config, address, "pullpass.test").await.unwrap()
    }

    pub async fn with(
        config: ClientConfig,
        address: SocketAddr,
        name: &str,
    ) -> std::io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = timeout(SOON, connector.connect(name, tcp)).await.unwrap()?;
        Ok(Self { io: Box::new(stream) })
    }

    /// Sends and ignores that the server may have closed already.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.try_send(bytes).await;
    }

    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        let sent = timeout(SOON, self.io.write_all(bytes.as_ref())).await;
        sent.expect("sent in time")?;
        self.io.flush().await
    }

    pub async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// The answer, if the server does not close instead.
    pub async fn try_ask(&mut self, request: impl AsRef<[u8]>) -> Option<Answer> {
        self.send(request).await;
        timeout(SOON, self.read_answer()).await.expect("answered or closed in time")
    }

    pub async fn answer(&mut self) -> Answer {
        timeout(SOON, self.read_answer()).await.expect("answered in time").expect("an answer")
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.io.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1)?.parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("content-length").map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; length];
        self.io.read_exact(&mut body).await.ok()?;
        answer.body = String::from_utf8(body).unwrap();
        Some(answer)
    }

    /// Waits for the server's close and returns what came before it.
    pub async fn closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = timeout(SOON, self.io.read_to_end(&mut rest)).await.expect("closed in time");
        rest
    }
}

fn client_config(ca_pem: &str, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    trusting(ca_pem, versions).with_no_client_auth()
}

/// A client that trusts this authority, and has a certificate or none.
pub fn trusting(
    ca_pem: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}
