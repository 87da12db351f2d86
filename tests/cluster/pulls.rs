//! Copies really open a registry: what skopeo pulls with is the very content of the Secret in the
//! namespace.

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use serde_json::json;

use crate::{
    copying::{Copying, data, docker_config},
    docker_config::USER,
    eventually::eventually,
    managed::SOON,
    namespace::Namespace,
    registry::Registry,
};

const PASSWORD: &str = "first password";

/// A controller that copies, a registry that it is for, and a namespace that is granted.
struct Pulls {
    copying: Copying,
    registry: Registry,
    namespace: Namespace,
}

#[tokio::test]
async fn the_copy_opens_the_registry_and_nothing_else_does() {
    let pulls = Pulls::begin().await;
    pulls.source_by_kubectl().await;

    let copy = pulls.copy().await;

    pulls.registry.pull(data(&copy)).unwrap_or_else(|error| panic!("with the copy: {error}"));
    for other in [
        "{}".to_owned(),
        docker_config(&pulls.registry.host(), "wrong password"),
        docker_config("127.0.0.1:1", PASSWORD),
    ] {
        pulls.registry.refuses(other.as_bytes());
    }
    pulls.finds(0.0).await;
}

#[tokio::test]
async fn a_dockercfg_is_converted_and_opens_it_as_well() {
    let pulls = Pulls::begin().await;
    let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let docker_cfg = json!({pulls.registry.host(): {"auth": auth, "email": "a@example.com"}});
    let source = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "source", "namespace": "pullpass-system"},
        "type": "kubernetes.io/dockercfg",
        "stringData": {".dockercfg": docker_cfg.to_string()},
    });
    pulls.copying.cluster.apply(&source).await;

    let copy = pulls.copy().await;

    assert_eq!(copy.type_.as_deref(), Some("kubernetes.io/dockerconfigjson"));
    pulls.registry.pull(data(&copy)).unwrap_or_else(|error| panic!("with the copy: {error}"));
    pulls.registry.refuses(docker_cfg.to_string().as_bytes());
    pulls.finds(0.0).await;
}

#[tokio::test]
async fn after_a_rotation_the_same_copy_opens_it_again() {
    let pulls = Pulls::begin().await;
    pulls.source_by_kubectl().await;
    let before = pulls.copy().await;
    pulls.registry.pull(data(&before)).unwrap_or_else(|error| panic!("before: {error}"));

    pulls.registry.change_password("second password");
    pulls.registry.refuses(data(&before));
    let next = docker_config(&pulls.registry.host(), "second password");
    pulls.copying.source("source", &next).await;
    let after = pulls.copying.copied(&pulls.namespace.name, "pull", &next).await;

    assert_eq!(after.uid(), before.uid());
    pulls.registry.pull(data(&after)).unwrap_or_else(|error| panic!("after: {error}"));
    pulls.registry.refuses(data(&before));
}

#[tokio::test]
async fn the_registry_ends_with_its_test() {
    let registry = Registry::start(PASSWORD).await;
    let (host, folder) = (registry.host(), registry.folder().to_path_buf());
    let config = docker_config(&host, PASSWORD);
    registry.pull(config.as_bytes()).unwrap_or_else(|error| panic!("while it runs: {error}"));

    let panicked = tokio::spawn(async move {
        let _registry = registry;
        panic!("as a test that fails does");
    });

    assert!(panicked.await.unwrap_err().is_panic());
    let error = tokio::net::TcpStream::connect(&host).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(!folder.exists(), "{} is left", folder.display());
}

impl Pulls {
    /// The source is still missing, and that has been found.
    async fn begin() -> Self {
        let registry = Registry::start(PASSWORD).await;
        let config = format!(
            "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- name: entry\n  images: ['{}/*']\n  \
             namespaces: {{names: ['team-*']}}\n  pullSecrets: [pull]\n  source: {{secret: source}}\n",
            registry.host()
        );
        let copying = Copying::start(&config).await;
        let namespace = copying.cluster.namespace("team").create_at_once().await;
        let pulls = Self { copying, registry, namespace };
        pulls.finds(1.0).await;
        pulls
    }

    /// Makes the source as an administrator does.
    async fn source_by_kubectl(&self) {
        let server = format!("--docker-server={}", self.registry.host());
        let (user, password) =
            (format!("--docker-username={USER}"), format!("--docker-password={PASSWORD}"));
        let create = ["create", "secret", "docker-registry", "source", "-n", "pullpass-system"];
        let create = [&create[..], &[&server, &user, &password]].concat();
        self.copying.cluster.kubectl(&create, None).await.expect_success();
    }

    /// Waits for the copy.
    async fn copy(&self) -> Secret {
        let secrets = self.copying.secrets(&self.namespace.name);
        eventually("the copy", SOON, async || {
            let found = secrets.get_opt("pull").await.map_err(|error| error.to_string())?;
            found.ok_or_else(|| self.copying.controller.log())
        })
        .await
    }

    /// Waits until so much is found wrong with the source.
    async fn finds(&self, count: f64) {
        let controller = &self.copying.controller;
        eventually(&format!("{count} findings about the source"), SOON, async || {
            let findings = controller.metric("pullpass_source_findings").await;
            (findings == Some(count)).then_some(()).ok_or_else(|| controller.log())
        })
        .await;
    }
}
