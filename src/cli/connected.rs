//! Commands that ask a cluster, or issuers and registries.

use crate::{cluster::client, tls};
use anyhow::{Context as _, Result};
use kube::Client;
use std::path::Path;

/// With a client of the cluster.
pub fn run<T>(kubeconfig: Option<&Path>, work: impl AsyncFnOnce(Client) -> Result<T>) -> Result<T> {
    block_on(async {
        let client = client::connect(kubeconfig).await?;
        work(client).await
    })
}

/// Work that asks somebody on the network.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tls::install_provider();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    runtime.block_on(work)
}
