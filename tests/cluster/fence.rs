//! The fence around what the controller's ServiceAccount may do with Secrets, and somebody before it who
//! has the account's token.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    eventually::eventually,
    in_force::CANARY,
    managed::SOON,
};

/// The policy, and its binding.
pub const FENCE: &str = "pullpass-controller-secrets";
/// The field manager of every write of the controller.
pub const MANAGER: &str = "pullpass-controller";
const ALL_RIGHTS: &str = "pullpass-test-all-secrets";

/// Whoever has the token of the controller's ServiceAccount.
pub struct TokenHolder {
    client: kube::Client,
}

impl Cluster {
    /// The token, with the rights of the manifests, and the fence in force.
    pub async fn fenced(&self) -> TokenHolder {
        self.install("cluster-wide").await;
        let holder = self.token_holder().await;
        self.raise_fence(&holder).await;
        holder
    }

    /// The token, with the right to do anything with any Secret, and the fence in force: what is refused,
    /// the fence refuses.
    pub async fn fenced_alone(&self) -> TokenHolder {
        self.install("cluster-wide").await;
        for object in all_rights() {
            self.apply(&object).await;
        }
        let holder = self.token_holder().await;
        self.raise_fence(&holder).await;
        holder
    }

    async fn token_holder(&self) -> TokenHolder {
        TokenHolder { client: self.controllers_client().await }
    }

    /// First waits until an earlier fence is gone, so that the one that is met is this one.
    async fn raise_fence(&self, holder: &TokenHolder) {
        let canary = secret(CANARY, "canary", "Opaque");
        let attempt = async || holder.dry_run(&canary).await.map_err(|error| error.to_string());
        eventually("no fence to be in force", SOON, attempt).await;
        let manifests = self.render("cluster-wide").await;
        for kind in ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"] {
            self.apply(manifests.object(kind, FENCE)).await;
        }
        eventually("the fence to be in force", SOON, async || match attempt().await {
            Err(error) if error.contains(FENCE) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    }

    /// The UID of a namespace.
    pub async fn uid_of(&self, namespace: &str) -> String {
        let namespaces: Api<Namespace> = Api::all(self.client());
        let found = namespaces.get_metadata(namespace).await.expect("the namespace is there");
        found.uid().expect("it has a UID")
    }

    /// Makes a Secret as an administrator does.
    pub async fn make_secret(&self, object: &Value) -> Secret {
        let secrets: Api<Secret> = Api::namespaced(self.client(), namespace_of(object));
        let params = PostParams { field_manager: Some("admin".into()), ..Default::default() };
        secrets.create(&params, &read(object)).await.expect("the administrator may")
    }

    /// Changes a Secret by a merge patch, as an administrator or a tenant does.
    pub async fn patch_secret(&self, namespace: &str, name: &str, patch: Value) -> Secret {
        let secrets: Api<Secret> = Api::namespaced(self.client(), namespace);
        let params = PatchParams { field_manager: Some("admin".into()), ..Default::default() };
        secrets.patch(name, &params, &Patch::Merge(patch)).await.expect("the administrator may")
    }
}

impl TokenHolder {
    /// Creates it as the controller does.
    pub async fn create(&self, object: &Value) -> kube::Result<Secret> {
        self.create_as(MANAGER, object).await
    }

    /// Creates it under this field manager.
    pub async fn create_as(&self, manager: &str, object: &Value) -> kube::Result<Secret> {
        let params = PostParams { field_manager: Some(manager.into()), ..Default::default() };
        self.secrets(namespace_of(object)).create(&params, &read(object)).await
    }

    /// Creates it, and nothing is stored.
    pub async fn dry_run(&self, object: &Value) -> kube::Result<Secret> {
        let params = PostParams { dry_run: true, field_manager: Some(MANAGER.into()) };
        self.secrets(namespace_of(object)).create(&params, &read(object)).await
    }

    /// Replaces what was read by the same with these changes (a merge patch), as the controller does.
    pub async fn replace(&self, found: &Secret, changes: &Value) -> kube::Result<Secret> {
        let mut object = serde_json::to_value(found).expect("a Secret is JSON");
        json_patch::merge(&mut object, changes);
        let params = PostParams { field_manager: Some(MANAGER.into()), ..Default::default() };
        let secrets = self.secrets(namespace_of(&object));
        secrets.replace(&found.name_any(), &params, &read(&object)).await
    }

    /// Sends a merge patch.
    pub async fn merge(&self, found: &Secret, patch: Value) -> kube::Result<Secret> {
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..Default::default() };
        self.secrets_of(found).patch(&found.name_any(), &params, &Patch::Merge(patch)).await
    }

    /// Applies on the server's side, with force.
    pub async fn apply(&self, object: &Value) -> kube::Result<Secret> {
        let name = object["metadata"]["name"].as_str().expect("it has a name");
        let params = PatchParams::apply(MANAGER).force();
        self.secrets(namespace_of(object)).patch(name, &params, &Patch::Apply(object)).await
    }

    /// Deletes it.
    pub async fn delete(&self, found: &Secret) -> kube::Result<()> {
        let secrets = self.secrets_of(found);
        secrets.delete(&found.name_any(), &DeleteParams::default()).await.map(|_| ())
    }

    /// Deletes all copies of a namespace at once.
    pub async fn delete_all(&self, namespace: &str) -> kube::Result<()> {
        let copies = ListParams::default().labels("pullpass.io/copy=true");
        let secrets = self.secrets(namespace);
        secrets.delete_collection(&DeleteParams::default(), &copies).await.map(|_| ())
    }

    fn secrets_of(&self, found: &Secret) -> Api<Secret> {
        self.secrets(&found.namespace().expect("it has a namespace"))
    }

    fn secrets(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// The fence refused it, with these words.
pub fn refused<T: Debug>(what: &str, answer: kube::Result<T>, words: &str) {
    match answer {
        Err(kube::Error::Api(status)) => {
            assert_eq!(status.code, 403, "{what}: {status:?}");
            let message = &status.message;
            assert!(message.contains(FENCE) && message.contains(words), "{what}: {message}");
        }
        other => panic!("{what} is not refused: {other:?}"),
    }
}

/// A Secret of a type, with nothing in it.
pub fn secret(namespace: &str, name: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "type": kind,
    })
}

/// A copy as the controller makes it.
pub fn copy(namespace: &str, namespace_uid: &str, name: &str) -> Value {
    let mut copy = secret(namespace, name, "kubernetes.io/dockerconfigjson");
    let more = json!({
        "metadata": {
            "labels": {
                "app.kubernetes.io/managed-by": "pullpass-controller",
                "pullpass.io/copy": "true",
            },
            "annotations": {
                "pullpass.io/source": "source",
                "pullpass.io/source-uid": "4d1d5e5e-6c3c-4bb7-9f07-0a3f3b8d1c55",
                "pullpass.io/entry": "entry",
                "pullpass.io/on-removal": "delete",
                "pullpass.io/content": "9f86d081884c7d659a2feaa0c55ad015",
                "pullpass.io/namespace-uid": namespace_uid,
            },
        },
        "data": {".dockerconfigjson": "eyJhdXRocyI6e319"},
    });
    json_patch::merge(&mut copy, &more);
    copy
}

/// The object with these changes, a merge patch.
pub fn changed(object: &Value, changes: &Value) -> Value {
    let mut object = object.clone();
    json_patch::merge(&mut object, changes);
    object
}

fn read(object: &Value) -> Secret {
    serde_json::from_value(object.clone()).expect("it is a Secret")
}

fn namespace_of(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().expect("it has a namespace")
}

fn all_rights() -> [Value; 2] {
    let metadata = json!({"name": ALL_RIGHTS, "labels": {"app.kubernetes.io/part-of": "pullpass"}});
    let group = "rbac.authorization.k8s.io";
    let api_version = format!("{group}/v1");
    let account = "pullpass-controller";
    [
        json!({
            "apiVersion": api_version,
            "kind": "ClusterRole",
            "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}],
        }),
        json!({
            "apiVersion": api_version,
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": ALL_RIGHTS},
            "subjects": [
                {"kind": "ServiceAccount", "name": account, "namespace": SYSTEM_NAMESPACE},
            ],
        }),
    ]
}
