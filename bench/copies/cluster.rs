//! The cluster as an administrator has it: the default overlay, entries with their sources, namespaces.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace, Secret, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use pullpass::credentials::content_mark;
use serde_json::{Value, json};

use crate::{
    control_plane::{self, ControlPlane},
    kubectl,
    pki::{Authority, tls_secret},
};

/// Entries, each with a source of its own.
pub const ENTRIES: usize = 5;
/// The user that the controller is for the API server.
pub const CONTROLLER: &str = "system:serviceaccount:pullpass-system:pullpass-controller";
const SYSTEM_NAMESPACE: &str = "pullpass-system";
const OVERLAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/overlays/cluster-wide");
/// Requests at once, when much is made.
const PARALLEL: usize = 50;
/// About the size of a service account's key of Google.
const PASSWORD: usize = 2_300;
/// Neither is there a webhook, nor a kubelet.
const LEFT_OUT: [&str; 3] =
    ["Deployment", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// The cluster.
pub struct Cluster {
    plane: ControlPlane,
    client: Client,
    /// Namespaces that are granted.
    pub namespaces: usize,
}

impl Cluster {
    /// Starts one with the default overlay and all entries, and no namespace that they grant.
    pub async fn start() -> Result<Self> {
        let plane = ControlPlane::start_without_controllers(control_plane::LOOPBACK)
            .await
            .map_err(|e| anyhow!(e))?;
        let client =
            control_plane::client(&plane.admin_kubeconfig()).await.map_err(|e| anyhow!(e))?;
        let cluster = Self { plane, client, namespaces: 0 };
        let rendered = cluster.kubectl(&["kustomize", OVERLAY], None).await?;
        let mut items: Vec<Value> = serde_saphyr::from_multiple(&rendered)
            .context("failed to read what kustomize wrote")?;
        items.retain(|object| LEFT_OUT.iter().all(|kind| object["kind"] != *kind));
        let config_map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "pullpass", "namespace": SYSTEM_NAMESPACE},
            "data": {"config.yaml": config()},
        });
        items.retain(|object| object["kind"] != "ConfigMap");
        items.push(config_map);
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let arguments = ["apply", "--server-side", "-f", "-"];
        cluster.kubectl(&arguments, Some(&list)).await?;
        cluster.write_certificate().await?;
        for entry in 0..ENTRIES {
            cluster.write_source(entry, 0).await?;
        }
        Ok(cluster)
    }

    /// The administrator's client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The folder of the data and the logs.
    pub fn folder(&self) -> &Path {
        self.plane.folder().path()
    }

    /// The audit log.
    pub fn audit_log(&self) -> PathBuf {
        self.plane.audit_log()
    }

    /// The version that the API server says it has.
    pub async fn version(&self) -> Result<String> {
        let version = self.client.apiserver_version().await.context("failed to get /version")?;
        Ok(version.git_version)
    }

    /// A kubeconfig of the controller's own ServiceAccount.
    pub async fn controllers_kubeconfig(&self) -> Result<PathBuf> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), SYSTEM_NAMESPACE);
        let spec = TokenRequestSpec {
            audiences: Some(vec!["https://kubernetes.default.svc".into()]),
            expiration_seconds: Some(86_400),
            ..Default::default()
        };
        let request = TokenRequest { spec: Some(spec), ..Default::default() };
        let name = "pullpass-controller";
        let made = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let made = made.context("failed to create a token of the controller's ServiceAccount")?;
        let token = made.status.and_then(|status| status.token).context("there is no token")?;
        Ok(self.plane.kubeconfig("controller", &token))
    }

    /// Writes the source of an entry, and gives the mark that every copy of it will have.
    pub async fn write_source(&self, entry: usize, version: usize) -> Result<String> {
        let content = docker_config(entry, version);
        let name = source(entry);
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": STANDARD.encode(&content)},
        });
        let secrets: Api<Secret> = Api::namespaced(self.client(), SYSTEM_NAMESPACE);
        let parameters = PatchParams::apply("administrator").force();
        let written = secrets.patch(&name, &parameters, &Patch::Apply(secret)).await;
        let written = written.with_context(|| format!("failed to write the source {name}"))?;
        Ok(content_mark(&written.uid().unwrap_or_default(), content.as_bytes()))
    }

    /// Makes so many further namespaces, many at once.
    pub async fn create_namespaces(&mut self, count: usize) -> Result<()> {
        let first = self.namespaces;
        self.namespaces += count;
        let made = stream::iter(first..first + count).map(|n| create(self.client(), namespace(n)));
        made.buffer_unordered(PARALLEL).try_collect::<Vec<_>>().await?;
        Ok(())
    }

    /// The name of the next namespace to be made.
    pub fn next_namespace(&mut self) -> String {
        self.namespaces += 1;
        namespace(self.namespaces - 1)
    }

    /// Spreads Secrets that are not ours over all namespaces.
    pub async fn create_bystanders(&self, count: usize) -> Result<()> {
        let made = stream::iter(0..count).map(|n| {
            let secrets: Api<Secret> =
                Api::namespaced(self.client(), &namespace(n % self.namespaces));
            let secret = json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": format!("bystander-{n}"), "labels": {"app": "bystander"}},
                "data": {"password": STANDARD.encode("x".repeat(1_000))},
            });
            async move {
                let secret: Secret = serde_json::from_value(secret)?;
                let made = secrets.create(&PostParams::default(), &secret).await;
                made.map(drop).with_context(|| format!("failed to create Secret {n} of others"))
            }
        });
        made.buffer_unordered(PARALLEL).try_collect::<Vec<_>>().await?;
        Ok(())
    }

    /// The webhook's certificate, which the controller would miss.
    async fn write_certificate(&self) -> Result<()> {
        let authority = Authority::new("bench");
        let leaf = authority.issue(&["pullpass-webhook.pullpass-system.svc"]);
        let secret = tls_secret(&leaf, &authority);
        self.kubectl(&["apply", "--server-side", "-f", "-"], Some(&secret.to_string())).await?;
        Ok(())
    }

    async fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> Result<String> {
        let admin = self.plane.admin_kubeconfig();
        let output = kubectl::run(self.folder(), &admin, arguments, input).await;
        ensure!(output.success, "kubectl {arguments:?} failed: {}", output.stderr);
        Ok(output.stdout)
    }
}

/// Makes one namespace.
pub async fn create(client: Client, name: String) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(client);
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(name.clone());
    let made = namespaces.create(&PostParams::default(), &namespace).await;
    made.map(drop).with_context(|| format!("failed to create the namespace {name}"))
}

fn namespace(number: usize) -> String {
    format!("team-{number:05}")
}

fn source(entry: usize) -> String {
    format!("registry-{entry}")
}

fn config() -> String {
    let entries = (0..ENTRIES).map(|n| {
        let name = source(n);
        format!(
            "- {{name: {name}, images: [\"{name}.example/*\"], namespaces: {{names: [\"team-*\"]}}, source: {{secret: {name}}}}}\n"
        )
    });
    let head = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n";
    format!("{head}{}", entries.collect::<String>())
}

fn docker_config(entry: usize, version: usize) -> String {
    let password = format!("{version:0>PASSWORD$}");
    let auth = STANDARD.encode(format!("_json_key:{password}"));
    json!({"auths": {format!("{}.example", source(entry)): {"auth": auth}}}).to_string()
}
