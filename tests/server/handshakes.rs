//! Peers that do not speak the TLS that is spoken here.

use crate::client::{Client, review};
use crate::site::{Site, eventually, new_certificate};
use pullpass::telemetry::metrics::HandshakeFailure;
use rustls::version::{TLS12, TLS13};

async fn fails_as(site: &Site, failure: HandshakeFailure) {
    let failures = &site.metrics.server.handshake_failures;
    eventually(&format!("counted as {failure:?}"), || failures.get(failure) == 1).await;
    eventually("the connection is given back", || site.connections() == 0).await;
}

/// A ClientHello of TLS 1.1 with these extensions.
fn client_hello(extensions: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0, 0, length(extensions)]);
    hello.extend(extensions);
    let mut record = vec![0x16, 3, 1, 0, length(&hello) + 4, 1, 0, 0, length(&hello)];
    record.extend(hello);
    record
}

/// With and without the list of signature algorithms that came with TLS 1.2.
#[tokio::test]
async fn fault_20_tls_1_1_is_refused_with_an_alert() {
    const SIGNATURES: &[u8] = &[0, 13, 0, 4, 0, 2, 4, 3];
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    for (extensions, alert) in [(&[][..], HANDSHAKE_FAILURE), (SIGNATURES, PROTOCOL_VERSION)] {
        let site = Site::start(|_| {}).await;
        let mut client = Client::plain(site.address).await;
        client.send(client_hello(extensions)).await;
        let reply = client.closed().await;
        assert_eq!((reply[0], reply.last()), (0x15, Some(&alert)));
        drop(client);
        fails_as(&site, HandshakeFailure::TlsVersion).await;
        site.still_serves().await;
    }
}

#[tokio::test]
async fn fault_20_tls_1_2_and_1_3_are_spoken() {
    let site = Site::start(|_| {}).await;
    for version in [&TLS12, &TLS13] {
        let mut client = Client::tls_of_version(site.address, &site.ca_pem, version).await;
        assert_eq!(client.ask(review("{}")).await.status, 200);
    }
}

#[tokio::test]
async fn fault_20_plain_http_on_the_tls_port_is_refused() {
    let site = Site::start(|_| {}).await;
    let mut client = Client::plain(site.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.closed().await;
    fails_as(&site, HandshakeFailure::PlainHttpOrGarbage).await;
    site.still_serves().await;
}

#[tokio::test]
async fn fault_20_garbage_is_refused() {
    let site = Site::start(|_| {}).await;
    let mut client = Client::plain(site.address).await;
    client.send([0xff; 5000]).await;
    client.closed().await;
    fails_as(&site, HandshakeFailure::PlainHttpOrGarbage).await;
    site.still_serves().await;
}

#[tokio::test]
async fn fault_20_a_client_that_does_not_trust_the_certificate_is_told_apart() {
    let site = Site::start(|_| {}).await;
    let other_ca = new_certificate().ca_pem;
    assert!(Client::try_tls(site.address, &other_ca, "pullpass.test").await.is_err());
    fails_as(&site, HandshakeFailure::ClientRejectedCertificate).await;
    site.still_serves().await;
}

#[tokio::test]
async fn fault_20_another_server_name_gets_the_same_certificate() {
    let site = Site::start(|_| {}).await;
    assert!(Client::try_tls(site.address, &site.ca_pem, "other.test").await.is_err());
    fails_as(&site, HandshakeFailure::ClientRejectedCertificate).await;
    site.still_serves().await;
}

#[tokio::test]
async fn without_a_certificate_handshakes_are_refused_cleanly() {
    let site = Site::start_bare(|_| {}).await;
    assert!(Client::try_tls(site.address, &site.ca_pem, "pullpass.test").await.is_err());
    fails_as(&site, HandshakeFailure::NoCertificate).await;
}
