//! What becomes of the caBundle that the controller published when the manifests, which have none, are
//! applied again, by each way that people and GitOps tools apply them. docs/operations.md says the same.

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    kubectl,
    manifests::{GIVEN_CERTIFICATE, MUTATING, VALIDATING},
    pki::Authority,
};

pub const MANAGER: &str = "pullpass-controller";
pub const KINDS: [(&str, &str); 2] =
    [(MUTATING, "inject.pullpass.io"), (VALIDATING, "config.pullpass.io")];
const SERVER_SIDE: &[&str] = &["apply", "--server-side"];
const SERVER_SIDE_BY_FLUX: &[&str] =
    &["apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller"];
const CLIENT_SIDE: &[&str] = &["apply"];
const REPLACE: &[&str] = &["replace"];

/// The webhook configurations of an overlay, as text for kubectl.
struct Configurations {
    items: Vec<Value>,
}

#[tokio::test]
async fn fault_26_what_leaves_the_ca_bundle_alone() {
    let cluster = Cluster::exclusive().await;
    for (created_by, applied_by) in [
        (SERVER_SIDE, SERVER_SIDE),
        (SERVER_SIDE_BY_FLUX, SERVER_SIDE_BY_FLUX),
        (CLIENT_SIDE, CLIENT_SIDE),
        // The first apply on the client's side of what was made otherwise.
        (&["create"], CLIENT_SIDE),
        (SERVER_SIDE, CLIENT_SIDE),
        (CLIENT_SIDE, SERVER_SIDE),
        (CLIENT_SIDE, SERVER_SIDE_BY_FLUX),
    ] {
        let manifest = Configurations::of(&cluster, "cluster-wide").await;
        delete(&cluster).await;
        manifest.send(&cluster, created_by).await.expect_success();
        let bundle = publish_new(&cluster).await;

        for _ in 0..2 {
            manifest.send(&cluster, applied_by).await.expect_success();
            assert_eq!(published(&cluster).await, [&*bundle; 2], "{created_by:?} {applied_by:?}");
        }
        manifest.with_timeout(7).send(&cluster, applied_by).await.expect_success();
        assert_eq!(published(&cluster).await, [&*bundle; 2], "{created_by:?} {applied_by:?}");
        for (kind, _) in KINDS {
            assert_eq!(read(&cluster, kind).await.data["webhooks"][0]["timeoutSeconds"], 7);
        }
    }
}

#[tokio::test]
async fn fault_26_what_wipes_the_ca_bundle_is_put_right_by_publishing_it_again() {
    let cluster = Cluster::exclusive().await;
    let manifest = Configurations::of(&cluster, "cluster-wide").await;
    for wiped_by in [&[REPLACE] as &[_], &[&["delete"], CLIENT_SIDE], &[&["replace", "--force"]]] {
        delete(&cluster).await;
        manifest.send(&cluster, CLIENT_SIDE).await.expect_success();
        publish_new(&cluster).await;

        for step in wiped_by {
            manifest.send(&cluster, step).await.expect_success();
        }
        assert_eq!(published(&cluster).await, ["", ""], "{wiped_by:?}");

        let bundle = publish_new(&cluster).await;
        assert_eq!(published(&cluster).await, [&*bundle; 2], "{wiped_by:?}");
        manifest.send(&cluster, CLIENT_SIDE).await.expect_success();
        assert_eq!(published(&cluster).await, [&*bundle; 2], "{wiped_by:?}");
    }
}

#[tokio::test]
async fn fault_26_publishing_touches_one_field_and_makes_nothing() {
    let cluster = Cluster::exclusive().await;
    let manifest = Configurations::of(&cluster, "cluster-wide").await;
    for (kind, webhook) in KINDS {
        // The configuration was deleted: half of one must not come in its place.
        let refused = try_publish(&cluster, kind, webhook, "").await.unwrap_err();
        assert!(refused.to_string().contains("Required value"), "{refused}");
    }

    manifest.send(&cluster, CLIENT_SIDE).await.expect_success();
    let mut before = Vec::new();
    for (kind, _) in KINDS {
        before.push(read(&cluster, kind).await);
    }
    let bundle = publish_new(&cluster).await;

    for ((kind, _), before) in KINDS.into_iter().zip(before) {
        let after = read(&cluster, kind).await;
        let mut expected = before.data.clone();
        expected["webhooks"][0]["clientConfig"]["caBundle"] = json!(bundle);
        assert_eq!(after.data, expected);
        let managers = after.metadata.managed_fields.unwrap_or_default();
        let ours = managers.iter().find(|it| it.manager.as_deref() == Some(MANAGER)).unwrap();
        let fields = &ours.fields_v1.as_ref().unwrap().0;
        let webhooks = fields["f:webhooks"].as_object().unwrap();
        assert_eq!(fields.as_object().unwrap().len(), 1, "{fields}");
        let owned = json!({".": {}, "f:clientConfig": {"f:caBundle": {}}, "f:name": {}});
        assert_eq!(webhooks.values().collect::<Vec<_>>(), [&owned]);
    }
}

#[tokio::test]
async fn fault_26_a_manifest_with_a_ca_bundle_of_its_own_asks_before_it_takes_over() {
    let cluster = Cluster::exclusive().await;
    let managed = Configurations::of(&cluster, "cluster-wide").await;
    let given = Configurations::of(&cluster, GIVEN_CERTIFICATE).await;
    let own = given.bundle();

    managed.send(&cluster, SERVER_SIDE).await.expect_success();
    let bundle = publish_new(&cluster).await;
    let refused = given.send(&cluster, SERVER_SIDE).await;
    assert!(refused.stderr.contains(&format!("conflict with \"{MANAGER}\"")), "{}", refused.stderr);
    assert_eq!(published(&cluster).await, [&*bundle; 2]);
    given.send(&cluster, SERVER_SIDE_BY_FLUX).await.expect_success();
    assert_eq!(published(&cluster).await, [&*own; 2]);

    // On the client's side nobody is asked.
    delete(&cluster).await;
    managed.send(&cluster, CLIENT_SIDE).await.expect_success();
    publish_new(&cluster).await;
    given.send(&cluster, CLIENT_SIDE).await.expect_success();
    assert_eq!(published(&cluster).await, [&*own; 2]);

    // And back: what the manifest had and has no more is removed.
    managed.send(&cluster, CLIENT_SIDE).await.expect_success();
    assert_eq!(published(&cluster).await, ["", ""]);
    let bundle = publish_new(&cluster).await;
    managed.send(&cluster, CLIENT_SIDE).await.expect_success();
    assert_eq!(published(&cluster).await, [&*bundle; 2]);
}

/// The way back to managed certificates without a moment in which there is no caBundle.
#[tokio::test]
async fn fault_26_a_ca_bundle_that_kubectl_has_forgotten_stays_when_the_manifest_has_none_any_more()
{
    let cluster = Cluster::exclusive().await;
    let managed = Configurations::of(&cluster, "cluster-wide").await;
    let given = Configurations::of(&cluster, GIVEN_CERTIFICATE).await;
    given.send(&cluster, CLIENT_SIDE).await.expect_success();

    let kinds = format!("{MUTATING},{VALIDATING}");
    let forget = "kubectl.kubernetes.io/last-applied-configuration-";
    cluster.kubectl(&["annotate", &kinds, "pullpass", forget], None).await.expect_success();
    managed.send(&cluster, CLIENT_SIDE).await.expect_success();

    assert_eq!(published(&cluster).await, [&*given.bundle(); 2]);
    let bundle = publish_new(&cluster).await;
    managed.send(&cluster, CLIENT_SIDE).await.expect_success();
    assert_eq!(published(&cluster).await, [&*bundle; 2]);
}

/// Why the name of a webhook is never changed in a configuration that exists.
#[tokio::test]
async fn a_webhook_with_a_ca_bundle_is_not_renamed_on_the_servers_side() {
    let cluster = Cluster::exclusive().await;
    let manifest = Configurations::of(&cluster, "cluster-wide").await;
    let mut items = manifest.items.clone();
    items[0]["webhooks"][0]["name"] = json!("pods.pullpass.io");
    let renamed = Configurations { items };
    manifest.send(&cluster, SERVER_SIDE_BY_FLUX).await.expect_success();
    publish_new(&cluster).await;

    let refused = renamed.send(&cluster, SERVER_SIDE_BY_FLUX).await;

    // What is left of the old one is owned by the controller, and is half a webhook.
    assert!(refused.stderr.contains("webhooks[0].sideEffects: Required"), "{}", refused.stderr);
    renamed.send(&cluster, CLIENT_SIDE).await.expect_success();
}

impl Configurations {
    async fn of(cluster: &Cluster, overlay: &str) -> Self {
        let manifests = cluster.render(overlay).await;
        cluster.apply(manifests.object("Namespace", SYSTEM_NAMESPACE)).await;
        let items = KINDS.map(|(kind, _)| manifests.object(kind, "pullpass").clone());
        Self { items: items.to_vec() }
    }

    fn with_timeout(&self, seconds: u32) -> Self {
        let mut items = self.items.clone();
        for item in &mut items {
            item["webhooks"][0]["timeoutSeconds"] = json!(seconds);
        }
        Self { items }
    }

    fn bundle(&self) -> String {
        let bundle = self.items[0]["webhooks"][0]["clientConfig"]["caBundle"].as_str();
        // kustomize breaks the lines of base64.
        bundle.expect("the manifest has a caBundle").replace('\n', "")
    }

    async fn send(&self, cluster: &Cluster, by: &[&str]) -> kubectl::Output {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": self.items});
        let arguments: Vec<&str> = by.iter().copied().chain(["-f", "-"]).collect();
        cluster.kubectl(&arguments, Some(&list.to_string())).await
    }
}

/// Publishes a new authority.
async fn publish_new(cluster: &Cluster) -> String {
    publish(cluster, &Authority::new("pullpass")).await
}

/// Publishes an authority as the controller does: by server-side apply of one field.
pub async fn publish(cluster: &Cluster, authority: &Authority) -> String {
    let bundle = STANDARD.encode(authority.pem());
    for (kind, webhook) in KINDS {
        try_publish(cluster, kind, webhook, &bundle).await.unwrap();
    }
    assert_eq!(published(cluster).await, [&*bundle; 2]);
    bundle
}

async fn try_publish(
    cluster: &Cluster,
    kind: &str,
    webhook: &str,
    bundle: &str,
) -> Result<DynamicObject, kube::Error> {
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "pullpass"},
        "webhooks": [{"name": webhook, "clientConfig": {"caBundle": bundle}}],
    });
    let apply = PatchParams::apply(MANAGER).force();
    api(cluster, kind).patch("pullpass", &apply, &Patch::Apply(configuration)).await
}

/// The caBundle of each of both, empty where there is none.
pub async fn published(cluster: &Cluster) -> Vec<String> {
    let mut bundles = Vec::new();
    for (kind, _) in KINDS {
        let configuration = read(cluster, kind).await;
        let bundle = configuration.data["webhooks"][0]["clientConfig"]["caBundle"].as_str();
        bundles.push(bundle.unwrap_or_default().to_owned());
    }
    bundles
}

pub async fn read(cluster: &Cluster, kind: &str) -> DynamicObject {
    api(cluster, kind).get("pullpass").await.unwrap()
}

async fn delete(cluster: &Cluster) {
    let kinds = format!("{MUTATING},{VALIDATING}");
    let delete = ["delete", "--ignore-not-found", &kinds, "pullpass"];
    cluster.kubectl(&delete, None).await.expect_success();
}

pub fn api(cluster: &Cluster, kind: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
    Api::all_with(cluster.client(), &ApiResource::from_gvk(&kind))
}
