//! Namespaces of the cluster, with rules that need their labels.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, api::PostParams};

use super::{Axis, in_order};
use crate::{
    asked,
    bench::Bench,
    control_plane::{self, ControlPlane},
    cost::{self, CONNECTIONS},
    cpu::Cores,
    fixtures::Shape,
    members::Member,
    server::{Server, Setup},
    tables::{Kind, Table, labels, namespace},
};

/// All rules need the labels.
pub const BY_LABELS: Table = Table { kind: Kind::Mixed, rules: 1_000, by_labels: true };
/// What all others are compared with.
pub const FEW: usize = 10;
/// So that no cache has the few namespaces that are asked for.
const REVIEWS: usize = 500;
/// Requests at once.
const PARALLEL: usize = 32;

/// A real API server with namespaces.
pub struct Cluster {
    plane: ControlPlane,
    client: Client,
    namespaces: usize,
}

impl Cluster {
    /// Starts one without namespaces of teams.
    pub async fn start() -> Result<Self> {
        let plane = ControlPlane::start_without_controllers(control_plane::LOOPBACK).await;
        let plane = plane.map_err(|error| anyhow!(error))?;
        let client = control_plane::client(&plane.admin_kubeconfig()).await;
        Ok(Self { client: client.map_err(|error| anyhow!(error))?, plane, namespaces: 0 })
    }

    /// Makes namespaces until there are that many.
    pub async fn grow_to(&mut self, namespaces: usize) -> Result<()> {
        let new = self.namespaces..namespaces;
        let made = stream::iter(new).map(|number| create(self.client.clone(), number));
        made.buffer_unordered(PARALLEL).try_collect::<Vec<_>>().await?;
        self.namespaces = self.namespaces.max(namespaces);
        Ok(())
    }

    /// Whose user may list them.
    pub fn kubeconfig(&self) -> PathBuf {
        self.plane.admin_kubeconfig()
    }

    /// The version that the API server says it has.
    pub async fn version(&self) -> Result<String> {
        let version = self.client.apiserver_version().await.context("failed to get /version")?;
        Ok(version.git_version)
    }
}

async fn create(client: Client, number: usize) -> Result<()> {
    let mut new = Namespace::default();
    let name = namespace(number);
    let of_pairs = labels(number).into_iter().map(|(key, value)| (key.to_owned(), value));
    new.metadata.labels = Some(of_pairs.collect());
    new.metadata.name = Some(name.clone());
    let made = Api::all(client).create(&PostParams::default(), &new).await;
    made.map(drop).with_context(|| format!("failed to create the namespace {name}"))
}

/// The costs by the number of namespaces, each with that at [`FEW`] in the same round.
#[derive(Debug, Default)]
pub struct Seen {
    pub many: Axis<usize>,
    pub few: Axis<usize>,
}

/// Measures it. A second cluster keeps [`FEW`] namespaces, so that both take turns.
pub async fn measure(bench: &Bench, cluster: &mut Cluster) -> Result<Seen> {
    let mut small = Cluster::start().await?;
    small.grow_to(FEW).await?;
    let mut seen = Seen::default();
    for &namespaces in &bench.options.namespaces {
        cluster.grow_to(namespaces).await?;
        for round in 0..bench.options.axis_rounds {
            let both = vec![(FEW, small.kubeconfig()), (namespaces, cluster.kubeconfig())];
            for (count, kubeconfig) in in_order(both, round) {
                let each = of_one(bench, &kubeconfig, count).await?;
                eprintln!("{count} namespaces: {each:.1} us");
                let of = if count == FEW { &mut seen.few } else { &mut seen.many };
                of.add(namespaces, each);
            }
        }
    }
    Ok(seen)
}

async fn of_one(bench: &Bench, kubeconfig: &Path, namespaces: usize) -> Result<f64> {
    let shape = Shape::of_bytes(10 * 1_024);
    let reviews = bench.reviews(shape, BY_LABELS, (REVIEWS, namespaces))?;
    let kubeconfig = Some(kubeconfig.to_path_buf());
    let setup = Setup { config: bench.table(BY_LABELS)?, cores: Cores::Apart, kubeconfig };
    let server = Server::start(bench, Member::Pullpass, &setup).await?;
    asked::are_right(bench, &server, &reviews).await?;
    let cost = cost::of_reviews(bench, &server, &reviews, CONNECTIONS, Cores::Apart).await?;
    let fetched = server.metric("pullpass_namespace_lookups_total{result=\"fetched\"}").await?;
    ensure!(fetched == 0.0, "{fetched} namespaces were fetched, and not known by the watch");
    Ok(cost.each)
}
