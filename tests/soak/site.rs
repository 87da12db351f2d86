//! A cluster with the default overlay, and the webhook in front of it as its Deployment runs it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Namespace, Secret, ServiceAccount},
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    connection::Target,
    control_plane::{self, ControlPlane},
    eventually::eventually,
    kubectl,
    pki::{Authority, Leaf, tls_secret},
    plain_http, ports,
    process::Process,
    reviews::{ENTRIES, FREE, PAID},
    supervised::{Program, Supervised},
};

const SYSTEM_NAMESPACE: &str = "pullpass-system";
const OVERLAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/overlays/cluster-wide");
const NAMES: [&str; 2] = ["127.0.0.1", "pullpass-webhook.pullpass-system.svc"];
const START: Duration = Duration::from_secs(30);
/// There is no kubelet, and the API server need not be slowed down by the webhook under load. The
/// configuration is our own.
const LEFT_OUT: [&str; 4] =
    ["Deployment", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ConfigMap"];

/// The running webhook and its cluster.
pub struct Site {
    plane: ControlPlane,
    client: Client,
    authority: Authority,
    webhook: Supervised,
    admin_port: u16,
    /// Where its clients connect.
    pub target: Target,
    /// What the kernel knows of it.
    pub process: Process,
}

impl Site {
    /// Starts the cluster, and in it this program.
    pub async fn start(binary: &Path) -> Result<Self> {
        raise_open_files()?;
        let plane = ControlPlane::start(control_plane::LOOPBACK).await.map_err(|e| anyhow!(e))?;
        let admin = plane.admin_kubeconfig();
        let client = control_plane::client(&admin).await.map_err(|e| anyhow!(e))?;
        install(&plane).await?;
        let authority = Authority::new("soak");
        let kubeconfig = own_kubeconfig(&plane, &client).await?;
        let (port, admin_port) = (ports::free(), ports::free());
        let admin_listen = format!("--admin-listen=127.0.0.1:{admin_port}");
        let command = vec![
            binary.into(),
            "webhook".into(),
            format!("--config-map={SYSTEM_NAMESPACE}/pullpass").into(),
            format!("--tls-secret={SYSTEM_NAMESPACE}/pullpass-tls").into(),
            format!("--server-name={}", NAMES[1]).into(),
            format!("--listen=127.0.0.1:{port}").into(),
            admin_listen.clone().into(),
            "--log-format=json".into(),
            format!("--kubeconfig={}", kubeconfig.display()).into(),
        ];
        let folder = plane.folder().path();
        let (log, scratch) = (folder.join("webhook.log"), folder.join("webhook"));
        let environment = vec![];
        let program = Program { command, environment, log, scratch, ..Program::default() };
        let target = Target::new(port, &authority);
        let site = Self {
            webhook: Supervised::start(&program),
            process: Process::known_by(&admin_listen),
            plane,
            client,
            authority,
            admin_port,
            target,
        };
        site.namespace(PAID, Some("paid")).await?;
        site.namespace(FREE, None).await?;
        site.configure(&config("first")).await?;
        site.write_certificate(&site.issue()).await?;
        eventually("the webhook to be ready", START, async || {
            let answer = plain_http::get(admin_port, "/readyz").await?;
            let is_ready = answer.status == 200;
            is_ready.then_some(()).ok_or_else(|| format!("{answer:?}; {}", site.webhook.log_tail()))
        })
        .await;
        Ok(site)
    }

    /// The file of its log.
    pub fn log_file(&self) -> PathBuf {
        self.plane.folder().path().join("webhook.log")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The status of a path at its admin port.
    pub async fn status(&self, path: &str) -> Result<u16, String> {
        Ok(plain_http::get(self.admin_port, path).await?.status)
    }

    /// The value of one sample of `/metrics`, named as it is written there.
    pub async fn metric(&self, sample: &str) -> Result<f64, String> {
        let metrics = plain_http::get(self.admin_port, "/metrics").await?.body;
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        let value = value.and_then(|value| value.parse().ok());
        value.ok_or_else(|| format!("there is no {sample} in /metrics"))
    }

    /// A new certificate of the same authority.
    pub fn issue(&self) -> Leaf {
        self.authority.issue(&NAMES)
    }

    /// Puts a certificate into the Secret that the webhook serves from.
    pub async fn write_certificate(&self, leaf: &Leaf) -> Result<()> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE);
        apply(&secrets, "pullpass-tls", tls_secret(leaf, &self.authority)).await
    }

    /// Makes this the configuration.
    pub async fn configure(&self, yaml: &str) -> Result<()> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE);
        let map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "pullpass"},
            "data": {"config.yaml": yaml},
        });
        apply(&maps, "pullpass", map).await
    }

    /// Makes a namespace with this value of the label `tier`, or changes it to that.
    pub async fn namespace(&self, name: &str, tier: Option<&str>) -> Result<()> {
        let labels = tier.map_or_else(|| json!({}), |tier| json!({"tier": tier}));
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": labels},
        });
        apply(&Api::<Namespace>::all(self.client.clone()), name, namespace).await
    }

    /// Begins to delete a namespace.
    pub async fn delete_namespace(&self, name: &str) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let deleted = namespaces.delete(name, &DeleteParams::default()).await;
        deleted.map(drop).with_context(|| format!("failed to delete namespace {name}"))
    }
}

/// A configuration under which the reviews get what they are due: a thousand entries, of which those of
/// a version have it in their names.
pub fn config(version: &str) -> String {
    let others = (0..1_000).map(|n| {
        format!("- {{name: other-{version}-{n}, images: [\"registry-{n}.example/{version}/*\"]}}\n")
    });
    let head = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n";
    format!("{head}{ENTRIES}{}", others.collect::<String>())
}

/// One that is refused.
pub fn broken_config(version: &str) -> String {
    format!("{}- {{nmae: oops}}\n", config(version))
}

async fn apply<K>(api: &Api<K>, name: &str, object: Value) -> Result<()>
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let parameters = PatchParams::apply("administrator").force();
    let written = api.patch(name, &parameters, &Patch::Apply(object)).await;
    written.map(drop).with_context(|| format!("failed to write {name}"))
}

async fn install(plane: &ControlPlane) -> Result<()> {
    let rendered = run_kubectl(plane, &["kustomize", OVERLAY], None).await?;
    let mut items: Vec<Value> =
        serde_saphyr::from_multiple(&rendered).context("failed to read what kustomize wrote")?;
    items.retain(|object| LEFT_OUT.iter().all(|kind| object["kind"] != *kind));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    run_kubectl(plane, &["apply", "--server-side", "-f", "-"], Some(&list)).await?;
    Ok(())
}

async fn run_kubectl(
    plane: &ControlPlane,
    arguments: &[&str],
    input: Option<&str>,
) -> Result<String> {
    let admin = plane.admin_kubeconfig();
    let output = kubectl::run(plane.folder().path(), &admin, arguments, input).await;
    ensure!(output.success, "kubectl {arguments:?} failed: {}", output.stderr);
    Ok(output.stdout)
}

/// The kubeconfig of the webhook's own ServiceAccount: it has no right but its own.
async fn own_kubeconfig(plane: &ControlPlane, client: &Client) -> Result<PathBuf> {
    let name = "pullpass-webhook";
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let spec = TokenRequestSpec {
        audiences: Some(vec!["https://kubernetes.default.svc".into()]),
        expiration_seconds: Some(86_400),
        ..Default::default()
    };
    let request = TokenRequest { spec: Some(spec), ..Default::default() };
    let made = accounts.create_token_request(name, &PostParams::default(), &request).await;
    let made = made.context("failed to create a token of the webhook's ServiceAccount")?;
    let token = made.status.and_then(|status| status.token).context("there is no token")?;
    Ok(plane.kubeconfig("webhook", &token))
}

/// Both sides of more than a thousand connections are open here.
fn raise_open_files() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("failed to raise the limit of open files")?;
    let is_enough = limit.current.is_none_or(|limit| limit >= 16_384);
    ensure!(is_enough, "the soak needs 16384 open files; raise `ulimit -Hn`");
    Ok(())
}
