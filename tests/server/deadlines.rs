//! Peers that are slow at each stage.

use std::time::{Duration, Instant};

use crate::client::{Client, post, review};
use crate::site::{Site, eventually};
use pullpass::telemetry::metrics::{Deadline, HandshakeFailure};
use tokio::time::sleep;

const SHORT: Duration = Duration::from_millis(200);

fn exceeded(site: &Site, deadline: Deadline) -> u64 {
    site.metrics.server.deadlines_exceeded.get(deadline)
}

#[tokio::test]
async fn fault_15_a_slow_head_ends_the_connection() {
    let site = Site::start(|limits| limits.header_timeout = SHORT).await;
    let mut client = site.client().await;
    client.send("POST /mutate HTTP/1.1\r\nHost:").await;
    client.closed().await;
    assert_eq!(exceeded(&site, Deadline::Header), 1);
    eventually("the connection is given back", || site.connections() == 0).await;
}

#[tokio::test]
async fn fault_15_a_head_that_drips_is_not_given_more_time() {
    let site = Site::start(|limits| limits.header_timeout = SHORT).await;
    let mut client = site.client().await;
    let begun = Instant::now();
    client.send("POST /mutate HTTP/1.1\r\n").await;
    while exceeded(&site, Deadline::Header) == 0 {
        assert!(begun.elapsed() < crate::client::SOON);
        client.send("X: x\r\n").await;
        sleep(SHORT / 10).await;
    }
}

#[tokio::test]
async fn fault_15_the_head_has_its_deadline_on_a_second_request_too() {
    let site = Site::start(|limits| limits.header_timeout = SHORT).await;
    let mut client = site.client().await;
    assert_eq!(client.ask(review("{}")).await.status, 200);
    client.send("POST").await;
    client.closed().await;
    assert_eq!(exceeded(&site, Deadline::Header), 1);
}

#[tokio::test]
async fn fault_15_a_stalled_handshake_is_ended() {
    let site = Site::start(|limits| limits.handshake_timeout = SHORT).await;
    let mut silent = Client::plain(site.address).await;
    let mut stalled = Client::plain(site.address).await;
    stalled.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
    silent.closed().await;
    stalled.closed().await;
    let failures = &site.metrics.server.handshake_failures;
    assert_eq!(failures.get(HandshakeFailure::Timeout), 2);
    eventually("the connections are given back", || site.connections() == 0).await;
}

#[tokio::test]
async fn fault_15_a_stalled_body_gets_408() {
    let site = Site::start(|limits| limits.body_timeout = SHORT).await;
    let mut client = site.client().await;
    let request = review(&"x".repeat(100));
    let answer = client.ask(&request[..request.len() - 1]).await;
    assert_eq!(answer.status, 408);
    assert!(answer.status_message().contains("within 200 ms"));
    client.closed().await;
    assert_eq!(exceeded(&site, Deadline::Body), 1);
    assert_eq!(exceeded(&site, Deadline::Header), 0);
}

#[tokio::test]
async fn fault_15_a_request_may_take_longer_than_the_head_may() {
    let site = Site::start(|limits| {
        limits.header_timeout = SHORT / 4;
        limits.idle_timeout = SHORT / 4;
    })
    .await;
    let mut client = site.client().await;
    client.send(post("/slow", &[], "")).await;
    site.in_flight(1).await;
    sleep(SHORT).await;
    site.slow.add_permits(1);
    assert_eq!(client.answer().await.body, "done");
}

#[tokio::test]
async fn fault_16_idle_connections_are_reaped_in_good_order() {
    let site = Site::start(|limits| limits.idle_timeout = SHORT).await;
    let mut fresh = site.client().await;
    let mut used = site.client().await;
    used.ask(review("{}")).await;
    assert!(fresh.closed().await.is_empty());
    assert!(used.closed().await.is_empty());
    assert_eq!(exceeded(&site, Deadline::Idle), 2);
    drop((fresh, used));
    eventually("the connections are given back", || site.connections() == 0).await;
}

#[tokio::test]
async fn fault_16_a_connection_that_never_asks_is_not_kept_as_long_as_an_idle_one() {
    let site = Site::start(|limits| limits.header_timeout = SHORT).await;
    let mut silent = site.client().await;
    assert!(silent.closed().await.is_empty());
    eventually("the connection is given back", || site.connections() == 0).await;
}

#[tokio::test]
async fn fault_15_a_connection_may_idle_longer_than_a_head_may_take() {
    let site = Site::start(|limits| limits.header_timeout = SHORT / 4).await;
    let mut client = site.client().await;
    for _ in 0..2 {
        assert_eq!(client.ask(review("{}")).await.status, 200);
        sleep(SHORT).await;
    }
    assert_eq!(client.ask(review("{}")).await.status, 200);
}

#[tokio::test]
async fn fault_15_a_peer_that_does_not_read_is_ended() {
    let site = Site::start(|limits| limits.write_timeout = SHORT).await;
    let mut client = site.client().await;
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("the write is given up", || exceeded(&site, Deadline::Write) == 1).await;
    eventually("the connection is given back", || site.connections() == 0).await;
    site.still_serves().await;
}
