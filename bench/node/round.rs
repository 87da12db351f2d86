//! One round: a fresh node, and all that is measured on it.

use std::{process::Command, time::Instant};

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Node as Machine;
use kube::Api;
use tokio::{runtime::Builder, time::sleep};

use crate::{
    built,
    containerd::import,
    image::Image,
    installation::{Installation, install},
    kubelet::NODE,
    memory::{Replica, cgroup_version, of_replicas},
    node::Node,
    options::Options,
    side_by_side::{self, SideBySide},
    work::work,
};

/// What was measured in it.
#[derive(Debug)]
pub struct Round {
    /// What the node consists of.
    pub on: String,
    /// Seconds that containerd took to import the image.
    pub imported: f64,
    pub installation: Installation,
    pub idle: Vec<Replica>,
    pub busy: Vec<Replica>,
    pub side_by_side: SideBySide,
}

/// Runs it, on a thread of its own.
pub fn run(options: &Options, image: &Image) -> Result<Round> {
    // One thread, so that all that it starts is in the network of the node.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(options, image))
}

async fn measure(options: &Options, image: &Image) -> Result<Round> {
    let node = Node::start().await;
    let began = Instant::now();
    import(&node.namespaces, &image.archive);
    let imported = began.elapsed().as_secs_f64();
    let installation = install(&node).await?;
    eprintln!("{installation:?}");
    sleep(options.idle).await;
    let idle = of_replicas(&node).await?;
    eprintln!("idle: {idle:#?}");
    node.grant_teams().await;
    let side_by_side = side_by_side::run(&node, options.pairs).await?;
    eprintln!("{side_by_side:?}");
    work(&node, options).await?;
    let busy = of_replicas(&node).await?;
    eprintln!("busy: {busy:#?}");
    let on = versions(&node).await?;
    Ok(Round { on, imported, installation, idle, busy, side_by_side })
}

async fn versions(node: &Node) -> Result<String> {
    let api_server = node.client().apiserver_version().await.context("failed to get /version")?;
    let machines: Api<Machine> = Api::all(node.client());
    let info = machines.get(NODE).await?.status.and_then(|status| status.node_info);
    let info = info.context("the node does not tell its versions")?;
    let runc = Command::new(built::program("runc")).arg("--version").output()?;
    let runc = String::from_utf8_lossy(&runc.stdout);
    let runc = runc.lines().next().unwrap_or_default().replace("runc version", "runc");
    let containerd = info.container_runtime_version.replace("://", " ");
    Ok(format!(
        "kubelet {} with {containerd}, {runc} and cgroups {}; kube-apiserver {}",
        info.kubelet_version,
        cgroup_version(node),
        api_server.git_version
    ))
}
