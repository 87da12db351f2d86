//! The ConfigMap is followed: an edit is in force within 2 s, and the last good one stays.

use std::time::Duration;

use k8s_openapi::api::{core::v1::ConfigMap, events::v1::Event};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    deployed::{IMAGE, broken_config, config},
    eventually::eventually,
    in_force,
    pods::{pod, pull_secrets},
    webhook::WebhookProcess,
};

/// What is promised: from the answer to the write of the ConfigMap.
const IN_FORCE: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn fault_29_forced_past_the_validator_the_last_good_one_stays_in_force_and_that_is_told() {
    let cluster = Cluster::exclusive().await;
    let webhook = started(&cluster).await;
    cluster.register("cluster-wide", &webhook).await;
    let namespace = cluster.namespace("team").create().await;
    let delete = ["delete", "validatingwebhookconfiguration", "pullpass"];
    cluster.kubectl(&delete, None).await.expect_success();
    in_force::wait_for_validating(&cluster, false).await;

    cluster.configure(broken_config()).await.expect_success();
    is_refused(&webhook, 1.0).await;

    let stored = namespace.create(&pod("a").image(IMAGE).build()).await.unwrap();
    assert_eq!(pull_secrets(&stored), ["project"]);
    assert_eq!(webhook.ready().await.status, 200);
    assert!(
        webhook.log().contains("the last good one stays in force: the configuration has 1 error")
    );
    let described = eventually("the Event", SOON, async || {
        let describe = ["describe", "configmap", "pullpass", "-n", SYSTEM_NAMESPACE];
        let described = cluster.kubectl(&describe, None).await.expect_success();
        described.contains("ConfigurationRefused").then_some(described)
    })
    .await;
    for part in ["Warning", "The last good configuration stays in force", "line 4", "`nmae`"] {
        assert!(described.contains(part), "{part} is not in: {described}");
    }

    cluster.configure(&config("corrected")).await.expect_success();
    is_refused(&webhook, 0.0).await;
    gives(&webhook, "corrected").await;
}

#[tokio::test]
async fn an_event_has_the_reason_of_the_newest_refusal() {
    let cluster = Cluster::exclusive().await;
    let webhook = started(&cluster).await;

    for field in ["first", "second"] {
        let broken = format!("{}{field}: 1\n", config("project"));
        cluster.configure(&broken).await.expect_success();
        eventually("an Event with this reason", SOON, async || {
            let found = events(&cluster).await;
            let wanted = format!("unknown field `{field}`");
            let is_told = found.iter().any(|(note, _)| note.contains(&wanted));
            is_told.then_some(()).ok_or(format!("{found:?}; {}", webhook.log()))
        })
        .await;
    }
}

#[tokio::test]
async fn the_same_refusal_again_is_counted_in_the_same_event() {
    let cluster = Cluster::exclusive().await;
    let webhook = started(&cluster).await;

    for secret in ["one", "two"] {
        cluster.configure(broken_config()).await.expect_success();
        is_refused(&webhook, 1.0).await;
        cluster.configure(&config(secret)).await.expect_success();
        is_refused(&webhook, 0.0).await;
    }

    eventually("one Event, seen twice", SOON, async || {
        let found = events(&cluster).await;
        let counts: Vec<i32> = found.iter().map(|(_, count)| *count).collect();
        (counts == [2]).then_some(()).ok_or(format!("{found:?}; {}", webhook.log()))
    })
    .await;
}

#[tokio::test]
async fn fault_30_a_deleted_config_map_stays_in_force() {
    let cluster = Cluster::exclusive().await;
    let webhook = started(&cluster).await;

    delete_config_map(&cluster).await;
    is_refused(&webhook, 1.0).await;

    gives(&webhook, "project").await;
    assert_eq!(webhook.ready().await.status, 200);
    assert!(webhook.log().contains("the last good one stays in force: it does not exist"));

    cluster.configure(&config("again")).await.expect_success();
    is_refused(&webhook, 0.0).await;
    gives(&webhook, "again").await;
}

#[tokio::test]
async fn fault_34_without_a_config_map_it_is_not_ready_and_says_why_until_there_is_one() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.deployed().await;
    delete_config_map(&cluster).await;
    let webhook = webhook.spawn();

    is_missing(
        &webhook,
        "configuration: ConfigMap pullpass-system/pullpass: it does not exist; create it",
    )
    .await;
    eventually("an answer, once the certificate is there", SOON, async || {
        let refused = webhook.additions("default", 5).await.expect_err("nothing is in force");
        refused.contains("no configuration in force").then_some(()).ok_or(refused)
    })
    .await;

    cluster.configure(broken_config()).await.expect_success();
    is_missing(&webhook, "line 4").await;
    eventually("an Event that says so", SOON, async || {
        let found = events(&cluster).await;
        let mut notes = found.iter().map(|(note, _)| note);
        notes.any(|note| note.starts_with("There is no configuration in force: "))
    })
    .await;

    cluster.configure(&config("project")).await.expect_success();
    eventually("the webhook to be ready", SOON, async || webhook.ready().await.status == 200).await;
    gives(&webhook, "project").await;
}

#[tokio::test]
async fn an_edit_is_in_force_on_both_replicas_within_2_s() {
    let cluster = Cluster::exclusive().await;
    let (one, two) = replicas(&cluster).await;

    for secret in ["edited", "edited-again"] {
        write(&cluster, &config(secret)).await;
        tokio::join!(gives(&one, secret), gives(&two, secret));
    }
}

#[tokio::test]
async fn fault_33_of_rapid_edits_the_last_one_wins_on_both_replicas() {
    let cluster = Cluster::exclusive().await;
    let (one, two) = replicas(&cluster).await;

    for number in 1..=20 {
        match number % 5 {
            0 if number < 20 => write(&cluster, broken_config()).await,
            _ => write(&cluster, &config(&format!("edit-{number}"))).await,
        }
    }

    tokio::join!(gives(&one, "edit-20"), gives(&two, "edit-20"));
    tokio::join!(is_refused(&one, 0.0), is_refused(&two, 0.0));
}

async fn started(cluster: &Cluster) -> WebhookProcess {
    let webhook = cluster.deployed().await;
    cluster.configure(&config("project")).await.expect_success();
    webhook.start().await
}

async fn replicas(cluster: &Cluster) -> (WebhookProcess, WebhookProcess) {
    let one = started(cluster).await;
    let two = cluster.replica_of(&one).await.start().await;
    (one, two)
}

/// Writes the ConfigMap and returns with the API server's answer.
async fn write(cluster: &Cluster, yaml: &str) {
    let config_map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "pullpass"},
        "data": {"config.yaml": yaml},
    });
    Api::<ConfigMap>::namespaced(cluster.client(), SYSTEM_NAMESPACE)
        .patch("pullpass", &PatchParams::apply("test").force(), &Patch::Apply(config_map))
        .await
        .unwrap();
}

async fn delete_config_map(cluster: &Cluster) {
    let delete = ["delete", "configmap", "pullpass", "-n", SYSTEM_NAMESPACE];
    cluster.kubectl(&delete, None).await.expect_success();
}

/// Waits as long as an edit may take until Pods get exactly this secret.
async fn gives(webhook: &WebhookProcess, secret: &str) {
    eventually("the configuration to be in force", IN_FORCE, async || {
        let given = webhook.additions("default", 5).await?;
        (given == [secret]).then_some(()).ok_or(format!("{given:?}"))
    })
    .await;
}

async fn is_refused(webhook: &WebhookProcess, gauge: f64) {
    eventually("pullpass_config_refused", SOON, async || {
        let seen = webhook.metric("pullpass_config_refused").await;
        (seen == Some(gauge)).then_some(()).ok_or(format!("{seen:?}"))
    })
    .await;
}

/// Waits until the webhook is not ready for this reason.
async fn is_missing(webhook: &WebhookProcess, reason: &str) {
    eventually("the reason in /readyz", SOON, async || {
        let answer = webhook.admin_if_up("/readyz").await?;
        let is_said = answer.status == 503 && answer.body.contains(reason);
        is_said.then_some(()).ok_or(format!("{answer:?}"))
    })
    .await;
}

/// The notes and counts of the Events of `events.k8s.io`.
async fn events(cluster: &Cluster) -> Vec<(String, i32)> {
    let events: Api<Event> = Api::namespaced(cluster.client(), SYSTEM_NAMESPACE);
    let list = events.list(&ListParams::default()).await.unwrap();
    let seen = |event: Event| (event.note.unwrap_or_default(), event.series.map_or(1, |s| s.count));
    list.items.into_iter().map(seen).collect()
}
