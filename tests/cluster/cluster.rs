//! The vocabulary of the tests: a cluster, to be used by one test at a time.

use std::path::{Path, PathBuf};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    audit,
    control_plane::{self, ControlPlane},
    kubectl,
    namespace::NewNamespace,
    pki::{Authority, Leaf, tls_secret},
    sweep,
    turn::Turn,
};

/// The namespace of Pullpass itself.
pub const SYSTEM_NAMESPACE: &str = "pullpass-system";

/// A control plane, kept by one test until it drops this.
pub struct Cluster {
    plane: Turn,
    client: Client,
    audit_from: u64,
}

impl Cluster {
    /// Waits for its turn, then removes what the test before left: namespaces, webhook configurations,
    /// and the objects in `pullpass-system`.
    pub async fn exclusive() -> Self {
        let plane = Turn::wait().await;
        let client = control_plane::client(&plane.admin_kubeconfig())
            .await
            .expect("the administrator's kubeconfig is valid");
        let mut cluster = Self { plane, client, audit_from: 0 };
        sweep::leftovers(&cluster).await;
        cluster.audit_from = audit::end(&cluster.plane.audit_log());
        cluster
    }

    /// The administrator's client, on the runtime of this test.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The control plane beneath.
    pub fn control_plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// Runs kubectl as the administrator, with `input` on its stdin.
    pub async fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> kubectl::Output {
        self.kubectl_as(&self.plane.admin_kubeconfig(), arguments, input).await
    }

    /// Runs kubectl as the holder of a kubeconfig.
    pub async fn kubectl_as(
        &self,
        kubeconfig: &Path,
        arguments: &[&str],
        input: Option<&str>,
    ) -> kubectl::Output {
        kubectl::run(self.plane.folder().path(), kubeconfig, arguments, input).await
    }

    /// A namespace to be made, with a name of its own that begins with `prefix`.
    pub fn namespace(&self, prefix: &str) -> NewNamespace<'_> {
        NewNamespace::new(self, prefix)
    }

    /// Applies one object of any kind, as an administrator's server-side apply does.
    pub async fn apply(&self, object: &Value) {
        let output = self
            .kubectl(
                &["apply", "--server-side", "--force-conflicts", "-f", "-"],
                Some(&object.to_string()),
            )
            .await;
        assert!(
            output.success,
            "cannot apply {} {}: {}",
            object["kind"], object["metadata"]["name"], output.stderr
        );
    }

    /// Makes a ServiceAccount of these pull secrets in a namespace, or changes it to them.
    pub async fn service_account(&self, namespace: &str, name: &str, pull_secrets: &[&str]) {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let secrets: Vec<Value> = pull_secrets.iter().map(|name| json!({"name": name})).collect();
        let account = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name},
            "imagePullSecrets": secrets,
        });
        accounts
            .patch(name, &PatchParams::apply("test").force(), &Patch::Apply(account))
            .await
            .unwrap_or_else(|error| panic!("ServiceAccount {namespace}/{name}: {error}"));
    }

    /// Makes this text the configuration in the ConfigMap `pullpass`, as `kubectl apply` does. Gives
    /// kubectl's answer: the validating webhook may refuse it.
    pub async fn configure(&self, yaml: &str) -> kubectl::Output {
        let config_map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "pullpass", "namespace": SYSTEM_NAMESPACE},
            "data": {"config.yaml": yaml},
        });
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.kubectl(&arguments, Some(&config_map.to_string())).await
    }

    /// Writes the Secret `pullpass-tls`, in the namespace that [`Cluster::install`] made.
    pub async fn write_tls_secret(&self, leaf: &Leaf, authority: &Authority) {
        self.apply(&tls_secret(leaf, authority)).await;
    }

    /// A kubeconfig for a ServiceAccount, with a token of its own (TokenRequest).
    pub async fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> PathBuf {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                audiences: Some(vec!["https://kubernetes.default.svc".into()]),
                ..Default::default()
            }),
            ..Default::default()
        };
        let token = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .unwrap_or_else(|error| panic!("no token for {namespace}/{name}: {error}"))
            .status
            .and_then(|status| status.token)
            .expect("the API server fills the status");
        self.plane.kubeconfig(&format!("{namespace}.{name}"), &token)
    }

    /// The requests since this test began that `wanted` picks. The API server may write an event just
    /// after it answered: wait with `eventually` for one that must come.
    pub fn audit_events(&self, wanted: impl Fn(&audit::Event) -> bool) -> Vec<audit::Event> {
        let mut events = audit::since(&self.plane.audit_log(), self.audit_from);
        events.retain(wanted);
        events
    }
}
