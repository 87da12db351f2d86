//! The controller's rights are exactly what it uses: by the audit log, to the last verb and name.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::{
    audit,
    cluster::{Cluster, SYSTEM_NAMESPACE},
    controller::{ControllerProcess, NewController},
    eventually::eventually,
    managed::{CONTROLLER, SOON},
    manifests::{GIVEN_CERTIFICATE, Manifests, is_for_copies},
};

/// `verb resource.group/name`; without a name where the right is to all.
type Rights = BTreeSet<String>;

#[tokio::test]
async fn fault_52_with_certificates_of_its_own_the_controller_uses_all_that_is_granted() {
    let cluster = Cluster::exclusive().await;
    cluster.apply_default_overlay(1).await;
    let granted = granted(&cluster.render("cluster-wide").await);
    let controller = quick(cluster.managing_controller().await).start().await;

    let mut before = cluster.steady().await;
    cluster.ask_for_renewal("pullpass-ca").await;
    before = cluster.steady_after(&before).await;
    for secret in ["pullpass-ca", "pullpass-tls"] {
        make_immutable(&cluster, secret).await;
        cluster.ask_for_renewal(secret).await;
        eventually("a Secret in its place", SOON, async || {
            let found = cluster.secrets().get(secret).await;
            found.is_ok_and(|found| found.immutable != Some(true))
        })
        .await;
        before = eventually("all in order", SOON, async || {
            let now = cluster.certificates().await?;
            let is_done = now.leaf != before.leaf && now.are_steady();
            is_done.then_some(now).ok_or("not so".to_owned())
        })
        .await;
    }
    for _ in 0..2 {
        wipe(&cluster).await;
        cluster.steady().await;
    }
    is_everything(&cluster, &granted, controller).await;
}

#[tokio::test]
async fn fault_52_with_certificates_of_others_the_controller_uses_all_that_is_granted() {
    let cluster = Cluster::exclusive().await;
    cluster.install(GIVEN_CERTIFICATE).await;
    let granted = granted(&cluster.render(GIVEN_CERTIFICATE).await);
    let own = cluster.controllers_kubeconfig().await;
    let controller = cluster
        .controller()
        .kubeconfig(&own)
        .argument("--certificates=external")
        .argument("--copies=none");
    let controller = quick(controller).start().await;

    let failures = "pullpass_certificate_failures_total";
    let broken = json!({"metadata": {"name": "pullpass-tls"}, "stringData": {"tls.key": ""}});
    let broken: Secret = serde_json::from_value(broken).expect("it is a Secret");
    cluster.secrets().create(&PostParams::default(), &broken).await.expect("it is made");
    // What is told again is told by a patch of the first Event.
    for value in ["test=1", "test=2"] {
        let before = controller.metric(failures).await;
        let arguments =
            ["-n", SYSTEM_NAMESPACE, "annotate", "--overwrite", "secret", "pullpass-tls", value];
        cluster.kubectl(&arguments, None).await.expect_success();
        eventually("the failure to be counted", SOON, async || {
            controller.metric(failures).await > before
        })
        .await;
    }
    is_everything(&cluster, &granted, controller).await;
}

fn quick(controller: NewController) -> NewController {
    ["--propagation-delay=0s", "--pickup-delay=0s", "--lease-retry-period=500ms"]
        .into_iter()
        .fold(controller, NewController::argument)
}

/// Ends the controller, so that it releases its Lease, and compares.
async fn is_everything(cluster: &Cluster, granted: &Rights, controller: ControllerProcess) {
    eventually("all that is granted to be used", SOON, async || {
        let missing: Vec<_> = granted.difference(&used(cluster, granted)).cloned().collect();
        missing.is_empty().then_some(()).ok_or(format!("unused: {missing:?}"))
    })
    .await;
    assert_eq!(controller.terminate().await.code(), Some(0));
    assert_eq!(used(cluster, granted), *granted);
    let refused = calls(cluster, |code| code == 403);
    assert!(refused.is_empty(), "{refused:#?}");
}

/// Writes nothing but `immutable`, which is for ever.
async fn make_immutable(cluster: &Cluster, secret: &str) {
    let patch = json!({"immutable": true}).to_string();
    let arguments = ["-n", SYSTEM_NAMESPACE, "patch", "secret", secret, "-p", &patch];
    cluster.kubectl(&arguments, None).await.expect_success();
}

/// Takes the caBundle out of both configurations.
async fn wipe(cluster: &Cluster) {
    for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
        let patch = r#"[{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]"#;
        let arguments = ["patch", kind, "pullpass", "--type=json", "-p", patch];
        cluster.kubectl(&arguments, None).await.expect_success();
    }
}

/// What the manifests grant the controller for its Lease and for certificates.
fn granted(manifests: &Manifests) -> Rights {
    let is_bound = |role: &&Value| {
        let of_role = |kind| {
            manifests.of_kind(kind).into_iter().filter(|it| {
                it["roleRef"]["name"] == role["metadata"]["name"]
                    && it["roleRef"]["kind"] == role["kind"]
            })
        };
        let mut bindings = of_role("RoleBinding").chain(of_role("ClusterRoleBinding"));
        bindings.any(|binding| binding["subjects"][0]["name"] == "pullpass-controller")
    };
    let roles = ["ClusterRole", "Role"].iter().flat_map(|kind| manifests.of_kind(kind));
    let roles = roles.filter(|role| !is_for_copies(role));
    roles.filter(is_bound).flat_map(of_role).collect()
}

fn of_role(role: &Value) -> Rights {
    let mut rights = Rights::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                for verb in strings(&rule["verbs"]) {
                    let names = strings(&rule["resourceNames"]);
                    let names = if names.is_empty() { vec![String::new()] } else { names };
                    rights.extend(names.iter().map(|name| right(&verb, &resource, &group, name)));
                }
            }
        }
    }
    rights
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(|item| item.as_str().map(String::from)).collect()
}

/// What the controller has used, each by the right that it needed.
fn used(cluster: &Cluster, granted: &Rights) -> Rights {
    let calls = calls(cluster, |code| code != 403).into_iter();
    let rights = calls.map(|call| {
        let object = &call.object_ref;
        let to_all = right(&call.verb, &object.resource, &object.api_group, "");
        match granted.contains(&to_all) {
            true => to_all,
            false => right(&call.verb, &object.resource, &object.api_group, &object.name),
        }
    });
    rights.collect()
}

fn calls(cluster: &Cluster, wanted: impl Fn(u16) -> bool) -> Vec<audit::Event> {
    cluster.audit_events(|event| {
        event.user.username == CONTROLLER && wanted(event.response_status.code)
    })
}

fn right(verb: &str, resource: &str, group: &str, name: &str) -> String {
    format!("{verb} {resource}.{group}/{name}")
}
