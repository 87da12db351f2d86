//! The webhook as the Deployment runs it, and what it answers when asked directly.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    forwarder::Forwarder,
    pods::pod,
    webhook::{NewWebhook, WebhookProcess},
};

/// The user that the webhook is for the API server.
pub const USER: &str = "system:serviceaccount:pullpass-system:pullpass-webhook";
/// An image that [`config`] has an entry for.
pub const IMAGE: &str = "gcr.io/p/a";

/// A configuration whose one entry gives Pods of [`IMAGE`] this pull secret, in every namespace.
pub fn config(secret: &str) -> String {
    format!(
        "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- name: {secret}\n  images: [\"gcr.io/p/*\"]\n"
    )
}

/// A configuration whose one entry does so only in namespaces labelled `tier: paid`.
pub fn config_by_label(secret: &str) -> String {
    format!("{}  namespaces: {{selector: {{matchLabels: {{tier: paid}}}}}}\n", config(secret))
}

/// A configuration that is refused because of its fourth line.
pub fn broken_config() -> &'static str {
    "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- nmae: oops\n"
}

impl Cluster {
    /// Installs the manifests and gives the webhook that their Deployment describes: under its own
    /// ServiceAccount, with its ConfigMap, and its certificate from its Secret.
    pub async fn deployed(&self) -> NewWebhook {
        self.install("cluster-wide").await;
        let own = self.own_kubeconfig().await;
        let webhook = self.webhook().config_map().kubeconfig(&own);
        webhook.certificate_from_secret(self).await
    }

    /// The same, with all that it says to the API server going through the forwarder.
    pub async fn deployed_behind(&self, network: &Forwarder) -> NewWebhook {
        self.install("cluster-wide").await;
        let own = self.kubeconfig_through(network, &self.own_kubeconfig().await);
        let webhook = self.webhook().config_map().kubeconfig(&own);
        webhook.certificate_from_secret(self).await
    }

    /// A second webhook of the same kind, certificate included.
    pub async fn replica_of(&self, other: &WebhookProcess) -> NewWebhook {
        let own = self.own_kubeconfig().await;
        self.webhook().config_map().kubeconfig(&own).replica_of(other)
    }

    /// A forwarder to the API server.
    pub async fn network(&self) -> Forwarder {
        let server = &kubeconfig(&self.control_plane().admin_kubeconfig())["clusters"][0];
        let server = server["cluster"]["server"].as_str().expect("the kubeconfig has a server");
        let port = server.rsplit(':').next().and_then(|port| port.parse().ok());
        Forwarder::to(&[port.expect("the server's URL ends with its port")]).await
    }

    /// The kubeconfig of the webhook's own ServiceAccount.
    pub async fn own_kubeconfig(&self) -> PathBuf {
        self.kubeconfig_for_service_account(SYSTEM_NAMESPACE, "pullpass-webhook").await
    }

    /// The same kubeconfig, with the forwarder in place of the API server.
    pub fn kubeconfig_through(&self, network: &Forwarder, original: &PathBuf) -> PathBuf {
        let mut content = kubeconfig(original);
        content["clusters"][0]["cluster"]["server"] =
            format!("https://127.0.0.1:{}", network.port()).into();
        let name = format!("through-{}.kubeconfig", network.port());
        self.control_plane().folder().write(&name, content.to_string())
    }
}

impl WebhookProcess {
    /// The names of the pull secrets that it would add to a Pod of [`IMAGE`] in a namespace, asked
    /// directly and with this timeout in seconds.
    pub async fn additions(&self, namespace: &str, timeout: u32) -> Result<Vec<String>, String> {
        let path = format!("/mutate?timeout={timeout}s");
        let answer = self.review(&path, &review(namespace)).await;
        additions(&answer.map_err(|error| error.to_string())?)
    }
}

/// An AdmissionReview of a new Pod of [`IMAGE`].
pub fn review(namespace: &str) -> Value {
    let pod: Pod = pod("a").image(IMAGE).build();
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": namespace,
            "operation": "CREATE",
            "object": pod,
        },
    })
}

/// The names in the patch of an answer; an `Err` if it does not allow the Pod.
pub fn additions(answer: &Value) -> Result<Vec<String>, String> {
    if answer["response"]["allowed"] != true {
        return Err(format!("not allowed: {answer}"));
    }
    let Some(patch) = answer["response"]["patch"].as_str() else { return Ok(vec![]) };
    let patch = STANDARD.decode(patch).map_err(|error| error.to_string())?;
    let patch: Value = serde_json::from_slice(&patch).map_err(|error| error.to_string())?;
    let mut object = json!({"spec": {}});
    let patch: json_patch::Patch =
        serde_json::from_value(patch).map_err(|error| error.to_string())?;
    json_patch::patch(&mut object, &patch).map_err(|error| error.to_string())?;
    let secrets = object["spec"]["imagePullSecrets"].as_array().into_iter().flatten();
    Ok(secrets.filter_map(|secret| Some(secret["name"].as_str()?.to_owned())).collect())
}

fn kubeconfig(file: &PathBuf) -> Value {
    let text = std::fs::read(file).expect("the kubeconfig is there");
    serde_json::from_slice(&text).expect("the kubeconfig is JSON")
}
