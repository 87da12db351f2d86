//! A request makes no API call: what the webhook asks of the API server, by the audit log.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::future::join_all;

use crate::{
    audit,
    cluster::Cluster,
    deployed::{IMAGE, USER, config_by_label},
    eventually::eventually,
    pods::{pod, pull_secrets},
    webhook::WebhookProcess,
};

/// Of the configuration, of what is shared by label, and of Namespaces.
const LISTS: f64 = 3.0;
/// The longest that a webhook can be given, in seconds: a look-up may take a quarter of it.
const LONGEST: u32 = 30;
/// Each connection that stands still is given up after 10 s.
const GIVEN_UP: Duration = Duration::from_secs(60);

const SOON: Duration = Duration::from_secs(20);
const FETCHED: &str = "pullpass_namespace_lookups_total{result=\"fetched\"}";
const WATCHED: &str = "pullpass_namespace_lookups_total{result=\"watched\"}";

#[tokio::test]
async fn pods_in_known_namespaces_cost_no_api_call() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.deployed().await;
    cluster.configure(&config_by_label("paid")).await.expect_success();
    let webhook = webhook.start().await;
    cluster.register("cluster-wide", &webhook).await;
    let paid = cluster.namespace("team").labelled(&[("tier", "paid")]).create().await;
    let free = cluster.namespace("team").labelled(&[("tier", "free")]).create().await;
    for namespace in [&paid, &free] {
        is_known(&webhook, &namespace.name).await;
    }
    // The audit log is written in order: the webhook's own calls are before this one.
    let pass = async || {
        cluster.kubectl(&["get", "--raw", "/version"], None).await.expect_success();
    };
    pass().await;
    let before = calls(&cluster).len();
    let lookups = webhook.metric(WATCHED).await.unwrap_or_default();

    for number in 0..25 {
        let pod = pod(&format!("pod-{number}")).image(IMAGE).build();
        assert_eq!(pull_secrets(&paid.create(&pod).await.unwrap()), ["paid"]);
        assert_eq!(pull_secrets(&free.create(&pod).await.unwrap()), [""; 0]);
    }

    pass().await;
    let made = calls(&cluster);
    assert_eq!(made.len(), before, "{made:#?}");
    assert_eq!(webhook.metric(WATCHED).await, Some(lookups + 50.0));
    let verbs: BTreeSet<(&str, &str)> = made
        .iter()
        .filter(|call| call.object_ref.name.is_empty() || call.object_ref.resource != "namespaces")
        .map(|call| (call.verb.as_str(), call.object_ref.resource.as_str()))
        .collect();
    let resources = ["configmaps", "namespaces", "secrets"];
    let watches: BTreeSet<_> = ["list", "watch"]
        .iter()
        .flat_map(|verb| resources.map(|resource| (*verb, resource)))
        .collect();
    assert_eq!(verbs, watches);
}

#[tokio::test]
async fn a_namespace_not_seen_yet_is_fetched() {
    let cluster = Cluster::exclusive().await;
    let network = cluster.network().await;
    let webhook = cluster.deployed_behind(&network).await;
    cluster.configure(&config_by_label("paid")).await.expect_success();
    let webhook = webhook.start().await;
    is_known(&webhook, "default").await;
    let before = webhook.metric(FETCHED).await.unwrap_or_default();

    // The watches stand still; new connections pass.
    network.freeze_present();
    let namespace = cluster.namespace("team").labelled(&[("tier", "paid")]).create_at_once().await;

    // A connection that lay idle stands still as well, at most one for each list that there was. The fetch
    // that meets it is given up after 10 s: two look-ups of 7.5 s are too short for that.
    let mut lookups = 0;
    eventually("an answer by the labels", GIVEN_UP, async || {
        lookups += 1;
        let given = webhook.additions(&namespace.name, LONGEST).await?;
        (given == ["paid"]).then_some(()).ok_or(format!("{given:?}"))
    })
    .await;
    assert_eq!(webhook.metric(FETCHED).await, Some(before + 1.0), "{}", webhook.log());
    let missing = webhook.metric("pullpass_labels_missing_total").await.unwrap_or_default();
    assert!(missing <= 2.0 * LISTS, "{missing} without labels: {}", webhook.log());
    let fetched = eventually("the fetch in the audit log", SOON, async || {
        Some(gets(&cluster, &namespace.name)).filter(|gets| !gets.is_empty())
    })
    .await;
    assert!(fetched.len() <= lookups, "{lookups} look-ups: {fetched:#?}");
}

#[tokio::test]
async fn many_who_wait_for_a_namespace_share_one_fetch_and_wait_a_quarter_of_the_timeout() {
    let cluster = Cluster::exclusive().await;
    let network = cluster.network().await;
    let webhook = cluster.deployed_behind(&network).await;
    cluster.configure(&config_by_label("paid")).await.expect_success();
    let webhook = webhook.start().await;
    is_known(&webhook, "default").await;

    network.freeze();
    let namespace = cluster.namespace("team").labelled(&[("tier", "paid")]).create_at_once().await;
    let started = Instant::now();
    let reviews = (0..20).map(|_| webhook.additions(&namespace.name, 8));
    for given in join_all(reviews).await {
        assert_eq!(given.unwrap(), [""; 0], "an entry that needs labels does not apply without");
    }
    let took = started.elapsed();

    // A quarter of 8 s, and some time for 20 handshakes.
    assert!((Duration::from_secs(2)..Duration::from_secs(5)).contains(&took), "{took:?}");
    assert_eq!(webhook.metric("pullpass_labels_missing_total").await, Some(20.0));
    assert!(webhook.log().contains("entries that need the labels of the namespace did not apply"));
    network.restore();
    eventually("the watch to come to the namespace", SOON, async || {
        webhook.additions(&namespace.name, 5).await.is_ok_and(|given| given == ["paid"])
    })
    .await;
    let fetched = eventually("the fetch in the audit log", SOON, async || {
        Some(gets(&cluster, &namespace.name)).filter(|gets| !gets.is_empty())
    })
    .await;
    assert_eq!(fetched.len(), 1, "{fetched:#?}");
}

#[tokio::test]
async fn a_namespace_that_does_not_exist_is_no_error() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.deployed().await;
    cluster.configure(&config_by_label("paid")).await.expect_success();
    let webhook = webhook.start().await;

    assert_eq!(webhook.additions("nowhere", 5).await.unwrap(), [""; 0]);

    assert_eq!(webhook.metric("pullpass_labels_missing_total").await, Some(1.0));
}

/// Waits until the watch has come to the namespace.
async fn is_known(webhook: &WebhookProcess, namespace: &str) {
    let before = webhook.metric(WATCHED).await;
    eventually("the watch to have seen the namespace", SOON, async || {
        webhook.additions(namespace, 5).await?;
        (webhook.metric(WATCHED).await > before).then_some(()).ok_or("not yet".to_string())
    })
    .await;
}

fn calls(cluster: &Cluster) -> Vec<audit::Event> {
    cluster.audit_events(|event| event.user.username == USER)
}

fn gets(cluster: &Cluster, namespace: &str) -> Vec<audit::Event> {
    let mut gets = calls(cluster);
    gets.retain(|call| call.verb == "get" && call.object_ref.name == namespace);
    gets
}
