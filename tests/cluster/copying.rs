//! The controller with sources and grants: what it brings to namespaces.

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::{
    ByteString,
    api::{core::v1::Secret, events::v1::Event},
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

pub use crate::docker_config::docker_config;
use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    controller::{ControllerProcess, NewController},
    eventually::eventually,
    managed::SOON,
    webhook::WebhookProcess,
};

const KEY: &str = ".dockerconfigjson";
/// The source of the entry `marker`.
const MARKER_SOURCE: &str = "marker-source";
/// What it is given in turn.
const MARKERS: [&str; 2] = ["marker-1", "marker-2"];
/// What [`Copying::settled`] writes: a copy is made, and updated.
pub const MARKER_WRITES: usize = 2;

/// A cluster whose controller copies pull secrets.
pub struct Copying {
    pub cluster: Cluster,
    pub controller: ControllerProcess,
}

impl Copying {
    /// Installs the default overlay with this configuration, and starts the controller.
    pub async fn start(config: &str) -> Self {
        let cluster = Cluster::exclusive().await;
        cluster.apply_default_overlay(1).await;
        cluster.apply_rights_to_copy().await;
        if config.contains(MARKER_SOURCE) {
            let content = docker_config("gcr.io", MARKERS[0]);
            source(&cluster, MARKER_SOURCE, &content).await;
        }
        cluster.configure(config).await.expect_success();
        let controller = cluster.copying_controller().await.start().await;
        Self { cluster, controller }
    }

    /// Makes a Secret that can be a source, or changes its content.
    pub async fn source(&self, name: &str, content: &str) -> Secret {
        source(&self.cluster, name, content).await
    }

    /// The Secrets of a namespace.
    pub fn secrets(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.cluster.client(), namespace)
    }

    /// Starts the webhook, by the same configuration, and registers it.
    pub async fn webhook(&self) -> WebhookProcess {
        let own = self.cluster.own_kubeconfig().await;
        let webhook = self.cluster.webhook().config_map().kubeconfig(&own);
        let webhook = webhook.certificate_from_secret(&self.cluster).await.start().await;
        self.cluster.register("cluster-wide", &webhook).await;
        webhook
    }

    /// What `pullpass status` says: its exit code and its text.
    pub fn status(&self) -> (Option<i32>, String) {
        status_as(&self.cluster.control_plane().admin_kubeconfig(), &[])
    }

    /// Waits until a namespace has a copy with this content.
    pub async fn copied(&self, namespace: &str, name: &str, content: &str) -> Secret {
        let secrets = self.secrets(namespace);
        eventually(&format!("the copy {namespace}/{name}"), SOON, async || {
            let found = secrets.get_opt(name).await.map_err(|error| error.to_string())?;
            let found = found.ok_or_else(|| format!("there is none; {}", self.controller.log()))?;
            let is_so = data(&found) == content.as_bytes();
            is_so.then_some(found).ok_or_else(|| self.controller.log())
        })
        .await
    }

    /// Waits until a namespace has no such Secret.
    pub async fn revoked(&self, namespace: &str, name: &str) {
        let secrets = self.secrets(namespace);
        eventually(&format!("the end of {namespace}/{name}"), SOON, async || {
            let found = secrets.get_opt(name).await.map_err(|error| error.to_string())?;
            found.is_none().then_some(()).ok_or_else(|| self.controller.log())
        })
        .await;
    }

    /// Waits until all that is due has been done: what was changed before has then been seen. It takes an
    /// entry `marker`, for namespaces `marker-*`, with a source of its own.
    pub async fn settled(&self) {
        let sources = self.secrets(SYSTEM_NAMESPACE);
        let source = sources.get(MARKER_SOURCE).await.expect("the marker has a source");
        let content = String::from_utf8_lossy(data(&source)).into_owned();
        let marker = self.cluster.namespace("marker").create_at_once().await;
        self.copied(&marker.name, "marker", &content).await;
        // What is made goes before all that is updated; what is updated waits its turn.
        let contents = MARKERS.map(|password| docker_config("gcr.io", password));
        let next = &contents[usize::from(content == contents[0])];
        self.source(MARKER_SOURCE, next).await;
        self.copied(&marker.name, "marker", next).await;
        // Others may still be worked on, beside it.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        let done = "pullpass_copies_last_success_timestamp_seconds";
        eventually("nothing to be due", SOON, async || {
            let last = self.controller.metric(done).await;
            let is_done = last.is_some_and(|last| last > now.as_secs_f64());
            is_done.then_some(()).ok_or_else(|| format!("{last:?} {}", self.controller.log()))
        })
        .await;
        marker.delete().await;
    }

    /// Waits for an Event with all these words: namespace, reason, object and note.
    pub async fn told(&self, words: &[&str]) {
        self.cluster.told(words).await;
    }

    /// Deletes a Secret.
    pub async fn delete(&self, namespace: &str, name: &str) {
        let deleted = self.secrets(namespace).delete(name, &DeleteParams::default()).await;
        deleted.unwrap_or_else(|error| panic!("Secret {namespace}/{name}: {error}"));
    }
}

/// What `pullpass status` says to the holder of a kubeconfig, with these arguments: its exit code and its
/// output.
pub fn status_as(kubeconfig: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_pullpass"))
        .args(["status", "--kubeconfig"])
        .arg(kubeconfig)
        .args(arguments)
        .output()
        .expect("pullpass runs");
    (output.status.code(), String::from_utf8(output.stdout).expect("it is UTF-8"))
}

async fn source(cluster: &Cluster, name: &str, content: &str) -> Secret {
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {KEY: STANDARD.encode(content)},
    });
    let parameters = PatchParams::apply("test").force();
    Api::namespaced(cluster.client(), SYSTEM_NAMESPACE)
        .patch(name, &parameters, &Patch::Apply(secret))
        .await
        .unwrap_or_else(|error| panic!("source {name}: {error}"))
}

impl Cluster {
    /// Waits for an Event with all these words: namespace, reason, object and note.
    pub async fn told(&self, words: &[&str]) {
        let events: Api<Event> = Api::all(self.client());
        eventually(&format!("an Event of {words:?}"), SOON, async || {
            let found =
                events.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
            let told: Vec<String> = found.items.into_iter().map(line).collect();
            let is_told = told.iter().any(|line| words.iter().all(|word| line.contains(word)));
            is_told.then_some(()).ok_or_else(|| format!("{told:#?}"))
        })
        .await;
    }

    /// The controller as the Deployment of the default overlay runs it, but for the certificates, which
    /// it leaves alone.
    pub async fn copying_controller(&self) -> NewController {
        let own = self.controllers_kubeconfig().await;
        self.controller().kubeconfig(&own).argument("--certificates=external")
    }
}

fn line(event: Event) -> String {
    let object = event.regarding.unwrap_or_default();
    let parts = [object.namespace, event.reason, object.name, event.note];
    parts.map(Option::unwrap_or_default).join(" ")
}

/// The content of a pull secret.
pub fn data(secret: &Secret) -> &[u8] {
    let data = secret.data.as_ref().and_then(|data| data.get(KEY));
    data.map_or(&[], |ByteString(bytes)| bytes)
}
