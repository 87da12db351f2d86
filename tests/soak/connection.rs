//! A TLS connection that is kept, and what may become of a request on it.

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::pki::Authority;

/// Longer than the API server waits for any webhook that is not told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Where the webhook is, and whom its clients trust.
#[derive(Clone)]
pub struct Target {
    port: u16,
    tls: Arc<ClientConfig>,
}

/// An open connection.
pub struct Connection {
    reader: ReadHalf<TlsStream<TcpStream>>,
    writer: WriteHalf<TlsStream<TcpStream>>,
    /// The certificate that was presented, as DER.
    pub certificate: Vec<u8>,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Whether it is the last on its connection.
    pub closes: bool,
    pub body: Vec<u8>,
}

/// Why there is no connection or no answer.
#[derive(Debug)]
pub enum Lost {
    /// Closed, or reset, before there was an answer.
    Closed(io::Error),
    /// Nothing came for as long as the client had patience.
    Hang,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed(error) => write!(f, "closed without an answer: {error}"),
            Self::Hang => write!(f, "no answer within {PATIENCE:?}"),
        }
    }
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Self::Closed(error)
    }
}

impl Target {
    /// A port of this machine, whose certificates are of this authority.
    pub fn new(port: u16, authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.der())).expect("the authority is valid");
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { port, tls: Arc::new(tls) }
    }

    /// Connects without TLS.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The same, with hardly any room for what it is sent.
    pub async fn deaf(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.connect((Ipv4Addr::LOCALHOST, self.port).into()).await
    }

    /// Shakes hands.
    pub async fn secure_on(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
        TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await
    }

    /// Opens a connection to be kept.
    pub async fn open(&self) -> Result<Connection, Lost> {
        let handshake = async { self.secure_on(self.connect().await?).await };
        let stream = timeout(PATIENCE, handshake).await.map_err(|_| Lost::Hang)??;
        Ok(Connection::of(stream))
    }
}

impl Connection {
    /// On a stream whose handshake is done.
    pub fn of(stream: TlsStream<TcpStream>) -> Self {
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = chain.first().map(|leaf| leaf.to_vec()).unwrap_or_default();
        let (reader, writer) = split(stream);
        Self { reader, writer, certificate, unread: vec![] }
    }

    /// Sends a request and reads the answer, which may come before all is sent.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer, Lost> {
        let (writer, reader, unread) = (&mut self.writer, &mut self.reader, &mut self.unread);
        let exchange = async {
            let mut answer = std::pin::pin!(answer(reader, unread));
            let send = async {
                writer.write_all(request).await?;
                writer.flush().await
            };
            tokio::select! {
                biased;
                answer = &mut answer => answer,
                // A refusal that was sent before the connection was closed can be read all the same.
                _ = send => answer.await,
            }
        };
        Ok(timeout(PATIENCE, exchange).await.map_err(|_| Lost::Hang)??)
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes).await?;
        self.writer.flush().await
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.writer.shutdown().await
    }

    /// Reads the next answer.
    pub async fn answer(&mut self) -> Result<Answer, Lost> {
        let answer = timeout(PATIENCE, answer(&mut self.reader, &mut self.unread));
        Ok(answer.await.map_err(|_| Lost::Hang)??)
    }

    /// The stream beneath.
    pub fn into_stream(self) -> TlsStream<TcpStream> {
        self.reader.unsplit(self.writer)
    }
}

async fn answer(
    reader: &mut ReadHalf<TlsStream<TcpStream>>,
    unread: &mut Vec<u8>,
) -> io::Result<Answer> {
    let end = loop {
        if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        more(reader, unread).await?;
    };
    let head = String::from_utf8_lossy(&unread[..end]).to_ascii_lowercase();
    let field =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<usize>().ok());
    let length = number(field("content-length")).unwrap_or(0);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no HTTP: {head}")))?;
    let closes = field("connection").is_some_and(|value| value.trim() == "close");
    while unread.len() < end + length {
        more(reader, unread).await?;
    }
    let body = unread[end..end + length].to_vec();
    unread.drain(..end + length);
    Ok(Answer { status, closes, body })
}

async fn more(reader: &mut ReadHalf<TlsStream<TcpStream>>, unread: &mut Vec<u8>) -> io::Result<()> {
    match reader.read_buf(unread).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
