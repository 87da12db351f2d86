//! One round of looking after certificates: the step that is due, taken.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use k8s_openapi::api::core::v1::Secret;
use kube::{Client, ResourceExt};
use thiserror::Error;

use super::bundles::Target;
use super::contest::Contest;
use super::report::Report;
use super::secrets;
use super::store::{Look, Store, StoreError};
use crate::cluster::registration::RegistrationKind;
use crate::controller::CertificateOptions;
use crate::pki::rotation::{Memory, Policy, Reason, Seen, Step, next_step};
use crate::pki::{self, Authority, Bundle, IssueError, Pair, VerifyError};
use crate::telemetry::Metrics;
use crate::telemetry::certificates::Certificate;

/// The name of the authorities that are made here.
const AUTHORITY_NAME: &str = "Pullpass webhook CA";

/// Why a round failed.
#[derive(Debug, Error)]
pub enum RoundError {
    /// The API server.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Cryptography.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// Somebody else writes it, and two who write would undo each other's work.
    #[error(
        "leave the Secret {name} alone: {owner} looks after it. Pass --certificates=external, or delete that and then the Secret"
    )]
    Owned {
        /// The Secret.
        name: String,
        /// Whose it is.
        owner: String,
    },
}

/// What is kept between rounds.
pub struct Keeper {
    store: Store,
    options: CertificateOptions,
    policy: Policy,
    memory: Memory,
    /// Whether caBundles are to change because of what was stored, and not because they were changed.
    is_publishing: bool,
    over_secrets: Contest,
    over_bundles: Contest,
    report: Report,
}

impl Keeper {
    /// Nothing has been looked at yet.
    pub fn new(client: Client, options: CertificateOptions, metrics: Arc<Metrics>) -> Self {
        Self {
            report: Report::new(client.clone(), &options, metrics),
            store: Store::new(client, options.clone()),
            policy: policy(&options),
            options,
            memory: Memory::default(),
            is_publishing: true,
            over_secrets: Contest::default(),
            over_bundles: Contest::default(),
        }
    }

    /// Looks, and takes the step that is due. Tells how long there is nothing more to do; after a step
    /// that is no time at all.
    ///
    /// # Errors
    /// Why the step could not be taken. The next round looks anew.
    pub async fn round(&mut self, clock: impl Fn() -> SystemTime) -> Result<Duration, RoundError> {
        let look = self.store.look(clock()).await?;
        for secret in look.ca.iter().chain(&look.tls) {
            if let Some(owner) = secrets::other_owner(secret) {
                return Err(RoundError::Owned { name: secret.name_any(), owner });
            }
        }
        let targets = look.configurations.targets(&self.options.namespace, &self.options.service);
        let (authority, signing) = secrets::read_authority(look.ca.as_ref());
        let serving = secrets::read_serving(look.tls.as_ref(), look.at);
        let published = targets.iter().map(|target| target.published.clone()).collect();
        let seen = Seen { authority, serving, published };
        let elapsed = self.memory.note(&seen, Instant::now());
        self.report.seen(&seen);
        let step = next_step(&seen, elapsed, look.at, &self.policy);
        if elapsed.published.is_some() && !matches!(step, Step::Publish(_)) {
            self.is_publishing = false;
        }
        if let Step::Wait(pause, waiting) = step {
            self.report.waiting(waiting, look.at);
            return Ok(pause.max(Duration::from_millis(10)));
        }
        let pause = self.contest(&step).map(|contest| contest.wait(Instant::now()));
        if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
            return Ok(pause);
        }
        self.take(&step, &look, &seen, &targets, signing.as_ref()).await?;
        if self.contest(&step).is_some_and(|contest| contest.repaired(Instant::now())) {
            self.report.contested(&step).await;
        }
        self.is_publishing = match step {
            Step::IssueAuthority { .. } | Step::Trust(_) => true,
            // What has to be published once more was undone, even if it was never seen in place.
            Step::Publish(_) => false,
            Step::IssueServing(_) | Step::Wait(..) => self.is_publishing,
        };
        Ok(Duration::ZERO)
    }

    /// What a step counts as, if it repairs what somebody else has done.
    fn contest(&mut self, step: &Step) -> Option<&mut Contest> {
        match step {
            Step::Publish(_) => (!self.is_publishing).then_some(&mut self.over_bundles),
            Step::IssueAuthority { reason, .. } | Step::IssueServing(reason) => {
                matches!(reason, Reason::Absent | Reason::Broken(_))
                    .then_some(&mut self.over_secrets)
            }
            Step::Trust(_) | Step::Wait(..) => None,
        }
    }

    async fn take(
        &mut self,
        step: &Step,
        look: &Look,
        seen: &Seen,
        targets: &[Target],
        signing: Option<&Authority>,
    ) -> Result<(), RoundError> {
        match (step, signing) {
            (Step::IssueAuthority { carried, reason }, _) => {
                self.issue_authority(look, carried, reason).await
            }
            (Step::Trust(trusted), _) => self.trust(look, trusted).await,
            (Step::Publish(bundles), _) => self.publish(look, targets, bundles).await,
            (Step::IssueServing(reason), Some(signing)) => {
                self.issue_serving(look, seen, signing, reason).await
            }
            // Without an authority that signs the step is another.
            (Step::IssueServing(_), None) | (Step::Wait(..), _) => Ok(()),
        }
    }

    /// Reports a round that failed.
    pub async fn failed(&mut self, error: &RoundError) {
        self.report.failed(error).await;
    }

    async fn issue_authority(
        &mut self,
        look: &Look,
        carried: &Bundle,
        reason: &Reason,
    ) -> Result<(), RoundError> {
        let lifetime = self.options.ca_lifetime;
        let authority = pki::issue_ca(AUTHORITY_NAME, look.at, lifetime)?;
        let secret = existing(look.ca.as_ref(), &self.options.ca_secret);
        let wanted = secrets::with_authority(secret, &authority, carried);
        self.store.write(look.ca.as_ref(), wanted).await?;
        self.report.issued(Certificate::Ca, reason).await;
        Ok(())
    }

    async fn trust(&mut self, look: &Look, trusted: &Bundle) -> Result<(), RoundError> {
        let secret = existing(look.ca.as_ref(), &self.options.ca_secret);
        let wanted = secrets::with_trusted(secret, trusted);
        self.store.write(look.ca.as_ref(), wanted).await?;
        self.report.trusted(trusted);
        Ok(())
    }

    async fn publish(
        &mut self,
        look: &Look,
        targets: &[Target],
        bundles: &[(usize, Bundle)],
    ) -> Result<(), RoundError> {
        let mut named = Vec::with_capacity(bundles.len());
        for (place, bundle) in bundles {
            if let Some(target) = targets.get(*place) {
                named.push((target.kind, target.webhook.clone(), bundle.clone()));
            }
        }
        let mut outcome = Ok(());
        for kind in RegistrationKind::BOTH {
            // All of this configuration: what an apply leaves out, its manager gives up.
            let of_kind = targets.iter().filter(|target| target.kind == kind);
            let all: Vec<_> = of_kind
                .filter_map(|target| {
                    let changed = named.iter().find(|(k, w, _)| *k == kind && *w == target.webhook);
                    let bundle = changed.map(|(_, _, bundle)| bundle.clone());
                    Some((target.webhook.clone(), bundle.or_else(|| target.published.clone())?))
                })
                .collect();
            let is_changed = named.iter().any(|(changed, ..)| *changed == kind);
            if let (true, Some(read)) = (is_changed, look.configurations.metadata(kind)) {
                match self.store.publish(kind, read, &all).await {
                    Ok(()) => self.report.published(kind, !self.is_publishing).await,
                    // The other one is not held up.
                    Err(error) => outcome = Err(error.into()),
                }
            }
        }
        outcome
    }

    async fn issue_serving(
        &mut self,
        look: &Look,
        seen: &Seen,
        authority: &Authority,
        reason: &Reason,
    ) -> Result<(), RoundError> {
        let lifetime = self.options.certificate_lifetime;
        let pair = pki::issue_serving(authority, &self.policy.names, look.at, lifetime)?;
        if let Err(error) = verify(authority, &pair, &self.policy.names, look.at) {
            let reason = Reason::Broken(format!("what it signs is not accepted: {error}"));
            return self.issue_authority(look, &seen.all_published(), &reason).await;
        }
        let secret = existing(look.tls.as_ref(), &self.options.tls_secret);
        let wanted = secrets::with_serving(secret, &pair, authority);
        self.store.write(look.tls.as_ref(), wanted).await?;
        self.report.issued(Certificate::Serving, reason).await;
        Ok(())
    }
}

fn policy(options: &CertificateOptions) -> Policy {
    Policy {
        names: options.names.clone(),
        ca_renewal_percent: options.ca_renewal_percent,
        certificate_renewal_percent: options.certificate_renewal_percent,
        propagation_delay: options.propagation_delay,
        pickup_delay: options.pickup_delay,
    }
}

/// Somebody may have put an authority of theirs into the Secret, one that is held to other names.
fn verify(
    authority: &Authority,
    pair: &Pair,
    names: &[String],
    now: SystemTime,
) -> Result<(), VerifyError> {
    let own = Bundle::of(authority.certificate().clone());
    let chain = Bundle::parse(pair.certificate_pem.as_bytes());
    let chain: Vec<_> = chain
        .map(|chain| chain.iter().cloned().collect())
        .map_err(|_| VerifyError::NoCertificate)?;
    names.iter().try_for_each(|name| pki::verify(&own, &chain, name, now))
}

fn existing(read: Option<&Secret>, name: &str) -> Secret {
    read.cloned().unwrap_or_else(|| {
        let mut secret = Secret::default();
        secret.metadata.name = Some(name.to_owned());
        secret
    })
}
