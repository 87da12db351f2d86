//! Memory of Pullpass's containers as their cgroups have it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Container, Pod},
};
use kube::{Api, ResourceExt};

use crate::{installed::SYSTEM_NAMESPACE, node::Node};

/// Memory of a container, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// What the kubelet takes for its use: all but the file pages that can be dropped first.
    pub working_set: f64,
    /// What belongs to no file.
    pub anonymous: f64,
    /// The most that it ever had, file pages and all.
    pub peak: f64,
}

/// A Pod of Pullpass, with what it may have.
#[derive(Debug)]
pub struct Replica {
    /// What it does.
    pub role: &'static str,
    /// Memory in its manifest: the request and the limit.
    pub manifest: [String; 2],
    pub memory: Memory,
}

/// All of them, as they are now.
pub async fn of_replicas(node: &Node) -> Result<Vec<Replica>> {
    let leases: Api<Lease> = Api::namespaced(node.client(), SYSTEM_NAMESPACE);
    let lease = leases.get("pullpass-controller").await.context("failed to get the Lease")?;
    let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
    let mut replicas = Vec::new();
    for component in ["webhook", "controller"] {
        for pod in node.pods_of(component).await {
            let role = match component {
                "webhook" => "webhook",
                _ if holder.starts_with(&pod.name_any()) => "controller, active",
                _ => "controller, standing by",
            };
            let memory = read(node, &pod).with_context(|| pod.name_any())?;
            let manifest = manifest(&pod).with_context(|| pod.name_any())?;
            replicas.push(Replica { role, manifest, memory });
        }
    }
    Ok(replicas)
}

/// The version of the cgroups of this machine.
pub fn cgroup_version(node: &Node) -> &'static str {
    let is_unified = of_node(node).join("cgroup.controllers").exists();
    if is_unified { "v2" } else { "v1" }
}

/// The node's cgroup that counts memory.
fn of_node(node: &Node) -> PathBuf {
    let mut cgroups = node.namespaces.cgroups().into_iter();
    let found = cgroups.find(|cgroup| cgroup.join("memory.stat").exists());
    found.expect("the node has a cgroup that counts memory")
}

fn manifest(pod: &Pod) -> Result<[String; 2]> {
    let containers: &[Container] = pod.spec.as_ref().map_or(&[], |spec| &spec.containers);
    let resources = containers.first().and_then(|only| only.resources.as_ref());
    let resources = resources.context("its container has no resources")?;
    let memory = |of: &Option<BTreeMap<String, _>>| -> Result<String> {
        let quantity: &k8s_openapi::apimachinery::pkg::api::resource::Quantity = of
            .as_ref()
            .and_then(|of| of.get("memory"))
            .context("its container bounds no memory")?;
        Ok(quantity.0.clone())
    };
    Ok([memory(&resources.requests)?, memory(&resources.limits)?])
}

fn read(node: &Node, pod: &Pod) -> Result<Memory> {
    let cgroup = cgroup(node, pod)?;
    let stat = fs::read_to_string(cgroup.join("memory.stat")).context("memory.stat")?;
    let is_unified = cgroup_version(node) == "v2";
    let [usage, peak, inactive, anonymous] = match is_unified {
        true => ["memory.current", "memory.peak", "inactive_file", "anon"],
        false => [
            "memory.usage_in_bytes",
            "memory.max_usage_in_bytes",
            "total_inactive_file",
            "total_rss",
        ],
    };
    let inactive = field(&stat, inactive)?;
    let working_set = number(&cgroup.join(usage))? - inactive;
    Ok(Memory {
        working_set,
        anonymous: field(&stat, anonymous)?,
        peak: number(&cgroup.join(peak))?,
    })
}

/// The cgroup of its only container.
fn cgroup(node: &Node, pod: &Pod) -> Result<PathBuf> {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let id = statuses.and_then(|all| all.first()?.container_id.as_deref());
    let id = id.and_then(|id| id.strip_prefix("containerd://")).context("no container")?;
    let pods = of_node(node).join("kubepods/burstable");
    Ok(pods.join(format!("pod{}", pod.uid().unwrap_or_default())).join(id))
}

fn field(stat: &str, name: &str) -> Result<f64> {
    let value = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.with_context(|| format!("memory.stat has no {name}"))?.parse()?)
}

fn number(file: &Path) -> Result<f64> {
    let text = fs::read_to_string(file);
    let text = text.with_context(|| format!("failed to read {}", file.display()))?;
    Ok(text.trim().parse()?)
}
