//! Work for Pullpass: namespaces that get copies, and Pods to decide on.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::{
    Api, Client, Resource,
    api::{ListParams, PostParams},
    core::PartialObjectMeta,
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    docker_config::docker_config,
    eventually::eventually,
    installed::SOON,
    node::{HOST, Node, PASSWORD},
    options::Options,
};

/// The entry that it grants, and its pull secret.
pub const ENTRY: &str = "team";
const CONFIG: &str = "\
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: team
    images: [registry.example.com/team/*]
    namespaces: {names: [team-*]}
    source: {secret: team}
";
const DONE: Duration = Duration::from_mins(2);
/// Requests at once.
const PARALLEL: usize = 20;

impl Node {
    /// Puts a pull secret of the registry into a namespace, by hand.
    pub async fn pull_secret(&self, namespace: &str, name: &str) {
        self.apply(&json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": {".dockerconfigjson": docker_config(HOST, PASSWORD)},
        }))
        .await;
    }

    /// Makes this the table: an entry with a source, for all namespaces of teams.
    pub async fn grant_teams(&self) {
        self.source(ENTRY, PASSWORD).await;
        self.configure(CONFIG).await;
        self.namespace("team-canary", &[]).await;
        let image = format!("{HOST}/team/canary:1");
        eventually("the table to be in force", SOON, async || {
            let secrets = self.would_add("team-canary", &image).await?;
            (secrets == [ENTRY]).then_some(()).ok_or(format!("pull secrets: {secrets:?}"))
        })
        .await;
    }
}

/// Makes namespaces, waits until each has its copy, and asks for Pods in them.
pub async fn work(node: &Node, options: &Options) -> Result<()> {
    let count = options.namespaces;
    let made = stream::iter(0..count).map(|number| create(node.client(), namespace(number)));
    made.buffer_unordered(PARALLEL).try_collect::<Vec<_>>().await?;
    let copies = ListParams::default().labels("pullpass.io/copy=true");
    has(node, &format!("a copy in each of {count} namespaces"), &copies, count, of::<Secret>).await;
    let accounts = ListParams::default().fields("metadata.name=default");
    has(node, "the ServiceAccounts", &accounts, count, of::<ServiceAccount>).await;
    let image = format!("{HOST}/team/app:1");
    let asked = stream::iter(0..options.pods).map(async |number| {
        let namespace = namespace(number % count);
        let secrets = node.would_add(&namespace, &image).await.map_err(|error| anyhow!(error))?;
        ensure!(secrets == [ENTRY], "a Pod in {namespace} has the pull secrets {secrets:?}");
        Ok(())
    });
    asked.buffer_unordered(PARALLEL).try_collect::<Vec<_>>().await.map(drop)
}

async fn has<F: Future<Output = kube::Result<usize>>>(
    node: &Node,
    what: &str,
    which: &ListParams,
    count: usize,
    counted: impl Fn(Client, ListParams) -> F,
) {
    eventually(what, DONE, async || {
        let found = counted(node.client(), which.clone()).await.map_err(|it| it.to_string())?;
        // Other namespaces have them too.
        (found > count).then_some(()).ok_or_else(|| format!("there are {found}"))
    })
    .await;
}

async fn of<K>(client: Client, which: ListParams) -> kube::Result<usize>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let all: Api<PartialObjectMeta<K>> = Api::all(client);
    Ok(all.list_metadata(&which).await?.items.len())
}

async fn create(client: Client, name: String) -> Result<()> {
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(name.clone());
    let made = Api::all(client).create(&PostParams::default(), &namespace).await;
    made.map(drop).with_context(|| format!("failed to create the namespace {name}"))
}

fn namespace(number: usize) -> String {
    format!("team-{number:03}")
}
