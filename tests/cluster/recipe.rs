//! A recipe of docs/recipes.md, a walk of docs/migration.md, or a page of docs/registries, followed block by
//! block by an administrator in whose cluster Pullpass is at work.

use std::fs;

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, ServiceAccount};
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    cluster::Cluster,
    controller::ControllerProcess,
    copying::data,
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    managed::SOON,
    manifests::{OWN_OVERLAY, workplace},
    pods::pull_secrets,
    shell,
    webhook::WebhookProcess,
};

const RECIPES: &str = include_str!("../../docs/recipes.md");
const MIGRATION: &str = include_str!("../../docs/migration.md");
const APPLY: &str = "kubectl apply -k my-cluster";

/// What the recipe leaves to the reader: variables of the environment, and files.
pub type Given<'a> = &'a [(&'a str, &'a str)];

/// A recipe that was followed to its end.
pub struct Recipe {
    cluster: Cluster,
    webhook: WebhookProcess,
    controller: ControllerProcess,
    folder: TempDir,
    _service: Forwarder,
}

/// A fenced block.
#[derive(Debug)]
enum Block {
    /// A file, by the name in its first line.
    File { name: String, content: String },
    /// Commands, and what they print where that is shown.
    Commands { commands: String, shown: Option<String> },
}

impl Recipe {
    /// Follows the recipe under a heading.
    pub async fn follow(heading: &str, variables: Given<'_>, files: Given<'_>) -> Self {
        Self::follow_blocks(blocks(RECIPES, heading), variables, files).await
    }

    /// Follows the walk under a heading of docs/migration.md.
    pub async fn migrate(heading: &str, variables: Given<'_>) -> Self {
        Self::follow_blocks(blocks(MIGRATION, heading), variables, &[]).await
    }

    /// Follows what stands under a heading of this page.
    pub async fn page(page: &str, heading: &str, variables: Given<'_>) -> Self {
        Self::follow_blocks(blocks(page, heading), variables, &[]).await
    }

    /// Goes on with the commands under another heading, if there are any.
    pub async fn goes_on(&self, page: &str, heading: &str) {
        self.each(fenced(section(page, heading)), &[]).await;
    }

    async fn follow_blocks(blocks: Vec<Block>, variables: Given<'_>, files: Given<'_>) -> Self {
        let recipe = Self::begin().await;
        for (name, content) in files {
            recipe.write(name, content);
        }
        recipe.each(blocks, variables).await;
        recipe
    }

    async fn each(&self, blocks: Vec<Block>, variables: Given<'_>) {
        for block in blocks {
            match block {
                Block::File { name, content } => self.write(&name, &content),
                Block::Commands { commands, shown: None } => self.run(variables, &commands).await,
                Block::Commands { commands, shown: Some(shown) } => {
                    self.shows(&commands, &shown).await;
                }
            }
        }
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content)
            .unwrap_or_else(|error| panic!("writing {name}: {error}"));
    }

    /// The default overlay, with a webhook and a controller at work.
    async fn begin() -> Self {
        let cluster = Cluster::exclusive().await;
        let service = Forwarder::to(&[]).await;
        let folder = workplace();
        fs::write(folder.path().join(OWN_OVERLAY), overlay(service.port()))
            .expect("the overlay is written");
        let applied = shell::run(&cluster, folder.path(), &[], APPLY).await;
        assert!(applied.success, "{APPLY}: {applied:?}");
        let mut webhook = cluster.managed_webhook().await.spawn();
        service.direct_to(&[webhook.port()]);
        let own = cluster.controllers_kubeconfig().await;
        let controller = cluster.controller().kubeconfig(&own);
        let controller = controller.argument("--certificate-name=127.0.0.1").start().await;
        cluster.steady().await;
        webhook.becomes_ready().await;
        Self { cluster, webhook, controller, folder, _service: service }
    }

    async fn run(&self, variables: Given<'_>, commands: &str) {
        self.service_accounts_are_there().await;
        let before = self.configurations_taken().await;
        let output = shell::run(&self.cluster, self.folder.path(), variables, commands).await;
        assert!(output.success, "{commands}\n{output:?}");
        if commands.contains(APPLY) {
            eventually("the webhook to take the configuration", SOON, async || {
                self.configurations_taken().await > before
            })
            .await;
        }
    }

    /// Waits until commands that only look print what the recipe shows.
    async fn shows(&self, commands: &str, shown: &str) {
        eventually(&format!("`{commands}` to print what is shown"), SOON, async || {
            let output = shell::run(&self.cluster, self.folder.path(), &[], commands).await;
            let is_so = output.success && output.stdout == shown;
            is_so.then_some(()).ok_or_else(|| format!("{output:#?} {}", self.controller.log()))
        })
        .await;
    }

    async fn configurations_taken(&self) -> f64 {
        let taken = self.webhook.metric("pullpass_config_loads_total{result=\"applied\"}").await;
        taken.unwrap_or_default()
    }

    /// No Pod is taken before.
    async fn service_accounts_are_there(&self) {
        let namespaces: Api<Namespace> = Api::all(self.cluster.client());
        let accounts: Api<ServiceAccount> = Api::all(self.cluster.client());
        let every = ListParams::default();
        eventually("a ServiceAccount in every namespace", SOON, async || {
            let found = accounts.list(&every).await.map_err(|error| error.to_string())?;
            let have: Vec<_> = found.iter().filter_map(ResourceExt::namespace).collect();
            let found = namespaces.list(&every).await.map_err(|error| error.to_string())?;
            let there = found.iter().filter(|found| found.metadata.deletion_timestamp.is_none());
            let missing: Vec<_> =
                there.map(ResourceExt::name_any).filter(|name| !have.contains(name)).collect();
            missing.is_empty().then_some(()).ok_or_else(|| format!("none in {missing:?}"))
        })
        .await;
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The names of the pull secrets of each Pod in a namespace, in the order of the Pods' names.
    pub async fn pull_secrets_in(&self, namespace: &str) -> Vec<Vec<String>> {
        let pods: Api<Pod> = Api::namespaced(self.cluster.client(), namespace);
        let found = pods.list(&ListParams::default()).await;
        let found = found.unwrap_or_else(|error| panic!("the Pods of {namespace}: {error}"));
        found.iter().map(pull_secrets).collect()
    }

    /// The names of the Secrets in a namespace.
    pub async fn secrets_in(&self, namespace: &str) -> Vec<String> {
        let secrets: Api<Secret> = Api::namespaced(self.cluster.client(), namespace);
        let found = secrets.list(&ListParams::default()).await;
        let found = found.unwrap_or_else(|error| panic!("the Secrets of {namespace}: {error}"));
        found.iter().map(ResourceExt::name_any).collect()
    }

    /// Waits until a pull secret of a namespace holds this credential of this registry, as the kubelet
    /// reads it, and no other.
    pub async fn has(&self, namespace: &str, name: &str, registry: &str, credential: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.cluster.client(), namespace);
        let expected = [(registry.to_owned(), credential.to_owned())];
        eventually(&format!("the credential in {namespace}/{name}"), SOON, async || {
            let found = secrets.get(name).await.map_err(|error| error.to_string())?;
            let is_pull_secret = found.type_.as_deref() == Some("kubernetes.io/dockerconfigjson");
            let is_so = is_pull_secret && credentials(&found)? == expected;
            is_so.then_some(()).ok_or_else(|| format!("{found:?} {}", self.controller.log()))
        })
        .await;
    }

    /// What `pullpass status` prints, with its exit code as success.
    pub async fn status(&self) -> (String, bool) {
        let output = shell::run(&self.cluster, self.folder.path(), &[], "pullpass status").await;
        (output.stdout, output.success)
    }

    /// Takes all grants back, and waits until no copy is left in any namespace.
    pub async fn withdraw(self) {
        let none = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n\
                    - {name: none, images: [registry.example.com/none]}\n";
        self.cluster.configure(none).await.expect_success();
        self.shows("kubectl get secrets -A -l pullpass.io/copy=true -o name", "").await;
    }
}

/// Each registry of a pull secret, and user name and password for it.
fn credentials(secret: &Secret) -> Result<Vec<(String, String)>, String> {
    let config: Value = serde_json::from_slice(data(secret)).map_err(|error| error.to_string())?;
    let auths = config["auths"].as_object().into_iter().flatten();
    let credential = |(registry, entry): (&String, &Value)| {
        let auth = STANDARD.decode(entry["auth"].as_str().unwrap_or_default());
        let auth = auth.map_err(|error| format!("{registry}: {error}"))?;
        Ok((registry.clone(), String::from_utf8_lossy(&auth).into_owned()))
    };
    auths.map(credential).collect()
}

/// An overlay as docs/operations.md has it, whose webhook configurations lead to this port of the
/// machine. The test runs the processes of the Deployments.
fn overlay(port: u16) -> String {
    let directed = |kind: &str, path: &str| {
        format!(
            "  - target: {{kind: {kind}}}\n    patch: |-\n      - op: replace\n        path: /webhooks/0/clientConfig\n        \
             value: {{url: 'https://127.0.0.1:{port}{path}'}}\n"
        )
    };
    format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
         resources: [../pullpass/deploy/overlays/cluster-wide]\n\
         configMapGenerator:\n  - name: pullpass\n    namespace: pullpass-system\n    behavior: replace\n    \
         files: [config.yaml]\n\
         patches:\n  - target: {{kind: Deployment}}\n    patch: |-\n      $patch: delete\n      \
         apiVersion: apps/v1\n      kind: Deployment\n      metadata: {{name: any}}\n{}{}",
        directed("MutatingWebhookConfiguration", "/mutate"),
        directed("ValidatingWebhookConfiguration", "/validate-config"),
    )
}

/// The fenced blocks under a heading, in their order.
fn blocks(document: &str, heading: &str) -> Vec<Block> {
    let blocks = fenced(section(document, heading));
    assert!(!blocks.is_empty(), "no blocks under `{heading}`");
    blocks
}

/// What stands under a heading.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let begin = document.split_once(&format!("\n## {heading}\n"));
    let (_, rest) = begin.unwrap_or_else(|| panic!("there is no `{heading}`"));
    rest.split("\n## ").next().unwrap_or(rest)
}

fn fenced(section: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut parts = section.split("```");
    // Text and fenced blocks take turns.
    while let (Some(_text), Some(fenced)) = (parts.next(), parts.next()) {
        let (language, content) = fenced.split_once('\n').unwrap_or((fenced, ""));
        match (language, blocks.last_mut()) {
            ("yaml", _) => {
                let name = content.lines().next().and_then(|line| line.strip_prefix("# "));
                let name = name.unwrap_or_else(|| panic!("a file without a name: {content}"));
                blocks.push(Block::File { name: name.to_owned(), content: content.to_owned() });
            }
            ("sh", _) => {
                blocks.push(Block::Commands { commands: content.to_owned(), shown: None });
            }
            ("", Some(Block::Commands { shown: shown @ None, .. })) => {
                *shown = Some(content.to_owned());
            }
            _ => panic!("what is this block for? {fenced}"),
        }
    }
    blocks
}
