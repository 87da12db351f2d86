//! One round of looking after certificates: the step that is due, taken.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use k8s_openapi::api::core::v1::Secret;
use kube::{Client, ResourceExt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::bundles::Target;
use super::error::RoundError;
use super::repairs::{Repairs, Version};
use super::report::Report;
use super::secrets;
use super::store::{Look, Store};
use crate::cluster::registration::RegistrationKind;
use crate::controller::CertificateOptions;
use crate::pki::rotation::{Memory, Policy, Reason, Seen, Step, carried, next_step};
use crate::pki::{self, Authority, Bundle, Pair, VerifyError};
use crate::telemetry::Metrics;
use crate::telemetry::certificates::Certificate;

/// The name of the authorities that are made here.
const AUTHORITY_NAME: &str = "Pullpass webhook CA";

/// What is kept between rounds.
pub struct Keeper {
    store: Store,
    options: CertificateOptions,
    policy: Policy,
    memory: Memory,
    repairs: Repairs,
    /// The authority that was last issued here.
    issued: Option<CertificateDer<'static>>,
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
            repairs: Repairs::default(),
            issued: None,
        }
    }

    /// Looks, and takes the step that is due. Tells how long there is nothing more to do; after a step
    /// that is no time at all.
    ///
    /// # Errors
    /// Why the step could not be taken. The next round looks anew.
    pub async fn round(&mut self, clock: impl Fn() -> SystemTime) -> Result<Duration, RoundError> {
        let look = self.store.look(clock()).await?;
        let targets = look.configurations.targets(&self.options.namespace, &self.options.service);
        let (authority, signing) = secrets::read_authority(look.ca.as_ref());
        let serving = secrets::read_serving(look.tls.as_ref(), look.at);
        let published = targets.iter().map(|target| target.published.clone()).collect();
        let seen = Seen { authority, serving, published };
        let elapsed = self.memory.note(&seen, Instant::now());
        self.report.seen(&seen);
        for kind in RegistrationKind::BOTH {
            let count = targets.iter().filter(|target| target.kind == kind).count();
            let exists = look.configurations.metadata(kind).is_some();
            self.report.webhooks(kind, exists, count).await;
        }
        for secret in look.ca.iter().chain(&look.tls) {
            if let Some(owner) = secrets::other_owner(secret) {
                return Err(RoundError::Owned { name: secret.name_any(), owner });
            }
        }
        let step = next_step(&seen, elapsed, look.at, &self.policy);
        if let Step::Wait(pause, waiting) = step {
            for target in targets {
                self.repairs.published.note(target.kind, &target.webhook, target.published);
            }
            self.report.waiting(waiting, look.at);
            return Ok(pause.max(Duration::from_millis(10)));
        }
        let is_refused = |bundle: &Bundle| self.is_refused(&seen, bundle, &look);
        let is_repair = self.repairs.is_repair(&step, &look, &targets, is_refused);
        let pause = self.repairs.pause(&step, Instant::now());
        if is_repair && !pause.is_zero() {
            return Ok(pause);
        }
        self.take(&step, &look, &seen, &targets, signing.as_ref()).await?;
        if is_repair && self.repairs.repaired(&step, Instant::now()) {
            self.report.contested(&step).await;
        }
        Ok(Duration::ZERO)
    }

    /// Whether clients that trust these refuse the stored certificate.
    fn is_refused(&self, seen: &Seen, bundle: &Bundle, look: &Look) -> bool {
        seen.serving.good().is_some_and(|serving| {
            // By any name: which of them a certificate is for, a flag may have changed.
            let names = &self.policy.names;
            !names.iter().any(|name| pki::verify(bundle, &serving.chain, name, look.at).is_ok())
        })
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
            (Step::Publish(bundles), _) => self.publish(look, seen, targets, bundles).await,
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
        self.repairs.ca = Version::of(&self.store.write(look.ca.as_ref(), wanted).await?);
        self.issued = Some(authority.certificate().clone());
        // Whoever has signed what is published is gone.
        let is_loss = *reason == Reason::Absent && !carried.is_empty();
        self.report.issued(Certificate::Ca, reason, is_loss).await;
        Ok(())
    }

    async fn trust(&mut self, look: &Look, trusted: &Bundle) -> Result<(), RoundError> {
        let secret = existing(look.ca.as_ref(), &self.options.ca_secret);
        if secrets::is_immutable(&secret) {
            return Err(RoundError::Immutable { name: secret.name_any() });
        }
        let wanted = secrets::with_trusted(secret, trusted);
        self.repairs.ca = Version::of(&self.store.write(look.ca.as_ref(), wanted).await?);
        self.report.trusted(trusted).await;
        Ok(())
    }

    async fn publish(
        &mut self,
        look: &Look,
        seen: &Seen,
        targets: &[Target],
        bundles: &[(usize, Bundle)],
    ) -> Result<(), RoundError> {
        let mut outcome = Ok(());
        for kind in RegistrationKind::BOTH {
            let of_kind = || targets.iter().enumerate().filter(|(_, target)| target.kind == kind);
            // All of this configuration: what an apply leaves out, its manager gives up.
            let all: Vec<_> = of_kind()
                .filter_map(|(place, target)| {
                    let changed = bundles.iter().find(|(changed, _)| *changed == place);
                    let bundle = changed.map(|(_, bundle)| bundle).or(target.published.as_ref())?;
                    Some((target.webhook.clone(), bundle.clone()))
                })
                .collect();
            let is_changed = of_kind().any(|(place, _)| bundles.iter().any(|(at, _)| *at == place));
            let Some(read) = look.configurations.metadata(kind).filter(|_| is_changed) else {
                continue;
            };
            if let Err(error) = self.store.publish(kind, read, &all).await {
                // The other one is not held up.
                outcome = Err(error.into());
                continue;
            }
            let is_repair =
                self.repairs.published.is_undone(of_kind().map(|(_, target)| target), |bundle| {
                    self.is_refused(seen, bundle, look)
                });
            let was_empty = of_kind().any(|(_, target)| target.published.is_none());
            self.report.published(kind, is_repair, was_empty).await;
            for (webhook, bundle) in all {
                self.repairs.published.note(kind, &webhook, Some(bundle));
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
            // One that somebody brought may be held to other names; of our own the next would be the same.
            if self.issued.as_ref() == Some(authority.certificate()) {
                return Err(RoundError::Unverifiable(error));
            }
            let reason = Reason::Broken(format!("what it signs is not accepted: {error}"));
            let carried = carried(seen, None, look.at, &self.policy);
            return self.issue_authority(look, &carried, &reason).await;
        }
        let secret = existing(look.tls.as_ref(), &self.options.tls_secret);
        let wanted = secrets::with_serving(secret, &pair, authority);
        self.repairs.tls = Version::of(&self.store.write(look.tls.as_ref(), wanted).await?);
        self.report.issued(Certificate::Serving, reason, false).await;
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
    let leaf = CertificateDer::from_pem_slice(pair.certificate_pem.as_bytes())
        .map_err(|_| VerifyError::NoCertificate)?;
    pki::verify_names(&own, &[leaf], names, now)
}

fn existing(read: Option<&Secret>, name: &str) -> Secret {
    read.cloned().unwrap_or_else(|| {
        let mut secret = Secret::default();
        secret.metadata.name = Some(name.to_owned());
        secret
    })
}
