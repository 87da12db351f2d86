//! What is refused request by request, in words.

use std::time::{Duration, Instant};

use crate::client::{Client, post, review};
use crate::site::{Site, eventually};
use pullpass::server::Bound;
use pullpass::telemetry::metrics::{Code, Endpoint};

#[tokio::test]
async fn requests_follow_each_other_on_one_connection_and_are_counted() {
    let site = Site::start(|_| {}).await;
    let mut client = site.client().await;
    for size in [0, 2, 20_000, 7] {
        let answer = client.ask(review(&"x".repeat(size))).await;
        assert_eq!(answer.header("connection"), None);
        assert_eq!((answer.status, answer.body), (200, size.to_string()));
    }
    assert_eq!(site.metrics.server.requests.get(Endpoint::Mutate, Code::Ok), 4);
    assert_eq!(site.connections(), 1);
}

#[tokio::test]
async fn fault_12_a_body_over_the_cap_gets_413() {
    let site = Site::start(|limits| limits.body_bytes = 1000).await;
    assert_eq!(site.client().await.ask(review(&"x".repeat(1000))).await.status, 200);

    // Far over: the client sends all of it before it reads, and must find the answer still.
    for size in [1001, 3_000_000] {
        let mut client = site.client().await;
        let answer = client.ask(review(&"x".repeat(size))).await;
        assert_eq!((answer.status, answer.closes()), (413, true));
        assert!(answer.status_message().contains("larger than 1000 bytes"));
    }

    let mut client = site.client().await;
    let head = "POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n")).await;
    let chunk = format!("258\r\n{}\r\n", "x".repeat(600));
    let answer = client.ask(format!("{chunk}{chunk}0\r\n\r\n")).await;
    assert_eq!(answer.status, 413, "without an announced length too");
}

/// A reset would throw away an answer that is still on its way.
#[tokio::test]
async fn fault_12_a_refused_client_that_sends_on_is_not_reset() {
    let site = Site::start(|limits| {
        limits.body_bytes = 1000;
        limits.linger = crate::client::SOON;
    })
    .await;
    let mut client = site.client().await;
    let request = review(&"x".repeat(3_000_000));
    let (head, rest) = request.split_at(200);
    assert_eq!(client.ask(head).await.status, 413);
    for part in rest.chunks(100_000) {
        client.try_send(part).await.expect("not reset");
    }
    drop(client);
    eventually("the connection is given back", || site.connections() == 0).await;
}

#[tokio::test]
async fn fault_12_nor_is_it_waited_for_long() {
    let site = Site::start(|limits| {
        limits.body_bytes = 1000;
        limits.linger = Duration::from_millis(100);
    })
    .await;
    let mut client = site.client().await;
    let request = review(&"x".repeat(3_000_000));
    assert_eq!(client.ask(&request[..200]).await.status, 413);
    eventually("the connection is given back", || site.connections() == 0).await;
}

#[tokio::test]
async fn fault_12_a_client_that_asks_first_is_not_told_to_go_on() {
    let site = Site::start(|limits| limits.body_bytes = 1000).await;
    let head = "POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let ask = format!("{head}Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
    assert_eq!(site.client().await.ask(ask).await.status, 413);
}

#[tokio::test]
async fn requests_sent_without_waiting_are_answered_in_order() {
    let site = Site::start(|_| {}).await;
    let mut client = site.client().await;
    client.send([review("1"), review("22"), review("333")].concat()).await;
    for size in ["1", "2", "3"] {
        assert_eq!(client.answer().await.body, size);
    }
}

#[tokio::test]
async fn an_address_in_use_is_reported_with_what_to_do() {
    let site = Site::start(|_| {}).await;
    let error = Bound::bind(site.address).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("failed to listen on {} (", site.address)), "{error}");
    assert!(error.ends_with("choose another port)"), "{error}");
}

#[tokio::test]
async fn fault_12_the_default_cap_takes_7_mib_and_no_byte_more() {
    let site = Site::start(|limits| limits.body_timeout = crate::client::SOON).await;
    let full = 7 * 1024 * 1024;
    let answer = site.client().await.ask(review(&"x".repeat(full))).await;
    assert_eq!((answer.status, answer.body), (200, full.to_string()));
    let answer = site.client().await.ask(review(&"x".repeat(full + 1))).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn fault_13_content_encoding_is_refused_with_415() {
    let site = Site::start(|_| {}).await;
    let json = "Content-Type: application/json";
    let request = post("/mutate", &[json, "Content-Encoding: gzip"], "{}");
    let answer = site.client().await.ask(request).await;
    assert_eq!(answer.status, 415);
    assert!(answer.status_message().contains("Content-Encoding"));
}

#[tokio::test]
async fn fault_14_another_content_type_gets_415() {
    let site = Site::start(|_| {}).await;
    for headers in [&["Content-Type: application/yaml"][..], &[]] {
        let mut client = site.client().await;
        let answer = client.ask(post("/mutate", headers, "{}")).await;
        assert_eq!((answer.status, answer.closes()), (415, true));
        assert!(answer.status_message().contains("application/json"));
    }
}

#[tokio::test]
async fn fault_14_a_wrong_path_gets_404_and_a_wrong_method_405() {
    let site = Site::start(|_| {}).await;
    let mut client = site.client().await;
    let answer = client.ask(post("/mutat", &[], "")).await;
    assert_eq!(answer.status, 404);
    answer.status_message();
    let answer = client.ask("GET /mutate HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("POST"));
    assert_eq!(answer.status_message(), "the method GET is not allowed at /mutate");
}

#[tokio::test]
async fn fault_18_a_panic_is_isolated_and_its_message_kept_in() {
    let site = Site::start(|_| {}).await;
    let mut client = site.client().await;
    let answer = client.ask(post("/panic", &[], "hunter2")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.status_message().contains("internal error"));
    assert!(!answer.body.contains("hunter2"));
    let next = client.ask(review("{}")).await;
    assert_eq!(next.status, 200, "the same connection serves on");
    assert_eq!(site.metrics.server.panics.get(), 1);
}

#[tokio::test]
async fn a_head_that_is_no_http_or_too_big_is_refused() {
    let site = Site::start(|limits| limits.header_bytes = 8192).await;
    for (request, status) in [
        ("NONSENSE\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000)), 431),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(200)), 431),
    ] {
        let answer = site.client().await.ask(request).await;
        assert_eq!(answer.status, status);
    }
    site.still_serves().await;
}

#[tokio::test]
async fn fault_37_what_stands_still_is_not_alive() {
    let site = Site::start(|_| {}).await;
    let mut client = Client::plain(site.admin).await;
    let mut livez = async || client.ask("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (now, hour) = (Instant::now(), Duration::from_hours(1));
    site.liveness.due("a", now + hour);
    site.liveness.due("b", now + hour);
    assert_eq!(livez().await.status, 200);
    site.liveness.due("b", now);
    let answer = livez().await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "b: stands still\n"));
    site.liveness.due("b", now + hour);
    assert_eq!(livez().await.status, 200);
    site.liveness.due("a", now);
    site.liveness.forget("a");
    assert_eq!(livez().await.status, 200);
}

#[tokio::test]
async fn the_admin_port_answers_probes_and_scrapes() {
    let site = Site::start(|_| {}).await;
    let mut client = Client::plain(site.admin).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    for path in ["/livez", "/readyz"] {
        let answer = client.ask(get(path)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    }
    let answer = client.ask(get("/metrics")).await;
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text; version=1.0.0")
    );
    assert!(answer.body.contains("pullpass_ready 1\n"));
    assert!(answer.body.ends_with("# EOF\n"));
    assert_eq!(client.ask(get("/mutate")).await.status, 404);
}
