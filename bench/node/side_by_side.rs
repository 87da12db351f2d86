//! Pods with a private image, with Pullpass involved and without it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kube::{
    ResourceExt,
    api::DeleteParams,
    runtime::wait::{
        await_condition,
        conditions::{is_deleted, is_pod_running},
    },
};
use serde_json::json;
use tokio::time::timeout;

use crate::{installed::pull_secrets, node::Node, work::ENTRY};

const DEADLINE: Duration = Duration::from_mins(1);
/// The webhook is not called for the namespace of those without Pullpass.
const OPT_OUT: [(&str, &str); 1] = [("pullpass.io/inject", "disabled")];
/// Where, and the pull secret that Pods have there.
const WITH: (&str, &str) = ("team-with", ENTRY);
const WITHOUT: (&str, &str) = ("by-hand", "by-hand");

/// Seconds from the request to create a Pod.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    /// Until it is answered.
    pub created: f64,
    /// Until the Pod runs.
    pub running: f64,
}

/// What was seen of both kinds.
#[derive(Debug, Default)]
pub struct SideBySide {
    pub with: Vec<Started>,
    pub without: Vec<Started>,
}

/// Runs so many of both, one after another, each with an image that the node has not seen under that name.
pub async fn run(node: &Node, count: usize) -> Result<SideBySide> {
    node.namespace(WITH.0, &[]).await;
    node.namespace(WITHOUT.0, &OPT_OUT).await;
    node.pull_secret(WITHOUT.0, WITHOUT.1).await;
    node.apply(&json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": WITHOUT.0},
        "imagePullSecrets": [{"name": WITHOUT.1}],
    }))
    .await;
    let mut seen = SideBySide::default();
    for number in 0..count {
        for with in [number % 2 == 0, number % 2 != 0] {
            let (place, of) = match with {
                true => (WITH, &mut seen.with),
                false => (WITHOUT, &mut seen.without),
            };
            of.push(start(node, place, &format!("app-{number}")).await?);
        }
    }
    Ok(seen)
}

async fn start(node: &Node, (namespace, secret): (&str, &str), name: &str) -> Result<Started> {
    let image = node.private_image(&format!("team/{namespace}-{name}"));
    let began = Instant::now();
    let pod = node.pod(namespace, name, &image).await;
    let created = began.elapsed().as_secs_f64();
    becomes_running(node, namespace, name).await?;
    let running = began.elapsed().as_secs_f64();
    ensure!(pull_secrets(&pod) == [secret], "{namespace}/{name}: {:?}", pull_secrets(&pod));
    ends(node, namespace, name, &pod.uid().unwrap_or_default()).await?;
    Ok(Started { created, running })
}

/// Waits until a watch has seen that a Pod runs.
pub async fn becomes_running(node: &Node, namespace: &str, name: &str) -> Result<()> {
    let running = await_condition(node.pods(namespace), name, is_pod_running());
    let waited = timeout(DEADLINE, running).await;
    waited.with_context(|| format!("Pod {namespace}/{name} does not run"))??;
    Ok(())
}

async fn ends(node: &Node, namespace: &str, name: &str, uid: &str) -> Result<()> {
    let pods = node.pods(namespace);
    pods.delete(name, &DeleteParams::default()).await?;
    let waited = timeout(DEADLINE, await_condition(pods, name, is_deleted(uid))).await;
    waited.with_context(|| format!("Pod {namespace}/{name} does not end"))??;
    Ok(())
}
