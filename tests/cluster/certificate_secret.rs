//! The serving certificate in its Secret is followed; the last good one stays.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    deployed::{IMAGE, additions, config, review},
    endpoint::Endpoint,
    eventually::eventually,
    kept_connection::KeptConnection,
    pki::Leaf,
    pods::{pod, pull_secrets},
    webhook::{NewWebhook, WebhookProcess},
};

const SOON: Duration = Duration::from_secs(15);
const NAMES: [&str; 2] = ["127.0.0.1", "pullpass-webhook.pullpass-system.svc"];

#[tokio::test]
async fn a_replaced_certificate_is_served_without_a_failed_request_on_kept_connections() {
    let cluster = Cluster::exclusive().await;
    let webhook = new(&cluster).await.start().await;
    cluster.register("cluster-wide", &webhook).await;
    let namespace = cluster.namespace("team").create().await;
    let mut kept = connect(&webhook).await.unwrap();
    let first = kept.certificate();
    let mut pods = (0..).map(|number| pod(&format!("pod-{number}")).image(IMAGE).build());

    for _ in 0..3 {
        let leaf = webhook.authority().issue(&NAMES);
        cluster.write_tls_secret(&leaf, webhook.authority()).await;
        eventually("the new certificate in new handshakes", SOON, async || {
            let answer = kept.review(&review("default")).await.unwrap();
            assert_eq!(additions(&answer).unwrap(), ["project"]);
            let stored = namespace.create(&pods.next().unwrap()).await.unwrap();
            assert_eq!(pull_secrets(&stored), ["project"]);
            let presented = connect(&webhook).await?.certificate();
            (presented == leaf.der()).then_some(()).ok_or("another one".to_string())
        })
        .await;
    }

    assert_eq!(kept.certificate(), first);
    assert_eq!(refusals(&webhook).await, Some(0.0));
}

#[tokio::test]
async fn fault_25_a_bad_pair_leaves_the_last_good_one_and_is_loud() {
    let cluster = Cluster::exclusive().await;
    let webhook = new(&cluster).await.start().await;
    let authority = webhook.authority();
    let good = authority.issue(&NAMES);
    let other = authority.issue(&NAMES);
    let cut = |text: &str| text[..text.len() / 2].to_owned();
    let cases = [
        ("cannot be parsed", Leaf { certificate: cut(&other.certificate), ..other.clone() }),
        ("cannot be parsed", Leaf { key: cut(&other.key), ..other.clone() }),
        ("there is no certificate", Leaf { certificate: "\n".into(), ..other.clone() }),
        ("it expired at 2020-01-01", authority.issue_expired(&NAMES)),
        ("does not belong to the certificate", Leaf { key: good.key.clone(), ..other.clone() }),
        // The certificate is the one in force; its key would be missed at the next start.
        ("does not belong to the certificate", Leaf { key: other.key.clone(), ..good.clone() }),
        ("larger than", Leaf { certificate: other.certificate.repeat(800), ..other.clone() }),
    ];

    for (reason, bad) in cases {
        cluster.write_tls_secret(&good, authority).await;
        serves(&webhook, &good).await;
        let before = refusals(&webhook).await;
        let logged = webhook.log().len();

        cluster.write_tls_secret(&bad, authority).await;
        eventually(&format!("the refusal: {reason}"), SOON, async || {
            refusals(&webhook).await > before
        })
        .await;

        let log = webhook.log().split_off(logged);
        assert!(log.contains("the last good one stays in force"), "{log}");
        assert!(log.contains(reason), "{reason} is not in: {log}");
        assert!(!log.contains("PRIVATE"), "{log}");
        serves(&webhook, &good).await;
        assert_eq!(webhook.ready().await.status, 200);
    }
}

#[tokio::test]
async fn fault_24_a_certificate_of_the_future_is_taken_when_its_time_has_come() {
    let cluster = Cluster::exclusive().await;
    let webhook = new(&cluster).await.start().await;
    let good = webhook.authority().issue(&NAMES);
    cluster.write_tls_secret(&good, webhook.authority()).await;
    serves(&webhook, &good).await;
    // Five minutes are taken for the skew of clocks.
    let start = OffsetDateTime::now_utc() + Duration::from_secs(5 * 60 + 8);
    let early = webhook.authority().issue_from(&NAMES, start);

    cluster.write_tls_secret(&early, webhook.authority()).await;
    eventually("the refusal", SOON, async || refusals(&webhook).await >= Some(1.0)).await;
    assert!(webhook.log().contains("it is not valid before"), "{}", webhook.log());
    let refused = async || webhook.metric("pullpass_certificate_refused").await;
    assert_eq!(refused().await, Some(1.0));
    assert_eq!(connect(&webhook).await.unwrap().certificate(), good.der());

    // A client whose clock is right does not take it yet: what counts is that it was looked at again.
    eventually("the certificate to be taken", 2 * SOON, async || {
        let loads = webhook.metric("pullpass_certificate_loads_total{result=\"loaded\"}").await;
        (loads == Some(3.0)).then_some(()).ok_or(format!("{loads:?}; {}", webhook.log()))
    })
    .await;
    assert_eq!(refused().await, Some(0.0));
    let error = connect(&webhook).await.err().unwrap_or_default();
    assert!(error.contains("not valid yet"), "{error}");
}

#[tokio::test]
async fn fault_27_a_deleted_secret_leaves_the_certificate_in_force() {
    let cluster = Cluster::exclusive().await;
    let webhook = new(&cluster).await.start().await;
    let good = webhook.authority().issue(&NAMES);
    cluster.write_tls_secret(&good, webhook.authority()).await;
    serves(&webhook, &good).await;

    delete_secret(&cluster).await;
    eventually("the refusal", SOON, async || refusals(&webhook).await >= Some(1.0)).await;

    serves(&webhook, &good).await;
    assert_eq!(webhook.ready().await.status, 200);
    let next = webhook.authority().issue(&NAMES);
    cluster.write_tls_secret(&next, webhook.authority()).await;
    serves(&webhook, &next).await;
}

#[tokio::test]
async fn without_its_secret_it_is_not_ready_and_says_why_until_there_is_one() {
    let cluster = Cluster::exclusive().await;
    let webhook = new(&cluster).await;
    delete_secret(&cluster).await;
    let webhook = webhook.spawn();

    is_missing(&webhook, "certificate: Secret pullpass-system/pullpass-tls: it does not exist")
        .await;
    assert!(connect(&webhook).await.is_err());

    cluster
        .apply(&json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": "pullpass-tls", "namespace": SYSTEM_NAMESPACE},
            "stringData": {"tls.crt": "", "tls.key": ""},
        }))
        .await;
    is_missing(&webhook, "there is no certificate").await;

    let leaf = webhook.authority().issue(&NAMES);
    cluster.write_tls_secret(&leaf, webhook.authority()).await;
    eventually("the webhook to be ready", SOON, async || webhook.ready().await.status == 200).await;
    serves(&webhook, &leaf).await;
}

async fn new(cluster: &Cluster) -> NewWebhook {
    let webhook = cluster.deployed().await;
    cluster.configure(&config("project")).await.expect_success();
    webhook
}

async fn connect(webhook: &WebhookProcess) -> Result<KeptConnection, String> {
    KeptConnection::open(webhook.port(), webhook.authority()).await
}

async fn serves(webhook: &WebhookProcess, leaf: &Leaf) {
    eventually("the certificate to be served", SOON, async || {
        let presented = connect(webhook).await?.certificate();
        (presented == leaf.der()).then_some(()).ok_or("another one".to_string())
    })
    .await;
}

async fn refusals(webhook: &WebhookProcess) -> Option<f64> {
    webhook.metric("pullpass_certificate_loads_total{result=\"refused\"}").await
}

async fn delete_secret(cluster: &Cluster) {
    let delete = ["delete", "secret", "pullpass-tls", "-n", SYSTEM_NAMESPACE];
    cluster.kubectl(&delete, None).await.expect_success();
}

async fn is_missing(webhook: &WebhookProcess, reason: &str) {
    eventually("the reason in /readyz", SOON, async || {
        let answer = webhook.admin_if_up("/readyz").await?;
        let is_said = answer.status == 503 && answer.body.contains(reason);
        is_said.then_some(()).ok_or(format!("{answer:?}"))
    })
    .await;
}
