//! Replicas behind one address: rolled without a Pod that misses its secret, and sharing the load.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    cluster::Cluster,
    deployed::{IMAGE, config},
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    namespace::Namespace,
    pods::{pod, pull_secrets},
    webhook::{NewWebhook, WebhookProcess},
};

const SOON: Duration = Duration::from_secs(30);
const REVIEWS: &str = "pullpass_reviews_total{outcome=\"patched\"}";

/// A Service of one port. The address is the forwarder's; the certificate is the replicas'.
struct Service<'a> {
    network: &'a Forwarder,
    ca_pem: String,
}

impl Endpoint for Service<'_> {
    fn port(&self) -> u16 {
        self.network.port()
    }
    fn ca_pem(&self) -> String {
        self.ca_pem.clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_19_a_rolling_restart_fails_no_request() {
    let cluster = Cluster::exclusive().await;
    let (one, two) = replicas(&cluster, &["--shutdown-delay=2s"]).await;
    let network = Forwarder::to(&[one.port(), two.port()]).await;
    let service = Service { network: &network, ca_pem: one.ca_pem() };
    cluster.register("cluster-wide", &service).await;
    let namespace = Arc::new(cluster.namespace("team").create().await);
    let stream = Stream::of_pods(&namespace);

    // As a Deployment does it with maxSurge 1 and maxUnavailable 0, twice round.
    let (mut old, mut kept) = (one, two);
    for _ in 0..4 {
        let new = cluster.replica_of(&kept).await.argument("--shutdown-delay=2s").start().await;
        network.direct_to(&[old.port(), kept.port(), new.port()]);
        stream.advances(10).await;
        // It is sent requests until it is seen to be not ready, as endpoints come later than SIGTERM.
        old.signal("TERM");
        eventually("not ready", SOON, async || old.ready().await.status == 503).await;
        network.direct_to(&[kept.port(), new.port()]);
        let status = eventually("the end", SOON, async || old.exited()).await;
        assert_eq!(status.code(), Some(0));
        stream.advances(10).await;
        (old, kept) = (kept, new);
    }

    let created = stream.end().await;
    assert!(created >= 80, "{created}");
    is_never_failed_open(&cluster, &namespace);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_21_recycled_connections_spread_the_load_and_fail_no_request() {
    let cluster = Cluster::exclusive().await;
    let (one, two) = replicas(&cluster, &["--connection-max-requests=3"]).await;
    let network = Forwarder::to(&[one.port(), two.port()]).await;
    let service = Service { network: &network, ca_pem: one.ca_pem() };
    cluster.register("cluster-wide", &service).await;
    let namespace = Arc::new(cluster.namespace("team").create().await);
    let connections = network.accepted();

    let stream = Stream::of_pods(&namespace);
    stream.advances(60).await;
    let created = stream.end().await;

    let connections = network.accepted() - connections;
    assert!(connections >= created / 3 - 2, "{connections} connections for {created} Pods");
    for replica in [&one, &two] {
        let share = replica.metric(REVIEWS).await.unwrap_or_default();
        assert!(share >= 15.0, "{share} of {created}");
    }
    is_never_failed_open(&cluster, &namespace);
}

async fn replicas(cluster: &Cluster, arguments: &[&str]) -> (WebhookProcess, WebhookProcess) {
    let with = |webhook: NewWebhook| arguments.iter().fold(webhook, |w, a| w.argument(a));
    let one = with(cluster.deployed().await);
    cluster.configure(&config("project")).await.expect_success();
    let one = one.start().await;
    let two = with(cluster.replica_of(&one).await).start().await;
    (one, two)
}

/// The API server never went on without an answer of the webhook.
fn is_never_failed_open(cluster: &Cluster, namespace: &Namespace) {
    let events = cluster.audit_events(|event| event.object_ref.namespace == namespace.name);
    let failures: Vec<&str> = events.iter().flat_map(|event| event.failed_open()).collect();
    assert!(failures.is_empty(), "{failures:?}");
}

/// Two clients that create Pods as fast as they are answered, each of which must get its secret.
struct Stream {
    created: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Stream {
    fn of_pods(namespace: &Arc<Namespace>) -> Self {
        let created = Arc::new(AtomicUsize::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let client = |number: usize| {
            let (created, is_over) = (Arc::clone(&created), Arc::clone(&is_over));
            let namespace = Arc::clone(namespace);
            tokio::spawn(async move {
                for count in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let pod = pod(&format!("pod-{number}-{count}")).image(IMAGE).build();
                    let stored = namespace.create(&pod).await.unwrap();
                    assert_eq!(pull_secrets(&stored), ["project"], "of {:?}", pod.metadata.name);
                    created.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let clients = (0..2).map(client).collect();
        Self { created, is_over, clients }
    }

    /// Waits for so many more Pods.
    async fn advances(&self, count: usize) {
        let goal = self.created.load(Ordering::SeqCst) + count;
        eventually("more Pods", SOON, async || {
            self.created.load(Ordering::SeqCst) >= goal
                || self.clients.iter().any(tokio::task::JoinHandle::is_finished)
        })
        .await;
    }

    /// Ends it, and says how many Pods were created.
    async fn end(self) -> usize {
        self.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.expect("every Pod got its secret");
        }
        self.created.load(Ordering::SeqCst)
    }
}
