//! A client that opens connections as it is told to: what the load tool cannot.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::{Context, Result, ensure};
use rustls::{ClientConfig, HandshakeKind, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// An open connection.
pub struct Connection(TlsStream<TcpStream>);

impl Connection {
    /// Opens one.
    pub async fn open(port: u16, config: &Arc<ClientConfig>) -> Result<Self> {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await;
        Ok(Self(tls.context("the TLS handshake failed")?))
    }

    /// Whether the server took up an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.0.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Posts a review, and reads the answer, which must be 200.
    pub async fn post(&mut self, review: &str) -> Result<Vec<u8>> {
        let head = format!(
            "POST /mutate?timeout=5s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            review.len()
        );
        self.0.write_all(&[head.as_bytes(), review.as_bytes()].concat()).await?;
        self.0.flush().await?;
        let mut answer = Vec::new();
        loop {
            if let Some((head, body)) = split(&answer) {
                let head = std::str::from_utf8(head).context("the head is no text")?;
                ensure!(head.starts_with("HTTP/1.1 200 "), "the answer is {head:?}");
                let length = content_length(head).context("the answer has no length")?;
                if body.len() >= length {
                    return Ok(body.to_vec());
                }
            }
            let read = self.0.read_buf(&mut answer).await?;
            ensure!(read > 0, "the connection ended within an answer");
        }
    }

    /// Closes it in good order.
    pub async fn close(mut self) {
        // The answer is there already.
        let _ = self.0.shutdown().await;
    }
}

fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((&answer[..end], &answer[end + 4..]))
}

fn content_length(head: &str) -> Option<usize> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}
