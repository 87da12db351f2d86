//! Replicas of the controller: one leads, whatever befalls it.

use std::{path::PathBuf, time::Duration};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    controller::{ControllerProcess, NewController},
    eventually::eventually,
};

const NAME: &str = "pullpass-controller";
const SOON: Duration = Duration::from_secs(15);
/// The lease duration of these tests, and some time for a busy machine.
const TAKEOVER: Duration = Duration::from_secs(3 + 7);

#[tokio::test]
async fn fault_19_the_leader_that_ends_hands_over_at_once() {
    let cluster = prepared().await;
    // Longer than `leads` waits: who had to wait for its end would come too late.
    let first = replica_of_lease(&cluster, "60s").start().await;
    leads(&first).await;
    let second = replica_of_lease(&cluster, "60s").start().await;
    assert!(!second.leads().await, "{}", second.log());
    let name = first.name().to_owned();
    assert!(holder(&cluster).await.starts_with(&format!("{name}_")));

    let status = first.terminate().await;
    leads(&second).await;

    assert_eq!(status.code(), Some(0));
    let lease = lease(&cluster).await;
    assert_eq!((lease.lease_transitions, lease.lease_duration_seconds), (Some(1), Some(60)));
    assert_eq!(second.terminate().await.code(), Some(0));
    assert_eq!(holder(&cluster).await, "");
}

#[tokio::test]
async fn fault_40_a_leader_that_is_killed_is_followed_after_the_lease_duration() {
    let cluster = prepared().await;
    let mut first = replica(&cluster).start().await;
    leads(&first).await;
    let second = replica(&cluster).start().await;

    first.signal("KILL");
    let renewed = lease(&cluster).await.renew_time.expect("who leads renews").0;
    eventually("the other to lead", TAKEOVER, async || second.leads().await).await;

    let acquired = lease(&cluster).await.acquire_time.expect("who leads acquired it").0;
    assert!(acquired.duration_since(renewed).as_secs_f64() >= 3.0, "{renewed} {acquired}");
}

#[tokio::test]
async fn fault_22_a_leader_that_was_stopped_steps_down_and_writes_no_more() {
    let cluster = prepared().await;
    let (first_user, second_user) = (account(&cluster, "first"), account(&cluster, "second"));
    let (first_user, second_user) = (first_user.await, second_user.await);
    for name in ["first", "second"] {
        grant(&cluster, name).await;
    }
    let mut first = replica(&cluster).kubeconfig(&first_user).start().await;
    leads(&first).await;
    let second = replica(&cluster).kubeconfig(&second_user).start().await;

    first.signal("STOP");
    eventually("the other to lead", TAKEOVER, async || second.leads().await).await;
    first.signal("CONT");
    eventually("the stopped one to step down", SOON, async || {
        first.metric("pullpass_leader_transitions_total{transition=\"lost\"}").await == Some(1.0)
    })
    .await;
    renewed(&cluster).await;

    assert!(!first.leads().await && second.leads().await);
    assert_eq!(first.ready().await.status, 200, "it stands by");
    assert_eq!(writers(&cluster), ["first", "second"]);
}

#[tokio::test]
async fn fault_39_a_leader_cut_off_steps_down_before_another_leads() {
    let cluster = prepared().await;
    for is_silent in [false, true] {
        let network = cluster.network().await;
        let admin = cluster.control_plane().admin_kubeconfig();
        let behind = cluster.kubeconfig_through(&network, &admin);
        let first = replica(&cluster).kubeconfig(&behind).start().await;
        leads(&first).await;
        let second = replica(&cluster).start().await;

        match is_silent {
            true => network.freeze(),
            false => network.cut(),
        }
        eventually("the other to lead", TAKEOVER, async || {
            let (other_leads, still_leads) = (second.leads().await, first.leads().await);
            assert!(!(other_leads && still_leads), "both lead; {}", first.log());
            other_leads
        })
        .await;
        assert_eq!(first.ready().await.status, 200);
        assert!(first.metric("pullpass_lease_failures_total{request=\"get\"}").await >= Some(1.0));
        network.restore();
        eventually("the one cut off to see who leads", SOON, async || {
            first.log().contains("the Lease can be had again")
        })
        .await;
        assert!(second.leads().await && !first.leads().await);
        for controller in [first, second] {
            assert_eq!(controller.terminate().await.code(), Some(0));
        }
    }
}

#[tokio::test]
async fn fault_39_without_the_api_server_it_is_not_ready_says_why_and_ends_in_good_order() {
    let cluster = prepared().await;
    let network = cluster.network().await;
    network.cut();
    let admin = cluster.control_plane().admin_kubeconfig();
    let behind = cluster.kubeconfig_through(&network, &admin);
    let controller = replica(&cluster).kubeconfig(&behind).spawn();
    eventually("a reason in /readyz", SOON, async || {
        let answer = controller.admin_if_up("/readyz").await?;
        let is_told = answer.status == 503 && answer.body.contains("leader election: Lease ");
        is_told.then_some(()).ok_or(format!("{answer:?}"))
    })
    .await;
    network.restore();
    leads(&controller).await;
    network.cut();
    assert_eq!(controller.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_lease_that_is_deleted_or_edited_by_hand_heals() {
    let cluster = prepared().await;
    let first = replica(&cluster).start().await;
    leads(&first).await;
    let second = replica(&cluster).start().await;

    leases(&cluster).delete(NAME, &DeleteParams::default()).await.unwrap();
    eventually("a new Lease", SOON, async || {
        leases(&cluster).get_opt(NAME).await.map(|lease| lease.ok_or("none")).unwrap()
    })
    .await;
    renewed(&cluster).await;
    assert!(first.leads().await && !second.leads().await, "the leader made it");

    edit(&cluster, &json!({"leaseDurationSeconds": i32::MAX, "leaseTransitions": i32::MAX})).await;
    eventually("its duration to be right again", SOON, async || {
        lease(&cluster).await.lease_duration_seconds == Some(3)
    })
    .await;
    assert!(first.leads().await && !second.leads().await);

    edit(&cluster, &json!({"holderIdentity": "somebody", "leaseDurationSeconds": i32::MAX})).await;
    eventually("the leader to step down", SOON, async || !first.leads().await).await;
    // Ten lease durations at most.
    eventually("one of them to lead", Duration::from_secs(30) + SOON, async || {
        first.leads().await || second.leads().await
    })
    .await;
    renewed(&cluster).await;
    assert!(first.leads().await != second.leads().await);
    assert_eq!(lease(&cluster).await.lease_duration_seconds, Some(3));
}

#[tokio::test]
async fn fault_52_without_rights_it_is_not_ready_says_why_and_heals() {
    let cluster = prepared().await;
    let kubeconfig = account(&cluster, "third").await;
    let mut controller = replica(&cluster).kubeconfig(&kubeconfig).spawn();
    eventually("a reason in /readyz", SOON, async || {
        let answer = controller.admin_if_up("/readyz").await?;
        let words = ["leader election: Lease pullpass-controller: ", "is forbidden", "\"leases\""];
        let is_told = answer.status == 503 && words.iter().all(|word| answer.body.contains(word));
        is_told.then_some(()).ok_or(format!("{answer:?}"))
    })
    .await;
    assert!(controller.exited().is_none());

    grant(&cluster, "third").await;

    leads(&controller).await;
    assert_eq!(controller.ready().await.status, 200);
    let warnings = controller.log().matches("failed to ask for the Lease").count();
    assert!(warnings <= 2, "the same reason is logged once: {}", controller.log());
}

/// With `pullpass-system`, and without a Lease.
async fn prepared() -> Cluster {
    let cluster = Cluster::exclusive().await;
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}});
    cluster.apply(&namespace).await;
    cluster
}

/// A controller that only takes part in the election, with short times.
fn replica(cluster: &Cluster) -> NewController {
    replica_of_lease(cluster, "3s")
}

fn replica_of_lease(cluster: &Cluster, duration: &str) -> NewController {
    cluster
        .controller()
        .argument("--certificates=external")
        .argument(&format!("--lease-duration={duration}"))
        .argument("--lease-renew-deadline=2s")
        .argument("--lease-retry-period=400ms")
}

async fn leads(controller: &ControllerProcess) {
    eventually("it to lead", SOON, async || {
        let leads = controller.leads().await;
        leads.then_some(()).ok_or_else(|| controller.log())
    })
    .await;
}

fn leases(cluster: &Cluster) -> Api<Lease> {
    Api::namespaced(cluster.client(), SYSTEM_NAMESPACE)
}

async fn lease(cluster: &Cluster) -> LeaseSpec {
    leases(cluster).get(NAME).await.expect("there is a Lease").spec.unwrap_or_default()
}

async fn holder(cluster: &Cluster) -> String {
    lease(cluster).await.holder_identity.unwrap_or_default()
}

async fn edit(cluster: &Cluster, spec: &serde_json::Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    leases(cluster).patch(NAME, &PatchParams::default(), &patch).await.expect("it can be edited");
}

/// Waits for two renewals, so that every replica has looked at the Lease meanwhile.
async fn renewed(cluster: &Cluster) {
    for _ in 0..2 {
        let before = lease(cluster).await.renew_time;
        eventually("a renewal", SOON, async || lease(cluster).await.renew_time != before).await;
    }
}

/// A ServiceAccount without any right.
async fn account(cluster: &Cluster, name: &str) -> PathBuf {
    cluster.service_account(SYSTEM_NAMESPACE, name, &[]).await;
    cluster.kubeconfig_for_service_account(SYSTEM_NAMESPACE, name).await
}

/// The rights on the Lease that the manifests grant.
async fn grant(cluster: &Cluster, name: &str) {
    let group = "rbac.authorization.k8s.io";
    cluster
        .apply(&json!({
            "apiVersion": format!("{group}/v1"),
            "kind": "Role",
            "metadata": {"name": name, "namespace": SYSTEM_NAMESPACE},
            "rules": [
                {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
                {
                    "apiGroups": ["coordination.k8s.io"],
                    "resources": ["leases"],
                    "resourceNames": [NAME],
                    "verbs": ["get", "update"],
                },
            ],
        }))
        .await;
    cluster
        .apply(&json!({
            "apiVersion": format!("{group}/v1"),
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": SYSTEM_NAMESPACE},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": SYSTEM_NAMESPACE}],
        }))
        .await;
}

/// Which ServiceAccounts wrote anything, in turn: one that comes twice had written in between.
fn writers(cluster: &Cluster) -> Vec<String> {
    let written = cluster.audit_events(|event| {
        let is_write = !["get", "list", "watch"].contains(&event.verb.as_str());
        is_write && (200..300).contains(&event.response_status.code)
    });
    let prefix = format!("system:serviceaccount:{SYSTEM_NAMESPACE}:");
    let users = written.iter().filter_map(|event| event.user.username.strip_prefix(&prefix));
    let mut writers: Vec<String> = users.map(String::from).collect();
    writers.dedup();
    writers
}
