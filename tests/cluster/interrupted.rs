//! The controller's loop ends at each of its writes, and a new one goes on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::http::Request;
use kube::{Client, client::Body};
use tokio::sync::Notify;

use crate::{
    audit,
    cluster::{Cluster, SYSTEM_NAMESPACE},
    eventually::eventually,
    managed::{Certificates, SOON},
    meddled::{Answer, is_write, look_after, meddled, send},
    pod_stream::PodStream,
};

/// Of propagation and of the pick-up.
const DELAYS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];
/// A rotation's writes, by resource and name: how many.
const WRITES: [(&str, usize); 4] = [
    ("mutatingwebhookconfigurations/pullpass", 2),
    ("secrets/pullpass-ca", 2),
    ("secrets/pullpass-tls", 1),
    ("validatingwebhookconfigurations/pullpass", 2),
];
/// Events of a rotation: of the authority, of the certificate, and of the end.
const EVENTS: usize = 3;

/// When, at a write, the loop ends.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Before it is sent.
    Before,
    /// When it was sent; it arrives some time after the end.
    Sent,
    /// Once the loop has seen the answer, before it sends anything else.
    Answered,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_40_ended_before_any_write_a_rotation_is_finished_by_another() {
    at_every_write(Moment::Before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_40_ended_with_any_write_on_its_way_a_rotation_is_finished_by_another() {
    at_every_write(Moment::Sent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_40_ended_after_any_write_a_rotation_is_finished_by_another() {
    at_every_write(Moment::Answered).await;
}

async fn at_every_write(moment: Moment) {
    let cluster = Cluster::exclusive().await;
    let served = cluster.served().await;
    let client = cluster.controllers_client().await;
    let mut certificates = tokio::select! {
        () = look_after(client.clone(), DELAYS) => unreachable!("it goes on for ever"),
        steady = cluster.steady() => steady,
    };
    let stream = served.pod_stream(&cluster).await;
    let connections = served.connections();

    let mut writes = 0;
    loop {
        let interruption = Interruption::at(moment, writes + 1);
        let (after, is_interrupted) =
            rotate(&cluster, &client, &stream, &interruption, &certificates).await;
        certificates = after;
        if !is_interrupted {
            break;
        }
        writes += 1;
    }

    let necessary = WRITES.iter().map(|(_, count)| count).sum::<usize>() + EVENTS;
    assert_eq!(writes, necessary, "each was met");
    let connections = served.connections() - connections;
    println!("{moment:?}: {} Pods by {connections} connections", stream.end().await);
}

/// One rotation, interrupted and finished. Gives what came of it, and whether it was interrupted.
async fn rotate(
    cluster: &Cluster,
    client: &Client,
    stream: &PodStream,
    interruption: &Arc<Interruption>,
    before: &Certificates,
) -> (Certificates, bool) {
    let began = audit::end(&cluster.control_plane().audit_log());
    cluster.ask_for_renewal("pullpass-ca").await;
    let own = Arc::clone(interruption);
    let interrupted =
        meddled(client, move |client, request| Arc::clone(&own).pass(client, request));
    let is_interrupted = tokio::select! {
        () = look_after(interrupted, DELAYS) => unreachable!("it goes on for ever"),
        () = interruption.over.notified() => true,
        () = async {
            cluster.steady_after(before).await;
            // The last write may be stored and not answered yet.
            interruption.goes_on_reading().await;
        } => false,
    };

    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let another = meddled(client, move |client, request| {
        if request.uri().path().ends_with("/secrets/pullpass-tls") {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        async move { send(&client, request).await }
    });
    let after = tokio::select! {
        () = look_after(another, DELAYS) => unreachable!("it goes on for ever"),
        after = async {
            let after = cluster.steady_after(before).await;
            stream.advances(5).await;
            is_quiet(cluster, &looks, began).await;
            after
        } => after,
    };
    let moment = format!("{:?} write {}", interruption.moment, interruption.at);
    stream.is_unharmed(&moment);
    let (writes, events) = written(cluster, began);
    assert_eq!(
        writes,
        BTreeMap::from(WRITES.map(|(name, count)| (name.into(), count))),
        "{moment}"
    );
    assert!(events <= EVENTS, "{moment}: {events} Events");
    (after, is_interrupted)
}

/// Has the loop look again at what is in order: it writes nothing.
async fn is_quiet(cluster: &Cluster, looks: &AtomicUsize, since: u64) {
    let before = written(cluster, since);
    for value in ["test=look", "test-"] {
        let seen = looks.load(Ordering::SeqCst);
        let arguments =
            ["-n", SYSTEM_NAMESPACE, "annotate", "--overwrite", "secret", "pullpass-ca", value];
        cluster.kubectl(&arguments, None).await.expect_success();
        eventually("it to look", SOON, async || looks.load(Ordering::SeqCst) > seen).await;
    }
    assert_eq!(written(cluster, since), before, "in order, and yet written");
}

/// How often each object was written, and how many Events.
fn written(cluster: &Cluster, since: u64) -> (BTreeMap<String, usize>, usize) {
    let (mut writes, mut events) = (BTreeMap::new(), 0);
    for event in cluster.writes_of_controllers(since) {
        let object = event.object_ref;
        match &*object.resource {
            "events" => events += 1,
            _ => *writes.entry(format!("{}/{}", object.resource, object.name)).or_insert(0) += 1,
        }
    }
    (writes, events)
}

/// Ends the loop at a write.
struct Interruption {
    moment: Moment,
    /// The number of the write, from 1.
    at: usize,
    writes: AtomicUsize,
    /// Its newest request is no write: all of them were answered.
    is_reading: AtomicBool,
    is_over: AtomicBool,
    over: Notify,
}

impl Interruption {
    fn at(moment: Moment, at: usize) -> Arc<Self> {
        Arc::new(Self {
            moment,
            at,
            writes: AtomicUsize::new(0),
            is_reading: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            over: Notify::new(),
        })
    }

    async fn pass(self: Arc<Self>, client: Client, request: Request<Body>) -> Answer {
        if self.is_over.load(Ordering::SeqCst) {
            return self.end().await;
        }
        self.is_reading.store(!is_write(&request), Ordering::SeqCst);
        if !is_write(&request) || self.writes.fetch_add(1, Ordering::SeqCst) + 1 != self.at {
            return send(&client, request).await;
        }
        self.is_over.store(true, Ordering::SeqCst);
        match self.moment {
            Moment::Before => self.end().await,
            Moment::Sent => {
                // It does not end with the loop.
                tokio::spawn(async move { send(&client, request).await });
                self.end().await
            }
            Moment::Answered => send(&client, request).await,
        }
    }

    /// Waits until the loop has seen the answer to its newest write.
    async fn goes_on_reading(&self) {
        let is_so = async || self.is_reading.load(Ordering::SeqCst);
        eventually("the loop to have its answer", SOON, is_so).await;
    }

    async fn end(&self) -> Answer {
        self.over.notify_one();
        std::future::pending().await
    }
}
