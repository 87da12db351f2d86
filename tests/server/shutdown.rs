//! SIGTERM, and what clients notice of it.

use std::time::Duration;

use crate::client::{Client, SOON, post, review};
use crate::site::Site;
use futures::StreamExt;
use pullpass::server::{ShutdownTimes, TaskError, os_signals};
use tokio::net::TcpStream;
use tokio::time::timeout;

const NEVER: Duration = Duration::from_secs(3600);

async fn site(delay: Duration, grace: Duration) -> Site {
    Site::start_with(|_| {}, ShutdownTimes { delay, grace }, true).await
}

async fn slow_client(site: &Site) -> Client {
    let mut client = site.client().await;
    client.send(post("/slow", &[], "")).await;
    site.in_flight(1).await;
    client
}

async fn readyz(site: &Site) -> (u16, String) {
    let mut client = Client::plain(site.admin).await;
    let answer = client.ask("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn fault_19_first_not_ready_while_still_serving() {
    let site = site(NEVER, NEVER).await;
    let mut client = site.client().await;
    assert!(!client.ask(review("{}")).await.closes());
    assert_eq!(readyz(&site).await, (200, "ok".to_owned()));

    site.signal();
    while readyz(&site).await.0 == 200 {}
    assert_eq!(readyz(&site).await, (503, "process: shutting down\n".to_owned()));
    let answer = client.ask(review("{}")).await;
    assert_eq!((answer.status, answer.closes()), (200, true), "and told to close");
    site.still_serves().await;
}

#[tokio::test]
async fn fault_19_requests_in_flight_finish_and_the_end_is_in_good_order() {
    let site = site(Duration::ZERO, NEVER).await;
    let mut busy = slow_client(&site).await;
    let mut idle = site.client().await;
    idle.ask(review("{}")).await;
    site.signal();
    assert!(idle.closed().await.is_empty(), "idle connections are closed");
    refuses_connections(&site).await;

    site.slow.add_permits(1);
    let answer = busy.answer().await;
    assert_eq!((answer.status, answer.closes()), (200, true));
    drop((busy, idle));
    assert!(site.outcome().await.is_ok());
}

#[tokio::test]
async fn fault_19_the_grace_is_a_deadline() {
    let site = site(Duration::ZERO, Duration::from_millis(100)).await;
    let _busy = slow_client(&site).await;
    site.signal();
    assert!(site.outcome().await.is_ok());
}

#[tokio::test]
async fn fault_19_a_second_signal_aborts_in_either_phase() {
    for delay in [Duration::ZERO, NEVER] {
        let site = site(delay, NEVER).await;
        let _busy = slow_client(&site).await;
        site.signal();
        if delay.is_zero() {
            refuses_connections(&site).await;
        } else {
            while readyz(&site).await.0 == 200 {}
        }
        site.signal();
        assert!(matches!(site.outcome().await, Err(TaskError::Aborted(_))));
    }
}

async fn refuses_connections(site: &Site) {
    while TcpStream::connect(site.address).await.is_ok() {}
}

/// A client that keeps connections alive and obeys `Connection: close`, as Go's does. It goes on for
/// as long as the endpoint may still be listed, which is what the delay is for.
#[tokio::test]
async fn fault_19_no_request_fails_while_the_process_leaves() {
    let site = site(Duration::from_secs(5), NEVER).await;
    let mut client = site.client().await;
    let mut closes = 0;
    for count in 0..60 {
        if count == 20 {
            site.signal();
        }
        let answer = client.ask(review("{}")).await;
        assert_eq!(answer.status, 200);
        if answer.closes() {
            closes += 1;
            client = site.client().await;
        }
    }
    assert!(closes > 30, "{closes} of 40");
    drop(client);
    assert!(site.outcome().await.is_ok());
}

#[tokio::test]
async fn fault_19_sigterm_and_sigint_are_received() {
    let mut signals = os_signals().unwrap();
    for name in ["-TERM", "-INT"] {
        let process = std::process::id().to_string();
        let sent = std::process::Command::new("kill").args([name, &process]).status();
        assert!(sent.unwrap().success());
        assert!(timeout(SOON, signals.next()).await.unwrap().is_some());
    }
}
