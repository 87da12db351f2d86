//! Secrets that are shared by label: entries by themselves, for the controller and for the webhook.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    cluster::SYSTEM_NAMESPACE,
    copying::{Copying, docker_config},
    eventually::eventually,
    managed::SOON,
    namespace::Namespace,
    pods::{pod, pull_secrets},
};

/// One written entry, whose patterns a shared Secret serves too; and the marker of
/// [`Copying::settled`].
const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- name: written
  images: ["gcr.io/*"]
  namespaces: {names: ["written-*"]}
  source: {secret: written-source}
- name: marker
  images: ["marker.example/*"]
  namespaces: {names: ["marker-*"]}
  source: {secret: marker-source}
"#;
const HUB: &str = "https://index.docker.io/v1/";
const SHARED: &str = "pullpass-shared";

async fn begin() -> Copying {
    let copying = Copying::start(CONFIG).await;
    copying.source("written-source", &docker_config("gcr.io", "written")).await;
    copying
}

impl Copying {
    /// Makes a Secret, or changes it, and shares it.
    async fn share(&self, name: &str, content: &str, namespaces: Option<&str>) -> Secret {
        self.source(name, content).await;
        self.mark(name, json!({"pullpass.io/share": "true"}), namespaces).await
    }

    async fn mark(&self, name: &str, labels: Value, namespaces: Option<&str>) -> Secret {
        let annotations = json!({"pullpass.io/namespaces": namespaces});
        let patch = json!({"metadata": {"labels": labels, "annotations": annotations}});
        self.secrets(SYSTEM_NAMESPACE)
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap_or_else(|error| panic!("Secret {name}: {error}"))
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.cluster.client(), SYSTEM_NAMESPACE)
    }

    async fn published(&self) -> Option<String> {
        let found = self.config_maps().get(SHARED).await.expect("the ConfigMap is there");
        found.data.and_then(|mut data| data.remove("shared.yaml"))
    }

    /// Waits until what is published has this text, or has it no more.
    async fn publishes(&self, text: &str, wanted: bool) -> String {
        eventually(&format!("{text:?} in {SHARED}: {wanted}"), SOON, async || {
            let published = self.published().await.unwrap_or_default();
            let is_so = published.contains(text) == wanted;
            is_so
                .then_some(published.clone())
                .ok_or(format!("{published}{}", self.controller.log()))
        })
        .await
    }
}

/// Waits until new Pods with this image get these pull secrets.
async fn gets(namespace: &Namespace, image: &str, expected: &[&str]) {
    eventually(&format!("pull secrets {expected:?} for {image}"), SOON, async || {
        let stored = namespace.dry_run(&pod("a").image(image).build()).await;
        let found = pull_secrets(&stored.map_err(|error| error.to_string())?);
        (found == expected).then_some(()).ok_or(format!("{found:?}"))
    })
    .await;
}

#[tokio::test]
async fn a_label_shares_a_secret_and_webhook_and_controller_go_by_it() {
    let copying = begin().await;
    let cluster = &copying.cluster;
    let webhook = copying.webhook().await;
    let team = cluster.namespace("team").create_at_once().await;
    let shop = cluster.namespace("shop").create_at_once().await;
    let content = docker_config(HUB, "hidden-word");

    copying.share("hub.creds", &content, None).await;
    copying.copied(&team.name, "hub.creds", &content).await;
    copying.copied(&shop.name, "hub.creds", &content).await;
    gets(&team, "nginx", &["hub.creds"]).await;
    gets(&team, "gcr.io/p/a", &[]).await;
    let published = copying.publishes("docker.io/*", true).await;
    assert!(!published.contains("hidden-word") && !published.contains("auth"), "{published}");
    assert_eq!(webhook.metric("pullpass_shared_entries").await, Some(1.0));

    copying.mark("hub.creds", json!({}), Some("{names: ['team-*']}")).await;
    copying.revoked(&shop.name, "hub.creds").await;
    gets(&shop, "nginx", &[]).await;
    gets(&team, "nginx", &["hub.creds"]).await;

    // Another registry is in it: the same copy, and other patterns.
    let both = json!({"auths": {HUB: {"auth": "dTpw"}, "gcr.io/p": {"auth": "dTpw"}}}).to_string();
    copying.source("hub.creds", &both).await;
    copying.copied(&team.name, "hub.creds", &both).await;
    gets(&team, "gcr.io/p/a", &["hub.creds"]).await;

    copying.mark("hub.creds", json!({"pullpass.io/share": null}), None).await;
    copying.revoked(&team.name, "hub.creds").await;
    gets(&team, "nginx", &[]).await;
    copying.publishes("hub.creds", false).await;
    for log in [copying.controller.log(), webhook.log()] {
        assert!(!log.contains("hidden-word"), "{log}");
    }
}

#[tokio::test]
async fn fault_45_what_breaks_goes_on_as_it_was_over_a_restart_too() {
    let mut copying = begin().await;
    let team = copying.cluster.namespace("team").create_at_once().await;
    let content = docker_config(HUB, "good");
    copying.share("hub", &content, Some("{names: ['team-*']}")).await;
    let copy = copying.copied(&team.name, "hub", &content).await;
    copying.publishes("docker.io/*", true).await;

    copying.source("hub", r#"{"auths": {"gcr.io": {"identitytoken": "x"}}}"#).await;
    let words = [SYSTEM_NAMESPACE, "SecretNotShared", "hub", "what was shared before stays"];
    copying.told(&words).await;
    copying.mark("hub", json!({}), Some("{names: [}")).await;
    copying.told(&["SecretNotShared", "its annotation pullpass.io/namespaces is refused"]).await;
    copying.controller.terminate().await;
    copying.controller = copying.cluster.copying_controller().await.start().await;
    copying.settled().await;

    let now = copying.copied(&team.name, "hub", &content).await;
    assert_eq!(now.metadata.resource_version, copy.metadata.resource_version);
    copying.publishes("docker.io/*", true).await;
    // A rule is taken at once, whatever the content.
    copying.mark("hub", json!({}), Some("{names: ['other']}")).await;
    copying.revoked(&team.name, "hub").await;
}

#[tokio::test]
async fn what_is_published_is_put_right_and_its_loss_is_told() {
    let copying = begin().await;
    copying.share("hub", &docker_config(HUB, "x"), None).await;
    let published = copying.publishes("docker.io/*", true).await;

    let other = json!({"data": {"shared.yaml": published.replace("docker.io", "quay.io")}});
    let patch = Patch::Merge(other);
    copying.config_maps().patch(SHARED, &PatchParams::default(), &patch).await.unwrap();
    copying.publishes("docker.io/*", true).await;

    copying.config_maps().delete(SHARED, &DeleteParams::default()).await.unwrap();
    copying.told(&["SharedNotPublished", "pullpass", "apply the manifests again"]).await;
    copying.cluster.apply_rights_to_copy().await;
    assert_eq!(copying.publishes("docker.io/*", true).await, published);
    // Applying the manifests does not take it away.
    copying.cluster.apply_rights_to_copy().await;
    assert_eq!(copying.published().await, Some(published));
}

#[tokio::test]
async fn written_entries_come_first_and_conflicts_are_told() {
    let copying = begin().await;
    let cluster = &copying.cluster;
    let _webhook = copying.webhook().await;
    let namespace = cluster.namespace("written").create_at_once().await;
    let (written, shared) = (docker_config("gcr.io", "written"), docker_config("gcr.io", "shared"));

    copying.share("zone", &shared, None).await;
    copying.copied(&namespace.name, "zone", &shared).await;
    gets(&namespace, "gcr.io/p/a", &["written", "zone"]).await;
    copying.told(&["SharedSecretConflict", "zone", "so does the entry written"]).await;

    // Of the same pull secret the written entry's is there.
    copying.copied(&namespace.name, "written", &written).await;
    copying.share("written", &shared, None).await;
    copying.told(&["SharedSecretConflict", "written", "is not copied where the entry"]).await;
    let elsewhere = cluster.namespace("elsewhere").create_at_once().await;
    copying.copied(&elsewhere.name, "written", &shared).await;
    copying.copied(&namespace.name, "written", &written).await;

    let status = copying.status().1;
    for text in ["shared:zone", "shared:written", "so does the entry written"] {
        assert!(status.contains(text), "{status}");
    }
}

#[tokio::test]
async fn fault_49_a_tenant_shares_nothing() {
    let copying = begin().await;
    let (team, other) = (
        copying.cluster.namespace("team").create_at_once().await,
        copying.cluster.namespace("other").create_at_once().await,
    );
    let content = docker_config("evil.example", "theirs");
    let theirs: Secret = serde_json::from_value(json!({
        "metadata": {
            "name": "theirs",
            "labels": {"pullpass.io/share": "true"},
            "annotations": {"pullpass.io/namespaces": "{names: ['*']}"},
        },
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": content},
    }))
    .unwrap();
    copying.secrets(&team.name).create(&PostParams::default(), &theirs).await.unwrap();
    let published: ConfigMap = serde_json::from_value(json!({
        "metadata": {"name": SHARED},
        "data": {"shared.yaml": "secrets: [{secret: written-source, images: ['*']}]"},
    }))
    .unwrap();
    let config_maps: Api<ConfigMap> = team.api();
    config_maps.create(&PostParams::default(), &published).await.unwrap();

    // What is shared after that is shared alone.
    let hub = docker_config(HUB, "hub");
    copying.share("hub", &hub, None).await;
    copying.copied(&other.name, "hub", &hub).await;
    copying.settled().await;
    let found = copying.secrets(&other.name).list(&ListParams::default()).await.unwrap();
    let names: Vec<_> = found.iter().filter_map(|secret| secret.metadata.name.clone()).collect();
    assert_eq!(names, ["hub"]);
    let published = copying.publishes("docker.io/*", true).await;
    assert!(!published.contains("evil") && !published.contains("written-source"), "{published}");
}
