//! A connection: whatever a client sends, what it is answered is HTTP, the connection ends, and the next client is served.

use crate::{webhook, webhook::Webhook};
use pullpass::{
    server::{Bound, Limits, Serving, Shutdown},
    telemetry::{Metrics, metrics::Listener},
};
use serde_json::Value;
use std::{cell::RefCell, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::yield_now,
    time::timeout,
};

/// By when whatever must happen has happened: nothing waits for a deadline of the server, since the client's end is closed.
const SOON: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_hours(24);

struct Site {
    webhook: Webhook,
    server: Server,
}

struct Server {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    /// A client that behaves, and keeps its connection.
    other: TcpStream,
}

thread_local! {
    static SITE: RefCell<Option<Site>> = const { RefCell::new(None) };
}

/// Checks what a client sends; the first byte says in pieces of which size.
pub fn check(bytes: &[u8]) {
    let Some((size, sent)) = bytes.split_first() else { return };
    SITE.with_borrow_mut(|site| {
        let Site { webhook, server } = site.get_or_insert_with(Site::start);
        webhook.runtime.block_on(async {
            let answers = server.send(sent, usize::from(*size)).await;
            are_answers(sent, &answers);
            server.still_serves().await;
        });
    });
}

impl Site {
    fn start() -> Self {
        let limits = Limits {
            connection_max_requests: u32::MAX,
            connection_max_age: DAY,
            idle_timeout: DAY,
            ..Limits::default()
        };
        let webhook = Webhook::with_limits(&limits);
        let metrics = Arc::clone(&webhook.metrics);
        let serving = Serving {
            listener: Listener::Webhook,
            tls: None,
            limits,
            grace: SOON,
            metrics: Arc::clone(&metrics),
            shutdown: Shutdown::new(),
        };
        let server = webhook.runtime.block_on(async {
            let bound = Bound::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let address = bound.address();
            tokio::spawn(bound.serve(webhook.router.clone(), serving));
            Server { address, metrics, other: TcpStream::connect(address).await.unwrap() }
        });
        Self { webhook, server }
    }
}

impl Server {
    /// Sends this, closes, and reads to the end.
    async fn send(&self, bytes: &[u8], size: usize) -> Vec<u8> {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.set_nodelay(true).unwrap();
        let size = if size == 0 { bytes.len().max(1) } else { size };
        for piece in bytes.chunks(size).take(64) {
            // The server may have closed already.
            if client.write_all(piece).await.is_err() {
                break;
            }
            yield_now().await;
        }
        let _ = client.shutdown().await;
        let mut answers = Vec::new();
        timeout(SOON, client.read_to_end(&mut answers)).await.expect("closed").expect("not reset");
        answers
    }

    /// The other client is served, and the connection of the first is gone.
    async fn still_serves(&mut self) {
        let body = webhook::review_of(br#"{"spec":{"containers":[{"image":"gcr.io/p/a"}]}}"#);
        let head = format!(
            "POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.other.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") || answer_length(&answer) != Some(answer.len()) {
            let read = timeout(SOON, self.other.read_buf(&mut answer)).await.expect("answered");
            assert_ne!(read.unwrap(), 0, "the connection of another client was closed");
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(r#""patchType":"JSONPatch""#), "{answer}");
        let connections = self.metrics.server.connections.of(Listener::Webhook);
        let gone = async {
            while connections.get() != 1 {
                yield_now().await;
            }
        };
        timeout(SOON, gone).await.expect("the connection is gone");
        assert_eq!(self.metrics.server.panics.get(), 0);
    }
}

/// The length of the first answer, once its head is there.
fn answer_length(bytes: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).unwrap() else { return None };
    let length = |header: &httparse::Header<'_>| {
        let is_length = header.name.eq_ignore_ascii_case("content-length");
        is_length.then(|| std::str::from_utf8(header.value).unwrap().parse::<usize>().unwrap())
    };
    let length = response.headers.iter().find_map(length).unwrap_or(0);
    Some(head + length)
}

/// What came back is answers, one after another, each whole and with a JSON body or none.
fn are_answers(sent: &[u8], mut bytes: &[u8]) {
    // To HEAD, the length is of a body that does not follow.
    let has_bodies = !sent.windows(4).any(|word| word == b"HEAD");
    while !bytes.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
        let httparse::Status::Complete(head) = parsed else { panic!("cut off: {bytes:?}") };
        let code = response.code.unwrap();
        assert!((100..600).contains(&code) && code != 500, "{code}");
        if !has_bodies {
            return;
        }
        let end = answer_length(bytes).unwrap();
        let body = bytes.get(head..end).unwrap_or_else(|| panic!("cut off: {bytes:?}"));
        if !body.is_empty() {
            let body: Value = serde_json::from_slice(body).expect("a body is JSON");
            match code {
                200 => assert_eq!(body["kind"], "AdmissionReview"),
                _ => assert_eq!(
                    (&body["kind"], body["code"].as_u64()),
                    (&"Status".into(), Some(code.into()))
                ),
            }
        }
        bytes = &bytes[end..];
    }
}
