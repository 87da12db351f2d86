//! Pods that are created while Pullpass itself changes.

use k8s_openapi::{
    ByteString,
    api::{apps::v1::Deployment, core::v1::Secret},
};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

use crate::{
    audit,
    eventually::eventually,
    installed::{SYSTEM_NAMESPACE, pull_secrets},
    node::Node,
    pods::{PULLED, container},
};

const NAMESPACE: &str = "granted-rolling";
const PODS: i32 = 20;

/// The team's Deployment is rolled over and over, until the webhook has been rolled too and the authority of
/// its certificate replaced.
pub async fn a_deployment_of_20_pods_has_its_secrets_throughout(node: &Node) {
    let image = node.private_image("team/rolling");
    node.namespace(NAMESPACE, &[]).await;
    delays_of_the_controller(node, &["--propagation-delay=2s", "--pickup-delay=5s"]).await;
    let old = authority(node).await.expect("one authority is trusted");
    let from = audit::end(&node.plane.audit_log());

    let system = |arguments: &[&'static str]| [&["-n", SYSTEM_NAMESPACE], arguments].concat();
    let renew = system(&["annotate", "secret", "pullpass-ca", "pullpass.io/renew=now"]);
    node.kubectl(&renew, None).await.expect_success();
    let restart = system(&["rollout", "restart", "deployment", "pullpass-webhook"]);
    node.kubectl(&restart, None).await.expect_success();
    deploy(node, &image, 0).await;
    let mut rounds = 0;
    eventually("the webhook and its certificates to be new", PULLED, async || {
        is_rolled_out(node).await?;
        let is_rotated = authority(node).await.is_some_and(|it| it != old);
        let is_over = rounds > 0 && is_rotated && webhook_is_rolled_out(node).await;
        if !is_over {
            rounds += 1;
            deploy(node, &image, rounds).await;
        }
        is_over.then_some(()).ok_or_else(|| format!("after {rounds} rounds"))
    })
    .await;

    let pods = node.pods(NAMESPACE).list(&ListParams::default()).await.expect("Pods are listed");
    assert!(pods.items.iter().all(|pod| pull_secrets(pod) == ["team"]));
    let events = audit::since(&node.plane.audit_log(), from);
    let created: Vec<_> = events
        .iter()
        .filter(|event| event.verb == "create" && event.object_ref.resource == "pods")
        .filter(|event| {
            event.object_ref.namespace == NAMESPACE && event.response_status.code == 201
        })
        .filter(|event| event.object_ref.subresource.is_empty())
        .collect();
    assert!(created.len() >= 2 * PODS.unsigned_abs() as usize, "{} Pods created", created.len());
    for event in created {
        assert_eq!(event.failed_open(), [""; 0], "{}", event.request_uri);
        assert_eq!(event.configurations_asked(), ["pullpass"], "{}", event.request_uri);
    }
    node.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"], None).await.expect_success();
    delays_of_the_controller(node, &[]).await;
}

/// Gives the controller these flags beside its own, and waits until it has them.
async fn delays_of_the_controller(node: &Node, flags: &[&str]) {
    let deployments: Api<Deployment> = Api::namespaced(node.client(), SYSTEM_NAMESPACE);
    let found = deployments.get("pullpass-controller").await.expect("the controller is deployed");
    let spec = found.spec.template.spec.expect("it has a Pod");
    let mut arguments = spec.containers[0].args.clone().unwrap_or_default();
    arguments.retain(|argument| !argument.contains("-delay="));
    arguments.extend(flags.iter().map(ToString::to_string));
    let patch: json_patch::Patch = serde_json::from_value(json!([
        {"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": arguments},
    ]))
    .expect("it is a JSON patch");
    let patch = Patch::Json::<()>(patch);
    let patched = deployments.patch("pullpass-controller", &PatchParams::default(), &patch).await;
    patched.expect("the controller is given flags");
    node.deployments_are_ready().await;
}

/// The one authority that is trusted; none while it is replaced.
async fn authority(node: &Node) -> Option<Vec<u8>> {
    let secrets: Api<Secret> = Api::namespaced(node.client(), SYSTEM_NAMESPACE);
    let secret = secrets.get("pullpass-ca").await.expect("the authority is stored");
    let data = secret.data.and_then(|mut data| data.remove("ca.crt"));
    let ByteString(trusted) = data.expect("the authority has ca.crt");
    let count = String::from_utf8_lossy(&trusted).matches("BEGIN CERTIFICATE").count();
    (count == 1).then_some(trusted)
}

async fn deploy(node: &Node, image: &str, round: u32) {
    let mut only = container(image);
    only["env"] = json!([{"name": "ROUND", "value": round.to_string()}]);
    node.apply(&json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "namespace": NAMESPACE},
        "spec": {
            "replicas": PODS,
            "selector": {"matchLabels": {"app": "app"}},
            "template": {
                "metadata": {"labels": {"app": "app"}},
                "spec": {"containers": [only], "terminationGracePeriodSeconds": 0},
            },
        },
    }))
    .await;
}

/// All Pods of the team are Running, of the newest kind.
async fn is_rolled_out(node: &Node) -> Result<(), String> {
    let deployments: Api<Deployment> = Api::namespaced(node.client(), NAMESPACE);
    let found = deployments.get("app").await.map_err(|error| error.to_string())?;
    let status = found.status.unwrap_or_default();
    let is_new = status.observed_generation == found.metadata.generation;
    let counts = [status.replicas, status.updated_replicas, status.ready_replicas];
    let is_whole = counts.iter().all(|count| *count == Some(PODS));
    (is_new && is_whole).then_some(()).ok_or_else(|| format!("{status:?}"))
}

async fn webhook_is_rolled_out(node: &Node) -> bool {
    let arguments = ["rollout", "status", "deployment", "pullpass-webhook", "--watch=false", "-n"];
    let output = node.kubectl(&[&arguments[..], &[SYSTEM_NAMESPACE]].concat(), None).await;
    output.stdout.contains("successfully rolled out")
}
