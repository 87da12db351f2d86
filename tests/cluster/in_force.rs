//! Whether the API server already follows a change of the webhook configurations. It learns of them by
//! a watch of its own, so a test must not begin before.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::{
    audit,
    cluster::{Cluster, SYSTEM_NAMESPACE},
    eventually::eventually,
    pods::pod,
};

/// The namespace of the dry-run Pods. No Pod is ever stored there.
pub const CANARY: &str = "canary";
const DEADLINE: Duration = Duration::from_secs(30);

/// Makes the namespace of the canaries. Its label lets it through an opt-in as well.
pub async fn prepare(cluster: &Cluster) {
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": CANARY, "labels": {"pullpass.io/inject": "enabled"}},
    });
    Api::<Namespace>::all(cluster.client())
        .patch(CANARY, &PatchParams::apply("test").force(), &Patch::Apply(namespace))
        .await
        .expect("the namespace of the canaries is made");
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client(), CANARY);
    eventually("the canaries' ServiceAccount", DEADLINE, async || accounts.get("default").await)
        .await;
}

/// Waits until the mutating configuration is asked about a new Pod.
pub async fn wait_for_mutating(cluster: &Cluster, configuration: &str) {
    let what = format!("MutatingWebhookConfiguration {configuration} to be in force");
    eventually(&what, DEADLINE, async || {
        mutating(cluster).await.iter().any(|asked| asked == configuration)
    })
    .await;
}

/// Waits until no mutating configuration is asked about a new Pod.
pub async fn wait_for_no_mutating(cluster: &Cluster) {
    eventually("no mutating webhook to be in force", DEADLINE, async || {
        let asked = mutating(cluster).await;
        asked.is_empty().then_some(()).ok_or(format!("{asked:?}"))
    })
    .await;
}

/// Waits until a change of the ConfigMap `pullpass` is, or is not, shown to a validating webhook.
pub async fn wait_for_validating(cluster: &Cluster, wanted: bool) {
    let what = format!("the validating webhook to be in force: {wanted}");
    eventually(&what, DEADLINE, async || validating(cluster).await == wanted).await;
}

/// The mutating configurations that a dry-run Pod met, as the audit log has it.
async fn mutating(cluster: &Cluster) -> Vec<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let name = format!("canary-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let log = cluster.control_plane().audit_log();
    let before = audit::end(&log);
    let params = PostParams { dry_run: true, ..Default::default() };
    // A refusal says as much as a success: the audit event tells who was asked.
    let _ = Api::<Pod>::namespaced(cluster.client(), CANARY)
        .create(&params, &pod(&name).image("registry.invalid/canary").build())
        .await;
    let event = eventually("the canary's audit event", DEADLINE, async || {
        audit::since(&log, before)
            .into_iter()
            .find(|event| event.object_ref.resource == "pods" && event.object_ref.name == name)
    })
    .await;
    event.configurations_asked()
}

/// Whether a dry-run change to a broken configuration is refused, or would be by a webhook that is down.
async fn validating(cluster: &Cluster) -> bool {
    let log = cluster.control_plane().audit_log();
    let before = audit::end(&log);
    let broken = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "pullpass"},
        "data": {"config.yaml": "{"},
    });
    let answer = Api::<ConfigMap>::namespaced(cluster.client(), SYSTEM_NAMESPACE)
        .patch("pullpass", &PatchParams::apply("canary").force().dry_run(), &Patch::Apply(broken))
        .await;
    match answer {
        Err(kube::Error::Api(status)) if status.code == 404 => false,
        Err(_) => true,
        Ok(_) => {
            let event = eventually("the canary's audit event", DEADLINE, async || {
                audit::since(&log, before).into_iter().find(|event| {
                    event.verb == "patch" && event.request_uri.contains("fieldManager=canary")
                })
            })
            .await;
            !event.failed_open().is_empty()
        }
    }
}
