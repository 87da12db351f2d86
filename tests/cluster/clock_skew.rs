//! Clocks of replicas that differ: whoever leads, certificates are good for everybody else.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use kube::{Client, ResourceExt};
use pullpass::{
    controller::certificates,
    telemetry::{Component, Metrics},
};
use tokio::task::JoinHandle;

use crate::{
    audit,
    cluster::Cluster,
    deployed::config,
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    kept_connection::KeptConnection,
    managed::{Certificates, SOON},
    meddled::options,
};

const SKEW: Duration = Duration::from_secs(10 * 60);
const REFUSED: &str = "pullpass_certificate_loads_total{result=\"refused\"}";
/// Of one rotation: the authority's Secret twice, both webhook configurations twice, the serving Secret.
const WRITES: usize = 7;
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn fault_24_leaders_whose_clocks_differ_by_20_minutes_take_turns_in_a_rotation() {
    let cluster = Cluster::exclusive().await;
    let service = Forwarder::to(&[]).await;
    cluster.apply_default_overlay(service.port()).await;
    cluster.configure(&config("project")).await.expect_success();
    let webhook = cluster.quick_webhook(&service).await;
    let mut leaders = Leaders::of(&cluster).await;
    leaders.turn();
    let first = cluster.steady().await;
    serves(&webhook, &first).await;
    let stream = cluster.pod_stream().await;
    let refused = webhook.metric(REFUSED).await;

    let began = audit::end(&cluster.control_plane().audit_log());
    // A turn a step: stored, published, issued, dropped.
    cluster.ask_for_renewal("pullpass-ca").await;
    let steps: [(&str, IsTaken); 4] = [
        ("a new authority beside the old one", |now, first| {
            now.authority != first.authority && now.trusted.len() == 2
        }),
        ("both in every caBundle", |now, _| now.bundles.iter().all(|bundle| bundle.len() == 2)),
        ("a new certificate", |now, first| now.leaf != first.leaf),
        ("all in order", |now, first| now.leaf != first.leaf && now.are_steady()),
    ];
    for (what, is_taken) in steps {
        leaders.turn();
        eventually(what, SOON, async || {
            let now = cluster.certificates().await?;
            is_taken(&now, &first).then_some(()).ok_or(format!("{now:?}"))
        })
        .await;
    }
    let last = cluster.steady().await;
    serves(&webhook, &last).await;
    // The audit log has a request when it has been answered, or a little later.
    eventually("the last write in the audit log", SOON, async || {
        let changes = changes(&cluster, began);
        (changes >= WRITES).then_some(()).ok_or(changes)
    })
    .await;
    assert_eq!(changes(&cluster, began), WRITES);

    // And from then on nothing: each looks through what the other has left.
    let versions = versions(&cluster).await;
    for _ in 0..4 {
        leaders.turn();
        leaders.looked().await;
    }
    assert_eq!(self::versions(&cluster).await, versions);
    assert_eq!((changes(&cluster, began), cluster.steady().await), (WRITES, last.clone()));
    println!("{} Pods were admitted", stream.end().await);
    serves(&webhook, &last).await;
    assert_eq!(webhook.metric(REFUSED).await, refused, "{}", webhook.log());
}

/// Whether a step has been taken: what there is now, and what there was at first.
type IsTaken = fn(&Certificates, &Certificates) -> bool;

/// Two leaders that take turns, one 10 minutes late and one 10 minutes early.
struct Leaders {
    client: Client,
    turns: u32,
    metrics: Option<Arc<Metrics>>,
    at_work: Option<JoinHandle<()>>,
}

impl Leaders {
    async fn of(cluster: &Cluster) -> Self {
        let client = cluster.controllers_client().await;
        Self { client, turns: 0, metrics: None, at_work: None }
    }

    /// Ends the one that is at work, and has the other take its place.
    fn turn(&mut self) {
        if let Some(before) = self.at_work.take() {
            before.abort();
        }
        self.turns += 1;
        let is_early = self.turns.is_multiple_of(2);
        let clock = move || match is_early {
            true => SystemTime::now() + SKEW,
            false => SystemTime::now() - SKEW,
        };
        let metrics = Arc::new(Metrics::new("test", Component::Controller));
        self.metrics = Some(Arc::clone(&metrics));
        let work = certificates::run(self.client.clone(), options([SHORT; 2]), metrics, clock);
        self.at_work = Some(tokio::spawn(work));
    }

    /// Waits until the one at work has found all in order.
    async fn looked(&self) {
        let metrics = self.metrics.as_ref().expect("one is at work");
        eventually("the leader to find all in order", SOON, async || {
            metrics.certificates.last_success.get() > 0
        })
        .await;
    }
}

/// The webhook presents the certificate, to whoever trusts its authority.
async fn serves(webhook: &impl Endpoint, found: &Certificates) {
    eventually("the certificate to be served", SOON, async || {
        let authority = found.authority.clone();
        let connection = KeptConnection::open_trusting(webhook.port(), authority).await?;
        let is_it = connection.certificate() == found.leaf.as_ref();
        is_it.then_some(()).ok_or("another one".to_string())
    })
    .await;
}

/// How often Secrets and webhook configurations were written.
fn changes(cluster: &Cluster, since: u64) -> usize {
    let writes = cluster.writes_of_controllers(since).into_iter();
    writes.filter(|write| write.object_ref.resource != "events").count()
}

/// The versions of both Secrets.
async fn versions(cluster: &Cluster) -> Vec<Option<String>> {
    let mut versions = Vec::new();
    for name in ["pullpass-ca", "pullpass-tls"] {
        versions.push(cluster.secrets().get(name).await.unwrap().resource_version());
    }
    versions
}
