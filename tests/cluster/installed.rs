//! Pullpass as an administrator has it: installed, configured, registered, with no rights but its own.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use k8s_openapi::api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Pod};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    audit::Event,
    cluster::{Cluster, SYSTEM_NAMESPACE},
    eventually::eventually,
    in_force::CANARY,
    pods::pod,
    webhook::WebhookProcess,
};

/// By when a change is in force, or an audit event written.
pub const SOON: Duration = Duration::from_secs(10);
/// The label of Pods and Namespaces that opts in or out.
pub const INJECT: &str = "pullpass.io/inject";
/// The name of our webhook configuration.
const OURS: &str = "pullpass";

impl Cluster {
    /// Installs an overlay with this configuration in its ConfigMap, and starts its webhook under the
    /// ServiceAccount of the manifests.
    pub async fn installed(&self, overlay: &str, config: &str) -> WebhookProcess {
        self.install(overlay).await;
        self.configure(config).await.expect_success();
        let own = self.kubeconfig_for_service_account(SYSTEM_NAMESPACE, "pullpass-webhook").await;
        let webhook = self.webhook().config_map().kubeconfig(&own);
        let webhook = webhook.certificate_from_secret(self).await.start().await;
        self.register(overlay, &webhook).await;
        webhook
    }

    /// Changes the registered MutatingWebhookConfiguration by a JSON patch. Wait for its effect.
    pub async fn change_registration(&self, patch: Value) {
        let patch: json_patch::Patch = serde_json::from_value(patch).expect("a JSON patch");
        Api::<MutatingWebhookConfiguration>::all(self.client())
            .patch(OURS, &PatchParams::default(), &Patch::Json::<()>(patch))
            .await
            .expect("the webhook configuration is changed");
    }

    /// Takes away all that spares the webhook a call, and waits until it is asked about every Pod.
    pub async fn register_for_every_pod(&self) {
        self.change_registration(json!([
            {"op": "remove", "path": "/webhooks/0/namespaceSelector"},
            {"op": "remove", "path": "/webhooks/0/objectSelector"},
            {"op": "remove", "path": "/webhooks/0/matchConditions"},
        ]))
        .await;
        let spared = pod("a").image("a").label(INJECT, "disabled").build();
        eventually("the webhook to be asked about every Pod", SOON, async || {
            self.asks_about(CANARY, &spared).await
        })
        .await;
    }

    /// Whether the API server asks our webhook about this Pod (as a dry run).
    pub async fn asks_about(&self, namespace: &str, pod: &Pod) -> bool {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let mut pod = pod.clone();
        let name = format!("asked-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        pod.metadata.name = Some(name.clone());
        let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
        let params = PostParams { dry_run: true, ..Default::default() };
        eventually("the Pod to be accepted", SOON, async || pods.create(&params, &pod).await).await;
        self.asked(namespace, &name).await
    }

    /// Whether our webhook was asked about a Pod that was created.
    pub async fn asked(&self, namespace: &str, name: &str) -> bool {
        self.creation_of(namespace, name).await.configurations_asked().iter().any(|n| n == OURS)
    }

    /// The audit event of the creation of a Pod.
    pub async fn creation_of(&self, namespace: &str, pod: &str) -> Event {
        eventually("the audit event of the Pod", SOON, async || {
            let created = |event: &Event| {
                let object = &event.object_ref;
                event.verb == "create"
                    && object.resource == "pods"
                    && object.subresource.is_empty()
                    && object.namespace == namespace
                    && object.name == pod
                    && event.response_status.code == 201
            };
            self.audit_events(created).pop()
        })
        .await
    }
}
