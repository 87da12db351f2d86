//! The leader ends at every step of a rotation: the other goes on from there, one writes at a time, and
//! no Pod notices.

use crate::{
    audit,
    cluster::{Cluster, SYSTEM_NAMESPACE},
    controller::{ControllerProcess, NewController},
    controller_writes::{Rights, Write},
    eventually::eventually,
    forwarder::Forwarder,
    managed::{Certificates, SOON},
    pod_stream::PodStream,
};

const PROPAGATION: &str = "--propagation-delay=400ms";
const PICKUP: &str = "--pickup-delay=700ms";

/// Where a rotation stands when its leader ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The new authority is stored, and not published.
    Stored,
    /// One configuration has it, and the other has not.
    HalfPublished,
    /// Both have it, and no certificate is signed by it yet.
    Propagation,
    /// The new certificate is stored, and the old authority is still trusted.
    PickUp,
    /// The old authority is dropped from the Secret, and from no caBundle.
    Dropped,
    /// One configuration has it no more, and the other still has.
    HalfDropped,
}

const STEPS: [Step; 5] =
    [Step::Stored, Step::HalfPublished, Step::Propagation, Step::PickUp, Step::Dropped];

/// How the leader ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Killed,
    Stopped,
    CutOff,
    Silent,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_40_a_leader_killed_at_any_step_of_a_rotation_is_followed_without_a_lost_pod() {
    at_every_step(Ending::Killed, &[&STEPS[..], &[Step::HalfDropped]].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_a_leader_stopped_at_any_step_of_a_rotation_is_followed_without_a_lost_pod() {
    at_every_step(Ending::Stopped, &STEPS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_39_a_leader_cut_off_at_any_step_of_a_rotation_is_followed_without_a_lost_pod() {
    at_every_step(Ending::CutOff, &STEPS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_39_what_a_leader_sent_into_a_silent_network_comes_too_late() {
    // There it tries to write again and again.
    at_every_step(Ending::Silent, &[Step::Dropped]).await;
}

async fn at_every_step(ending: Ending, steps: &[Step]) {
    let cluster = Cluster::exclusive().await;
    let served = cluster.served().await;
    let rights = Rights::of_controller(&cluster).await;
    let first = Replica::new(&cluster, [PROPAGATION, PICKUP]).await;
    let before = cluster.steady().await;
    let stream = served.pod_stream(&cluster).await;
    let connections = served.connections();
    assert_eq!(first.process.terminate().await.code(), Some(0));

    let mut before = before;
    for step in steps {
        before = once(&cluster, &rights, &stream, (*step, ending), &before).await;
    }

    let connections = served.connections() - connections;
    println!("{ending:?}: {} Pods by {connections} connections", stream.end().await);
}

/// One rotation whose leader ends at a step. Gives what came of it.
async fn once(
    cluster: &Cluster,
    rights: &Rights<'_>,
    stream: &PodStream,
    (step, ending): (Step, Ending),
    before: &Certificates,
) -> Certificates {
    let moment = format!("{ending:?} at {step:?}");
    let began = audit::end(&cluster.control_plane().audit_log());
    let mut first = Replica::new(cluster, step.delays()).await;
    let second = Replica::new(cluster, [PROPAGATION, PICKUP]).await;
    first.leads().await;
    step.reach(cluster, rights, before).await;

    first.end(ending);
    rights.all_but(&[]).await;
    second.leads().await;
    first.revive(ending);
    let after = cluster.steady_after(before).await;
    stream.advances(20).await;
    stream.is_unharmed(&moment);
    stands_by(ending, &first, &second, &moment).await;

    wrote_in_turn(cluster, began, &moment).await;
    if !matches!(ending, Ending::Killed) {
        assert_eq!(first.process.terminate().await.code(), Some(0), "{moment}");
    }
    assert_eq!(second.process.terminate().await.code(), Some(0), "{moment}");
    let now = cluster.certificates().await.unwrap();
    assert!(now == after && now.are_steady(), "{moment}: it lasts");
    after
}

/// A controller with a token and a network of its own.
struct Replica {
    network: Forwarder,
    process: ControllerProcess,
}

impl Replica {
    async fn new(cluster: &Cluster, delays: [&str; 2]) -> Self {
        let network = cluster.network().await;
        let own = cluster.controllers_kubeconfig().await;
        let behind = cluster.kubeconfig_through(&network, &own);
        let controller = cluster.managing_controller().await.kubeconfig(&behind);
        let arguments = [
            "--lease-duration=3s",
            "--lease-renew-deadline=2s",
            "--lease-retry-period=500ms",
            delays[0],
            delays[1],
        ];
        let process = arguments.into_iter().fold(controller, NewController::argument);
        Self { network, process: process.start().await }
    }

    async fn leads(&self) {
        eventually("it to lead", SOON, async || {
            self.process.leads().await.then_some(()).ok_or_else(|| self.process.log())
        })
        .await;
    }

    fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Killed => self.process.signal("KILL"),
            Ending::Stopped => self.process.signal("STOP"),
            Ending::CutOff => self.network.cut(),
            Ending::Silent => self.network.freeze(),
        }
    }

    fn revive(&mut self, ending: Ending) {
        match ending {
            Ending::Killed => {}
            Ending::Stopped => self.process.signal("CONT"),
            Ending::CutOff | Ending::Silent => self.network.restore(),
        }
    }
}

impl Step {
    /// Those of the leader: the step that is a delay lasts.
    fn delays(self) -> [&'static str; 2] {
        match self {
            Self::Propagation => ["--propagation-delay=1h", PICKUP],
            Self::PickUp => [PROPAGATION, "--pickup-delay=1h"],
            _ => [PROPAGATION, PICKUP],
        }
    }

    /// Begins a rotation and waits until it has come to this step, where it stays.
    async fn reach(self, cluster: &Cluster, rights: &Rights<'_>, before: &Certificates) {
        let both = [Write::Mutating, Write::Validating];
        match self {
            Self::Stored => rights.all_but(&both).await,
            Self::HalfPublished => rights.all_but(&[Write::Validating]).await,
            Self::Propagation | Self::PickUp => {}
            Self::Dropped => self.reach_the_drop(cluster, rights, before, &both).await,
            Self::HalfDropped => {
                self.reach_the_drop(cluster, rights, before, &[Write::Validating]).await;
            }
        }
        if !matches!(self, Self::Dropped | Self::HalfDropped) {
            cluster.ask_for_renewal("pullpass-ca").await;
        }
        self.is_reached(cluster, before).await;
    }

    /// The drop needs rights that the steps before it need as well: they are taken away in turn.
    async fn reach_the_drop(
        self,
        cluster: &Cluster,
        rights: &Rights<'_>,
        before: &Certificates,
        withheld: &[Write],
    ) {
        let both = [Write::Mutating, Write::Validating];
        rights.all_but(&both).await;
        cluster.ask_for_renewal("pullpass-ca").await;
        Self::Stored.is_reached(cluster, before).await;
        rights.all_but(&[Write::Authority]).await;
        wake(cluster).await;
        Self::PickUp.is_reached(cluster, before).await;
        rights.all_but(&[&[Write::Authority], withheld].concat()).await;
        rights.all_but(withheld).await;
        wake(cluster).await;
    }

    async fn is_reached(self, cluster: &Cluster, before: &Certificates) {
        eventually(&format!("the rotation to come to {self:?}"), SOON, async || {
            let now = cluster.certificates().await?;
            self.is(before, &now).then_some(()).ok_or(format!("{now:?}"))
        })
        .await;
    }

    fn is(self, before: &Certificates, now: &Certificates) -> bool {
        let is_new = now.authority != before.authority;
        let is_served = now.leaf != before.leaf;
        let published: Vec<usize> = now.bundles.iter().map(pullpass::pki::Bundle::len).collect();
        let seen = (is_served, now.trusted.len(), &*published);
        is_new
            && match self {
                Self::Stored => seen == (false, 2, &[1, 1]),
                Self::HalfPublished => seen == (false, 2, &[2, 1]),
                Self::Propagation => seen == (false, 2, &[2, 2]),
                Self::PickUp => seen == (true, 2, &[2, 2]),
                Self::Dropped => seen == (true, 1, &[2, 2]),
                Self::HalfDropped => seen == (true, 1, &[1, 2]),
            }
    }
}

/// Has the leader look again, which waits for a change or for its next try.
async fn wake(cluster: &Cluster) {
    let arguments =
        ["-n", SYSTEM_NAMESPACE, "annotate", "--overwrite", "secret", "pullpass-tls", "test=look"];
    cluster.kubectl(&arguments, None).await.expect_success();
    cluster.kubectl(&[&arguments[..6], &["test-"]].concat(), None).await.expect_success();
}

/// The one that ended has seen, if it lives, that another leads.
async fn stands_by(ending: Ending, first: &Replica, second: &Replica, moment: &str) {
    if !matches!(ending, Ending::Killed) {
        eventually("the first to step down", SOON, async || {
            let lost = "pullpass_leader_transitions_total{transition=\"lost\"}";
            first.process.metric(lost).await == Some(1.0) && !first.process.leads().await
        })
        .await;
    }
    assert!(second.process.leads().await, "{moment}: {}", second.process.log());
    // What it finished was begun by another, and undone by nobody.
    let repairs = second.process.metric("pullpass_ca_bundle_repairs_total").await;
    assert_eq!(repairs, Some(0.0), "{moment}: {}", second.process.log());
}

/// Whoever wrote anything held the Lease, by the order of the audit log; and the Lease changed hands once.
async fn wrote_in_turn(cluster: &Cluster, since: u64, moment: &str) {
    let writes = eventually("the second to have written", SOON, async || {
        let writes = cluster.writes_of_controllers(since);
        let count = holders(&writes).len();
        (count >= 2).then_some(writes).ok_or(format!("{count} wrote"))
    })
    .await;
    let holders = holders(&writes);
    assert_eq!(holders.len(), 2, "{moment}: the Lease changed hands more than once: {holders:?}");
    let mut holder = None;
    for write in &writes {
        if write.object_ref.resource == "leases" {
            holder = write.credential();
        }
        assert!(write.credential().is_some(), "{write:?}");
        assert_eq!(write.credential(), holder, "{moment}: it does not lead: {write:?}");
    }
}

/// Who wrote, in turn: one that comes twice had written in between.
fn holders(writes: &[audit::Event]) -> Vec<&str> {
    let mut writers: Vec<&str> = writes.iter().filter_map(audit::Event::credential).collect();
    writers.dedup();
    writers
}
