//! The cases: what the webhook does for a review, part by part and as a whole.

use crate::reviews::review;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request as HttpRequest,
};
use pullpass::{
    cluster::{ObjectName, namespaces::Namespaces},
    config::{self, Config},
    inject::{Namespace, PodView, decide, patch},
    server::{BodyReader, Bound, Limits, Serving, Shutdown},
    telemetry::{Component, Metrics, metrics::Listener},
    webhook::{
        ConfigSlot, WebhookState,
        review::{Request, Response},
        router,
    },
};
use std::{hint::black_box, io::ErrorKind, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
};
use tower::ServiceExt;

/// The cases by name.
pub const NAMES: &[&str] = &[
    "decode_1k",
    "decode_10k",
    "decode_100k",
    "decide_1000_rules",
    "decide_10000_rules",
    "decide_10_containers",
    "answer",
    "handler_10k",
    "request_10k",
];

const KIB: usize = 1024;
const NAMESPACE: Namespace<'_> = Namespace { name: "team", labels: None };

/// Runs a case so many times.
pub fn run(case: &str, times: u64) {
    match case {
        "decode_1k" => decode(&review(1, KIB), times),
        "decode_10k" => decode(&review(2, 10 * KIB), times),
        "decode_100k" => decode(&review(2, 100 * KIB), times),
        "decide_1000_rules" => decided(1_000, 2, times),
        "decide_10000_rules" => decided(10_000, 2, times),
        "decide_10_containers" => decided(1_000, 10, times),
        "answer" => answer(times),
        "handler_10k" => handler(times),
        "request_10k" => request(times),
        other => panic!("there is no case {other}"),
    }
}

/// A table of as many entries, each with a host of its own.
fn table(rules: usize) -> Arc<Config> {
    let entry = |i| format!("- {{name: entry-{i}, images: [registry-{i}.example.com/team/*]}}\n");
    let entries: String = (0..rules).map(entry).collect();
    let head = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n";
    config::parse(&format!("{head}{entries}")).expect("the table is in order").config
}

fn read(body: &[u8]) -> Request<'_, PodView<'_>> {
    Request::parse(body).expect("the review is in order")
}

fn decode(body: &[u8], times: u64) {
    for _ in 0..times {
        black_box(read(black_box(body)));
    }
}

fn decided(rules: usize, containers: usize, times: u64) {
    let (config, body) = (table(rules), review(containers, 10 * KIB));
    let pod = read(&body).object.expect("a Pod");
    for _ in 0..times {
        let decision = decide(black_box(&config), black_box(&pod), NAMESPACE);
        assert_eq!(black_box(decision.additions()).len(), containers);
    }
}

fn answer(times: u64) {
    let (config, body) = (table(1_000), review(2, 10 * KIB));
    let request = read(&body);
    let pod = request.object.as_ref().expect("a Pod");
    let additions = decide(&config, pod, NAMESPACE).additions();
    for _ in 0..times {
        let patch = patch(black_box(pod), black_box(&additions));
        let response = Response::allowed(&request.uid).with_patch(&patch).expect("written");
        black_box(response.to_json().expect("written"));
    }
}

/// The router with 1,000 rules in force, and what a server needs beside it.
fn webhook() -> (Router, Limits, Arc<Metrics>, Runtime) {
    let metrics = Arc::new(Metrics::new("instructions", Component::Webhook));
    let limits = Limits { connection_max_requests: u32::MAX, ..Limits::default() };
    let slot = Arc::new(ConfigSlot::default());
    slot.install(&table(1_000), &[]).expect("the table can be in force");
    let body = BodyReader::new(&limits, Arc::clone(&metrics));
    let name = ObjectName::default_config_map();
    let state = WebhookState::new(slot, name, Namespaces::NoCluster, body, Arc::clone(&metrics));
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    (router(Arc::new(state)), limits, metrics, runtime)
}

/// From a request to its response, without the server around it.
fn handler(times: u64) {
    let (router, _, _, runtime) = webhook();
    let body = axum::body::Bytes::from(review(2, 10 * KIB));
    runtime.block_on(async {
        for _ in 0..times {
            let request = HttpRequest::post("/mutate?timeout=5s")
                .header("content-type", "application/json")
                .body(Body::from(body.clone()))
                .expect("a request");
            let response = router.clone().oneshot(request).await.expect("an answer");
            assert_eq!(response.status(), 200);
            black_box(to_bytes(response.into_body(), usize::MAX).await.expect("a body"));
        }
    });
}

/// The length of what has come. That a socket is readable may be news of the answer before.
async fn answer_of(client: &TcpStream, answer: &mut [u8]) -> usize {
    loop {
        client.readable().await.expect("an answer");
        match client.try_read(answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read.expect("an answer"),
        }
    }
}

/// The whole server but for TLS: a connection that is kept, from the bytes of a request to those of its answer. What the
/// client does to send and to wait is in it, a few system calls.
fn request(times: u64) {
    let (router, limits, metrics, runtime) = webhook();
    let body = review(2, 10 * KIB);
    let head = format!(
        "POST /mutate?timeout=5s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let bytes = [head.as_bytes(), &body].concat();
    runtime.block_on(async {
        let address = "127.0.0.1:0".parse().expect("an address");
        let bound = Bound::bind(address).await.expect("a port is free");
        let address = bound.address();
        let serving = Serving {
            listener: Listener::Webhook,
            tls: None,
            limits,
            grace: Duration::ZERO,
            metrics,
            shutdown: Shutdown::new(),
        };
        tokio::spawn(bound.serve(router, serving));
        let client = TcpStream::connect(address).await.expect("a connection");
        let mut answer = vec![0; 16 * KIB];
        for _ in 0..times {
            client.writable().await.expect("room");
            assert_eq!(client.try_write(&bytes).ok(), Some(bytes.len()), "it fits the socket");
            let length = answer_of(&client, &mut answer).await;
            assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
            assert!(answer[..length].ends_with(b"}}"), "the answer is whole");
        }
    });
}
