//! The controller's process: what is started, and in which order.

use super::{CertificateOptions, CopyOptions};
use crate::{
    cluster::{
        client,
        leader::{self, Candidate, LeaseOptions},
    },
    server::{Bound, Limits, Process, ShutdownTimes, os_signals},
    telemetry::Component,
    tls,
    tokens::Tokens,
};
use anyhow::Context as _;
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// What the controller is to do, checked.
#[derive(Debug)]
pub struct Options {
    /// The Lease by which one replica leads.
    pub lease: LeaseOptions,
    /// How the webhook's certificate is looked after.
    pub certificates: CertificateOptions,
    /// Where pull secrets are copied from; none if none are.
    pub copies: Option<CopyOptions>,
    /// What fetches tokens of registries.
    pub tokens: Tokens,
    /// The kubeconfig of the cluster, if not the environment's.
    pub kubeconfig: Option<PathBuf>,
    /// Where the admin endpoints are answered.
    pub admin_listen: SocketAddr,
    /// After a signal: the time for requests in flight to finish.
    pub shutdown_grace: Duration,
}

/// Runs the controller until a signal ends it.
///
/// # Errors
/// What could not be started, or which task ended out of turn.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    tls::install_provider();
    let signals = os_signals().context("failed to install the signal handlers")?;
    let admin = Bound::bind(options.admin_listen).await?;
    let kubeconfig = options.kubeconfig.as_deref();
    let client = client::connect(kubeconfig).await?;
    let lease_client = client::connect_without_retries(kubeconfig).await?;
    // Nothing but probes and scrapes is answered, so there is no endpoint to be taken out of first.
    let times = ShutdownTimes { delay: Duration::ZERO, grace: options.shutdown_grace };
    let mut process = Process::new(Component::Controller, times);
    let candidate = Candidate::new(
        lease_client,
        client,
        options.lease,
        leader::identity(),
        process.readiness.register("leader election"),
        Arc::clone(&process.metrics),
    );
    let (certificates, copies, tokens) = (options.certificates, options.copies, options.tokens);
    let metrics = Arc::clone(&process.metrics);
    let liveness = process.liveness.clone();
    let work = move |client| {
        let (certificates, copies) = (certificates.clone(), (copies.clone(), tokens.clone()));
        super::run(client, certificates, copies, Arc::clone(&metrics), liveness.clone())
    };
    let election = candidate.lead(process.shutdown.clone(), work);
    process.tasks.spawn_draining("leader election", election);
    process.serve_admin(admin, &Limits::default());
    Ok(process.run(signals).await?)
}
