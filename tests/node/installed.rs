//! Pullpass on the node: its own image, and the default overlay as it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    containerd::import,
    docker_config::docker_config,
    eventually::eventually,
    kubectl,
    node::{HOST, Node, PASSWORD},
};

/// The namespace of Pullpass itself.
pub const SYSTEM_NAMESPACE: &str = "pullpass-system";
/// Both Deployments.
pub const DEPLOYMENTS: [&str; 2] = ["pullpass-controller", "pullpass-webhook"];
/// The overlay that is installed.
pub const OVERLAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/overlays/cluster-wide");
/// By when something is seen that takes no image to be pulled.
pub const SOON: Duration = Duration::from_secs(30);
/// By when what was restarted is Ready.
const READY: Duration = Duration::from_mins(3);

/// What the table grants. The registry knows one password: what sets the entries apart are their sources.
const CONFIG: &str = "\
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: team
    images: [registry.example.com/team/*]
    namespaces: {names: [granted-*, team-a]}
    source: {secret: team}
  - name: corrected
    images: [registry.example.com/corrected/*]
    namespaces: {names: [corrected-*]}
    source: {secret: corrected}
  - name: made
    images: [registry.example.com/made/*]
    namespaces: {names: [made-*]}
    source:
      basic:
        registry: registry.example.com
        username: user
        passwordFrom: {secret: robot, key: token}
";

impl Node {
    /// Puts the image of Pullpass on the node, and applies the default overlay: what a person does. The
    /// Deployments are then still starting.
    pub async fn install(&self, image: &Path) {
        import(&self.namespaces, image);
        self.kubectl(&["apply", "-k", OVERLAY], None).await.expect_success();
    }

    /// Waits until both Deployments have all their replicas Ready, of the newest generation.
    pub async fn deployments_are_ready(&self) {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), SYSTEM_NAMESPACE);
        for name in DEPLOYMENTS {
            eventually(&format!("Deployment {name} to be Ready"), READY, async || {
                let found = deployments.get(name).await.map_err(|error| error.to_string())?;
                let wanted = found.spec.replicas;
                let generation = found.metadata.generation;
                let status = found.status.unwrap_or_default();
                let is_ready = wanted.is_some()
                    && status.observed_generation == generation
                    && [status.replicas, status.updated_replicas, status.ready_replicas]
                        .iter()
                        .all(|it| it.unwrap_or(0) == wanted.unwrap_or(0));
                is_ready.then_some(()).ok_or_else(|| format!("{status:?}"))
            })
            .await;
        }
    }

    /// Installs Pullpass with the table of the tests, and waits until that is in force.
    pub async fn with_pullpass(self, image: &Path) -> Self {
        self.install(image).await;
        self.deployments_are_ready().await;
        self.source("team", PASSWORD).await;
        self.source("corrected", "wrong password").await;
        self.configure(CONFIG).await;
        self.namespace("granted-canary", &[]).await;
        let image = format!("{HOST}/team/canary:1");
        eventually("the table to be in force", SOON, async || {
            let secrets = self.would_add("granted-canary", &image).await?;
            (secrets == ["team"]).then_some(()).ok_or(format!("pull secrets: {secrets:?}"))
        })
        .await;
        self
    }

    /// Makes this the configuration.
    pub async fn configure(&self, config: &str) {
        self.apply(&json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "pullpass", "namespace": SYSTEM_NAMESPACE},
            "data": {"config.yaml": config},
        }))
        .await;
    }

    /// Makes a source that has this password for the registry, or changes it to that.
    pub async fn source(&self, name: &str, password: &str) {
        self.apply(&json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": name, "namespace": SYSTEM_NAMESPACE},
            "stringData": {".dockerconfigjson": docker_config(HOST, password)},
        }))
        .await;
    }

    /// Applies one object, as an administrator's server-side apply does.
    pub async fn apply(&self, object: &Value) {
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.kubectl(&arguments, Some(&object.to_string())).await.expect_success();
    }

    /// The pull secrets that a new Pod would have in a namespace, by a dry run.
    pub async fn would_add(&self, namespace: &str, image: &str) -> Result<Vec<String>, String> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"generateName": "would-"},
            "spec": {"containers": [{"name": "app", "image": image}]},
        }))
        .expect("it is a Pod");
        let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
        let params = PostParams { dry_run: true, ..Default::default() };
        let made = pods.create(&params, &pod).await.map_err(|error| error.to_string())?;
        Ok(pull_secrets(&made))
    }

    /// The Pods of one of the Deployments that are not ending.
    pub async fn pods_of(&self, component: &str) -> Vec<Pod> {
        let pods: Api<Pod> = Api::namespaced(self.client(), SYSTEM_NAMESPACE);
        let labels = format!("app.kubernetes.io/component={component}");
        let found = pods.list(&ListParams::default().labels(&labels)).await;
        let mut found = found.expect("Pods are listed").items;
        found.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        found
    }

    /// Runs kubectl as the administrator, with `input` on its stdin.
    pub async fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> kubectl::Output {
        kubectl::run(self.folder(), &self.plane.admin_kubeconfig(), arguments, input).await
    }

    /// Runs pullpass as the administrator.
    pub fn pullpass(&self, arguments: &[&str]) -> kubectl::Output {
        let output = Command::new(env!("CARGO_BIN_EXE_pullpass"))
            .args(arguments)
            .env("KUBECONFIG", self.plane.admin_kubeconfig())
            .output()
            .expect("pullpass runs");
        kubectl::Output {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            success: output.status.success(),
        }
    }
}

/// The names of a Pod's pull secrets.
pub fn pull_secrets(pod: &Pod) -> Vec<String> {
    let spec = pod.spec.as_ref();
    let secrets = spec.and_then(|spec| spec.image_pull_secrets.as_ref()).into_iter().flatten();
    secrets.map(|secret| secret.name.clone()).collect()
}

/// The archive of the image, which is built if its sources have changed.
pub fn image() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/image/build");
    let output = Command::new(script).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {script}: {error}"));
    assert!(output.status.success(), "{script} failed, and said why on stderr");
    let path = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    assert!(fs::exists(&path).is_ok_and(|is| is), "{script}: there is no {path}");
    Path::new(&path).to_path_buf()
}
