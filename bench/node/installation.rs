//! From `kubectl apply` of the default overlay to the first Pods that have what they need.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::{StreamExt, join, stream::FuturesUnordered};
use tokio::{
    select,
    sync::oneshot,
    time::{interval, timeout},
};

use crate::{
    installed::{OVERLAY, pull_secrets},
    node::Node,
    side_by_side::becomes_running,
};

/// The entry of the overlay's own table takes images of this repository, for every namespace.
const REPOSITORY: &str = "team/first";
/// And this is its pull secret, which the namespace has by hand.
pub const SECRET: &str = "example-pull";
/// A Pod is asked for so often.
const EVERY: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_mins(3);

/// Seconds from the start of `kubectl apply`.
#[derive(Debug)]
pub struct Installation {
    /// Until it has returned.
    pub applied: f64,
    /// Until both Deployments are Ready.
    pub ready: f64,
    /// Until the first Pod was created that has the pull secret.
    pub injected: f64,
    /// Until a Pod runs that was created then, with a private image.
    pub running: f64,
    /// How many Pods were created without the pull secret after the first that had it, until both
    /// Deployments were Ready.
    pub missed: usize,
}

/// Applies the overlay while a client creates Pods, by dry run.
pub async fn install(node: &Node) -> Result<Installation> {
    let namespace = "first";
    node.namespace(namespace, &[]).await;
    node.pull_secret(namespace, SECRET).await;
    let image = node.private_image(REPOSITORY);
    let (first, is_first) = oneshot::channel();
    let (end, is_end) = oneshot::channel();
    let began = Instant::now();
    let apply = async {
        node.kubectl(&["apply", "-k", OVERLAY], None).await.expect_success();
        began.elapsed()
    };
    let ready = async {
        node.deployments_are_ready().await;
        let ready = began.elapsed();
        let _ = end.send(());
        ready
    };
    let real = async {
        let injected: Instant = is_first.await?;
        let created = node.pod(namespace, "first", &image).await;
        ensure!(pull_secrets(&created) == [SECRET], "the Pod has no pull secret: {created:?}");
        becomes_running(node, namespace, "first").await?;
        anyhow::Ok((injected - began, began.elapsed()))
    };
    let asked = ask(node, namespace, &image, first, is_end);
    let all = Box::pin(async { join!(apply, ready, real, asked) });
    let (applied, ready, real, missed) = timeout(DEADLINE, all).await?;
    let (injected, running) = real?;
    let [applied, ready, injected, running] =
        [applied, ready, injected, running].map(|time| time.as_secs_f64());
    Ok(Installation { applied, ready, injected, running, missed })
}

/// Asks for Pods until the end; tells when the first was answered that has its pull secret, and gives how many
/// that were asked for after that had none.
async fn ask(
    node: &Node,
    namespace: &str,
    image: &str,
    first: oneshot::Sender<Instant>,
    mut end: oneshot::Receiver<()>,
) -> usize {
    let mut tick = interval(EVERY);
    let mut asked = FuturesUnordered::new();
    let (mut first, mut since, mut missed) = (Some(first), None, 0);
    loop {
        select! {
            _ = &mut end => return missed,
            _ = tick.tick() => asked.push(async {
                let began = Instant::now();
                (began, node.would_add(namespace, image).await)
            }),
            Some((began, answer)) = asked.next() => {
                if answer.is_ok_and(|secrets| secrets == [SECRET]) {
                    if let Some(first) = first.take() {
                        let now = Instant::now();
                        since = Some(now);
                        let _ = first.send(now);
                    }
                } else if since.is_some_and(|since| began > since) {
                    missed += 1;
                }
            }
        }
    }
}
