//! More than the server will take at once.

use crate::client::{Client, SOON, post, review};
use crate::site::{Site, eventually};
use futures::future::join_all;
use pullpass::telemetry::metrics::{Listener, Shed};

#[tokio::test]
async fn fault_16_connections_over_the_cap_are_closed_at_once() {
    let site = Site::start(|limits| limits.connections = 2).await;
    let first = site.client().await;
    let mut second = site.client().await;
    let mut third = Client::plain(site.address).await;
    assert!(third.closed().await.is_empty());
    let refused = &site.metrics.server.connections_refused;
    assert_eq!(refused.get(Listener::Webhook), 1);
    assert_eq!(second.ask(review("{}")).await.status, 200, "those within are served");
    drop(first);
    eventually("a place is free", || site.connections() == 1).await;
    site.still_serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_17_a_burst_of_500_connections_is_served() {
    let site = Site::start(|limits| limits.handshake_timeout = SOON).await;
    let answers = join_all((0..500).map(|_| async {
        let mut client = site.client().await;
        client.ask(review("{}")).await.status
    }))
    .await;
    assert!(answers.iter().all(|status| *status == 200));
    eventually("all are gone", || site.connections() == 0).await;
}

#[tokio::test]
async fn fault_17_requests_over_the_cap_get_a_clean_503() {
    let site = Site::start(|limits| limits.in_flight = 2).await;
    let mut busy = [site.client().await, site.client().await];
    for client in &mut busy {
        client.send(post("/slow", &[], "")).await;
    }
    site.in_flight(2).await;
    let mut client = site.client().await;
    let asked = client.ask(review("{}")).await;
    assert_eq!((asked.status, asked.closes()), (503, true));
    assert!(asked.status_message().contains("too many requests"));
    assert_eq!(site.metrics.server.requests_shed.get(Shed::InFlight), 1);

    site.slow.add_permits(2);
    for client in &mut busy {
        assert_eq!(client.answer().await.status, 200);
    }
    site.still_serves().await;
}

#[tokio::test]
async fn fault_17_bodies_over_the_memory_budget_get_a_clean_503() {
    let site = Site::start(|limits| limits.buffered_bytes = 1000).await;
    let mut client = site.client().await;
    let answer = client.ask(review(&"x".repeat(1001))).await;
    assert_eq!(answer.status, 503);
    assert!(answer.status_message().contains("try again"));
    assert_eq!(site.metrics.server.requests_shed.get(Shed::BufferedBytes), 1);
    let answer = site.client().await.ask(review(&"x".repeat(1000))).await;
    assert_eq!(answer.status, 200, "what was taken has been given back");
}

#[tokio::test]
async fn fault_17_a_body_that_comes_too_late_is_refused_before_it_is_sent() {
    let site = Site::start(|limits| {
        limits.buffered_bytes = 1024 * 1024;
        limits.body_timeout = SOON;
    })
    .await;
    let body = "x".repeat(700_000);
    let request = review(&body);
    let (head, body) = request.split_at(request.len() - body.len());
    let [mut one, mut other] = [site.client().await, site.client().await];
    one.send(head).await;
    other.send(head).await;
    let (refused, early) = tokio::select! {
        refused = one.answer() => (refused, &mut other),
        refused = other.answer() => (refused, &mut one),
    };
    assert_eq!((refused.status, refused.closes()), (503, true));
    site.still_serves().await;

    early.send(body).await;
    assert_eq!(early.answer().await.status, 200, "it has what it announced");
    assert_eq!(site.client().await.ask(&request).await.status, 200, "and has given it back");
}

#[tokio::test]
async fn fault_21_a_connection_is_told_to_close_after_its_last_request() {
    let site = Site::start(|limits| limits.connection_max_requests = 3).await;
    let mut client = site.client().await;
    for last in [false, false, true] {
        let answer = client.ask(review("{}")).await;
        assert_eq!((answer.status, answer.closes()), (200, last));
    }
    assert!(client.closed().await.is_empty());
}

#[tokio::test]
async fn fault_21_so_is_one_that_is_old() {
    let site = Site::start(|limits| limits.connection_max_age = std::time::Duration::ZERO).await;
    let answer = site.client().await.ask(review("{}")).await;
    assert_eq!((answer.status, answer.closes()), (200, true));
}
