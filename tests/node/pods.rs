//! Pods of teams, and what becomes of them.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStatus, Namespace, Pod, ServiceAccount};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use crate::{eventually::eventually, installed::SOON, node::Node};

/// By when a Pod runs or fails to. The kubelet tries again after 10, 20, 40 s ..., each up to half longer.
pub const PULLED: Duration = Duration::from_mins(3);

impl Node {
    /// Makes a namespace with these labels, in which Pods can be made.
    pub async fn namespace(&self, name: &str, labels: &[(&str, &str)]) {
        let labels: Value = labels.iter().map(|(key, value)| (*key, json!(value))).collect();
        let object = json!({"metadata": {"name": name, "labels": labels}});
        let namespace: Namespace = serde_json::from_value(object).expect("it is a Namespace");
        let namespaces = Api::all(self.client());
        namespaces.create(&PostParams::default(), &namespace).await.expect("a namespace is made");
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), name);
        eventually("the ServiceAccount of the namespace", SOON, async || {
            accounts.get("default").await
        })
        .await;
    }

    /// Creates a Pod with this image.
    pub async fn pod(&self, namespace: &str, name: &str, image: &str) -> Pod {
        self.pod_of(namespace, name, &[], json!({"containers": [container(image)]})).await
    }

    /// Creates a Pod with these labels and this spec.
    pub async fn pod_of(
        &self,
        namespace: &str,
        name: &str,
        labels: &[(&str, &str)],
        mut spec: Value,
    ) -> Pod {
        spec["terminationGracePeriodSeconds"] = 0.into();
        spec["automountServiceAccountToken"] = false.into();
        let labels: Value = labels.iter().map(|(key, value)| (*key, json!(value))).collect();
        let object = json!({"metadata": {"name": name, "labels": labels}, "spec": spec});
        let pod: Pod = serde_json::from_value(object).expect("it is a Pod");
        let created = self.pods(namespace).create(&PostParams::default(), &pod).await;
        created.unwrap_or_else(|error| panic!("Pod {namespace}/{name}: {error}"))
    }

    /// The Pods of a namespace.
    pub fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client(), namespace)
    }

    /// Waits until all containers of a Pod run.
    pub async fn runs(&self, namespace: &str, name: &str) -> Pod {
        eventually(&format!("Pod {namespace}/{name} to run"), PULLED, async || {
            let pod = self.pods(namespace).get(name).await.map_err(|error| error.to_string())?;
            let waiting = waiting(&pod);
            match phase(&pod) == "Running" && waiting.is_none() {
                true => Ok(pod),
                false => Err(format!("{}, {waiting:?}", phase(&pod))),
            }
        })
        .await
    }

    /// Waits until the kubelet has failed to pull an image of a Pod, and gives what it says.
    pub async fn cannot_pull(&self, namespace: &str, name: &str) -> String {
        eventually(&format!("Pod {namespace}/{name} to fail"), PULLED, async || {
            let pod = self.pods(namespace).get(name).await.map_err(|error| error.to_string())?;
            assert_ne!(phase(&pod), "Running", "Pod {namespace}/{name} runs");
            match waiting(&pod) {
                // While it waits for its next attempt it says with what the last one failed.
                Some((_, message)) if message.contains("failed to pull") => Ok(message),
                other => Err(format!("{}, {other:?}", phase(&pod))),
            }
        })
        .await
    }
}

/// A container of an image that waits for its end.
pub fn container(image: &str) -> Value {
    json!({"name": "app", "image": image})
}

fn phase(pod: &Pod) -> &str {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase.unwrap_or_default()
}

/// The first container that waits, by reason and message.
fn waiting(pod: &Pod) -> Option<(String, String)> {
    let status = pod.status.as_ref()?;
    let statuses = [&status.init_container_statuses, &status.container_statuses];
    let statuses = statuses.into_iter().flatten().flatten();
    statuses.filter_map(reason).find(|(reason, _)| reason != "PodInitializing")
}

fn reason(status: &ContainerStatus) -> Option<(String, String)> {
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    Some((waiting.reason.clone()?, waiting.message.clone().unwrap_or_default()))
}
