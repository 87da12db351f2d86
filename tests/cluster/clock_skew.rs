//! Clocks of replicas that differ: whoever leads, certificates are good for everybody else.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures::StreamExt;
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    core::v1::Secret,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, WatchEvent, WatchParams},
};
use pullpass::{
    controller::certificates,
    telemetry::{Component, Metrics},
};
use tokio::task::JoinHandle;

use crate::{
    audit,
    cluster::{Cluster, SYSTEM_NAMESPACE},
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
/// Of one rotation: the authority's Secret twice, the serving Secret, both webhook configurations twice.
const WRITES: [usize; 4] = [2, 1, 2, 2];
/// Who asks for renewal writes the authority's Secret as well.
const STORED: [usize; 4] = [WRITES[0] + 1, WRITES[1], WRITES[2], WRITES[3]];
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
    let objects = objects(&cluster);
    let before = versions(&objects).await;
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
    assert_eq!(stored_since(&objects, &before).await, STORED);

    // And from then on nothing: each looks through what the other has left.
    for _ in 0..4 {
        leaders.turn();
        leaders.looked().await;
    }
    assert_eq!(stored_since(&objects, &before).await, STORED);
    assert_eq!(cluster.steady().await, last);
    // Nor was anything written that was there already.
    let answered = answered(&cluster, began);
    assert!(answered <= WRITES.iter().sum(), "{answered} writes were answered");
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

/// What a rotation writes, in the order of [`WRITES`].
fn objects(cluster: &Cluster) -> [(Api<DynamicObject>, &'static str); 4] {
    let (client, secret) = (cluster.client(), ApiResource::erase::<Secret>(&()));
    let mutating = ApiResource::erase::<MutatingWebhookConfiguration>(&());
    let validating = ApiResource::erase::<ValidatingWebhookConfiguration>(&());
    let secrets = Api::namespaced_with(client.clone(), SYSTEM_NAMESPACE, &secret);
    [
        (secrets.clone(), "pullpass-ca"),
        (secrets, "pullpass-tls"),
        (Api::all_with(client.clone(), &mutating), "pullpass"),
        (Api::all_with(client, &validating), "pullpass"),
    ]
}

/// The present version of each.
async fn versions(objects: &[(Api<DynamicObject>, &str); 4]) -> Vec<String> {
    let mut versions = Vec::new();
    for (api, name) in objects {
        let found = api.get(name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        versions.push(found.resource_version().expect("what is stored has a version"));
    }
    versions
}

/// How often each was stored since it had these versions. The audit log does not tell: a write whose
/// leader was gone before the answer is stored, and is no success there.
async fn stored_since(objects: &[(Api<DynamicObject>, &str); 4], before: &[String]) -> Vec<usize> {
    let now = versions(objects).await;
    let mut stored = Vec::new();
    for ((api, name), (before, now)) in objects.iter().zip(before.iter().zip(&now)) {
        stored.push(if before == now { 0 } else { stored_between(api, name, before, now).await });
    }
    stored
}

async fn stored_between(api: &Api<DynamicObject>, name: &str, before: &str, now: &str) -> usize {
    let one = WatchParams::default().fields(&format!("metadata.name={name}"));
    let watch = api.watch_metadata(&one, before).await;
    let mut watch = pin!(watch.unwrap_or_else(|error| panic!("a watch of {name}: {error}")));
    let mut count = 0;
    while let Some(event) = watch.next().await {
        match event.unwrap_or_else(|error| panic!("the watch of {name}: {error}")) {
            WatchEvent::Added(seen) | WatchEvent::Modified(seen) | WatchEvent::Deleted(seen) => {
                count += 1;
                if seen.resource_version().as_deref() == Some(now) {
                    return count;
                }
            }
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(error) => panic!("the watch of {name}: {error}"),
        }
    }
    panic!("the watch of {name} ended before it came to version {now}");
}

/// How many writes of Secrets and webhook configurations were answered, by the audit log.
fn answered(cluster: &Cluster, since: u64) -> usize {
    let writes = cluster.writes_of_controllers(since).into_iter();
    writes.filter(|write| write.object_ref.resource != "events").count()
}
