//! The election: asks for the Lease, and runs the leader's work while it is held.

use super::{
    chance::chance,
    fence::Term,
    lease::{Elector, LeaseTimes, Step},
};
use crate::{
    server::{ReadyHandle, Shutdown},
    telemetry::{
        Metrics,
        controller::{LeaseRequest, Transition},
    },
};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{Api, Client, api::PostParams};
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};
use thiserror::Error;
use tracing::{info, warn};

/// Which Lease is asked for, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseOptions {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The times of the election.
    pub times: LeaseTimes,
}

/// The leader's work came to an end by itself.
#[derive(Debug, Error)]
#[error("the leader's work ended by itself")]
pub struct WorkEnded;

/// Why an attempt came to nothing.
#[derive(Debug, Error)]
enum Failure {
    #[error("{0}")]
    Api(kube::Error),
    #[error("no answer within {0:?}")]
    Silent(Duration),
}

/// `HOSTNAME` and a suffix that no other process has, nor this one after a restart.
pub fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "pullpass-controller".into());
    format!("{host}_{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// A replica that would lead.
pub struct Candidate {
    leases: Api<Lease>,
    client: Client,
    name: String,
    elector: Elector,
    seen: Option<Lease>,
    /// The Lease may be in our name at the API server.
    is_to_release: bool,
    ready: ReadyHandle,
    has_been_ready: bool,
    last_failure: Option<String>,
    /// The other replica that was last said to lead.
    waited_for: Option<String>,
    metrics: Arc<Metrics>,
}

impl Candidate {
    /// Asks for the Lease by `lease_client`, which should send each request once: a retry is decided
    /// here. The work is done by `client`.
    pub fn new(
        lease_client: Client,
        client: Client,
        options: LeaseOptions,
        identity: String,
        ready: ReadyHandle,
        metrics: Arc<Metrics>,
    ) -> Self {
        let LeaseOptions { namespace, name, times } = options;
        Self {
            leases: Api::namespaced(lease_client, &namespace),
            client,
            name,
            elector: Elector::new(identity, times),
            seen: None,
            is_to_release: false,
            ready,
            has_been_ready: false,
            last_failure: None,
            waited_for: None,
            metrics,
        }
    }

    /// Runs `work` whenever this replica leads, with a client that writes only while it does. The work
    /// is dropped when the term is over. Returns once draining has begun and the Lease is released.
    ///
    /// # Errors
    /// If the work ends by itself.
    pub async fn lead<Work: Future<Output = ()>>(
        mut self,
        shutdown: Shutdown,
        mut work: impl FnMut(Client) -> Work,
    ) -> Result<(), WorkEnded> {
        let outcome = loop {
            let pause = tokio::select! {
                biased;
                () = shutdown.draining() => break Ok(()),
                pause = self.elected() => pause,
            };
            let term = Term::until(self.elector.term_end());
            let client = term.fenced(&self.client);
            self.begin();
            // Whichever comes first, the work is dropped with the others before anything else is done.
            let outcome = tokio::select! {
                biased;
                () = shutdown.draining() => Some(Ok(())),
                () = self.keep(&term, pause) => None,
                () = work(client) => Some(Err(WorkEnded)),
            };
            drop(term);
            self.end(outcome.is_none());
            if let Some(outcome) = outcome {
                break outcome;
            }
        };
        self.release().await;
        outcome
    }

    /// Tries until this replica leads; gives the pause before the first renewal.
    async fn elected(&mut self) -> Duration {
        loop {
            let pause = self.attempt().await;
            if self.elector.leads(Instant::now()) {
                return pause;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Renews until the term is over.
    async fn keep(&mut self, term: &Term, mut pause: Duration) {
        while let Some(end) = self.elector.term_end().filter(|end| Instant::now() < *end) {
            let renewal = async {
                tokio::time::sleep(pause).await;
                self.attempt().await
            };
            match tokio::time::timeout_at(end.into(), renewal).await {
                Ok(next) => pause = next,
                Err(_) => return,
            }
            term.extend(self.elector.term_end());
        }
    }

    /// Looks at the Lease and makes it ours if it may be. Gives the pause before the next attempt.
    async fn attempt(&mut self) -> Duration {
        let times = self.elector.times();
        match self.observe_and_claim().await {
            Ok(Some(Step::Wait(left))) => left.min(times.pause(chance())),
            Ok(Some(_)) => times.pause(chance()),
            Ok(None) => times.pause_after_conflict(chance()),
            Err((request, failure)) => {
                self.failed(request, &failure);
                times.pause(chance())
            }
        }
    }

    /// None if another write came first.
    async fn observe_and_claim(&mut self) -> Result<Option<Step>, (LeaseRequest, Failure)> {
        self.observe().await.map_err(|failure| (LeaseRequest::Get, failure))?;
        let began = Instant::now();
        let step = self.elector.step(began);
        let request = match step {
            Step::Wait(_) => {
                self.succeeded();
                self.stand_by();
                return Ok(Some(step));
            }
            Step::Create | Step::Take => LeaseRequest::Acquire,
            Step::Renew => LeaseRequest::Renew,
        };
        let claim = self.elector.claim(Timestamp::now());
        self.is_to_release = true;
        match self.write(claim.clone()).await {
            Ok(()) => self.elector.written(claim, began),
            Err(Failure::Api(error)) if is_conflict(&error) => return Ok(None),
            Err(failure) => return Err((request, failure)),
        }
        self.succeeded();
        Ok(Some(step))
    }

    async fn observe(&mut self) -> Result<(), Failure> {
        let seen = self.in_time(self.leases.get_opt(&self.name)).await?;
        let spec = seen.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
        self.elector.observe(spec.as_ref(), Instant::now());
        if self.elector.holder().is_some_and(|holder| holder != self.elector.identity()) {
            self.is_to_release = false;
        }
        self.seen = seen;
        Ok(())
    }

    /// Creates the Lease, or replaces what was seen and nothing later.
    async fn write(&self, spec: LeaseSpec) -> Result<(), Failure> {
        let parameters = PostParams::default();
        let mut lease = self.seen.clone().unwrap_or_default();
        lease.spec = Some(spec);
        match &self.seen {
            Some(_) => self.in_time(self.leases.replace(&self.name, &parameters, &lease)).await?,
            None => {
                lease.metadata.name = Some(self.name.clone());
                self.in_time(self.leases.create(&parameters, &lease)).await?
            }
        };
        Ok(())
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Failure> {
        let timeout = self.elector.times().request_timeout();
        match tokio::time::timeout(timeout, answer).await {
            Ok(answer) => answer.map_err(Failure::Api),
            Err(_) => Err(Failure::Silent(timeout)),
        }
    }

    async fn release(&mut self) {
        if !self.is_to_release {
            return;
        }
        let deadline = self.elector.times().request_timeout();
        let released = tokio::time::timeout(deadline, self.try_release()).await;
        match released.unwrap_or(Err(Failure::Silent(deadline))) {
            Ok(()) => info!(lease = self.name, "released the Lease"),
            Err(failure) => {
                self.metrics.controller.lease_failures.inc(LeaseRequest::Release);
                let reason = reason_of(&failure);
                warn!(
                    lease = self.name,
                    "failed to release the Lease, which will expire: {reason}"
                );
            }
        }
    }

    async fn try_release(&mut self) -> Result<(), Failure> {
        loop {
            self.observe().await?;
            let Some(spec) = self.elector.released(Timestamp::now()) else { return Ok(()) };
            match self.write(spec).await {
                // A renewal that was given up may have arrived in between.
                Err(Failure::Api(error)) if is_conflict(&error) => {
                    tokio::time::sleep(self.elector.times().pause_after_conflict(chance())).await;
                }
                done => return done,
            }
        }
    }

    /// Says once whom this replica waits for.
    fn stand_by(&mut self) {
        let holder = self.elector.holder().map(str::to_owned);
        if holder != self.waited_for {
            info!(lease = self.name, holder, "standing by: another replica holds the Lease");
            self.waited_for = holder;
        }
    }

    fn begin(&mut self) {
        self.waited_for = None;
        self.metrics.controller.leader.set(1);
        self.metrics.controller.leader_transitions.inc(Transition::Acquired);
        info!(lease = self.name, identity = self.elector.identity(), "leading from now on");
    }

    fn end(&mut self, is_lost: bool) {
        self.elector.step_down();
        self.metrics.controller.leader.set(0);
        if is_lost {
            self.metrics.controller.leader_transitions.inc(Transition::Lost);
            let (holder, reason) = (self.elector.holder(), self.last_failure.as_deref());
            warn!(lease = self.name, holder, reason, "leading no more: the Lease is lost");
        } else {
            self.metrics.controller.leader_transitions.inc(Transition::Resigned);
            info!(lease = self.name, "leading no more: the process ends");
        }
    }

    fn succeeded(&mut self) {
        if self.last_failure.take().is_some() {
            info!(lease = self.name, "the Lease can be had again");
        }
        self.has_been_ready = true;
        self.ready.ready();
    }

    /// The same failure again and again is logged once.
    fn failed(&mut self, request: LeaseRequest, failure: &Failure) {
        self.metrics.controller.lease_failures.inc(request);
        let reason = reason_of(failure);
        if !self.has_been_ready {
            self.ready.not_ready(format!("Lease {}: {reason}", self.name));
        }
        if self.last_failure.as_ref() != Some(&reason) {
            warn!(lease = self.name, "failed to ask for the Lease; trying again: {reason}");
            self.last_failure = Some(reason);
        }
    }
}

/// Another wrote first, created it, or deleted it.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 || is_gone(status))
}

/// The Lease itself, not its namespace.
fn is_gone(status: &kube::core::Status) -> bool {
    let kind = status.details.as_ref().map(|details| details.kind.as_str());
    status.code == 404 && kind == Some("leases")
}

/// In the API server's own words where it had any.
fn reason_of(failure: &Failure) -> String {
    match failure {
        Failure::Api(kube::Error::Api(status)) => status.message.clone(),
        other => other.to_string(),
    }
}
