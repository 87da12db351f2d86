//! Which serving certificate is in force: the newest good one that the API server verifies.

use super::published::PublishedBundles;
use crate::{
    pki::{Choice, Published, Serve, choose},
    server::ReadyHandle,
    telemetry::Metrics,
    tls::{FollowError, LoadError, LoadedCertificate, ServingCertificate},
};
use std::{sync::Arc, time::SystemTime};
use tracing::{info, warn};

/// Takes each version of the certificate and of what is published about it, and keeps the best in
/// force.
pub struct CertificateKeeper {
    certificate: Arc<ServingCertificate>,
    ready: ReadyHandle,
    metrics: Arc<Metrics>,
    /// Where certificates come from, for messages.
    origin: String,
    /// The name that each has to be for.
    server_name: Option<String>,
    /// What is published; none if that does not matter.
    pub(super) published: Option<PublishedBundles>,
    /// The newest good one.
    newest: Option<LoadedCertificate>,
    /// One whose time is still to come.
    early: Option<LoadedCertificate>,
    in_force: Option<LoadedCertificate>,
    /// Why what was offered last is not the newest good one.
    trouble: Option<String>,
    /// What has been reported, so that it is reported once.
    passed_over: Option<String>,
    unverified: Option<String>,
}

/// What an operator is to be told by an Event.
#[derive(Debug, PartialEq, Eq)]
pub struct Notice {
    /// The reason of the Event.
    pub reason: &'static str,
    /// Its note.
    pub note: String,
}

impl CertificateKeeper {
    /// A keeper of this certificate. Readiness waits for the first good one.
    pub fn new(
        certificate: Arc<ServingCertificate>,
        ready: ReadyHandle,
        metrics: Arc<Metrics>,
        origin: String,
        server_name: Option<String>,
        published: Option<PublishedBundles>,
    ) -> Self {
        ready.not_ready(format!("{origin}: not read yet"));
        Self {
            certificate,
            ready,
            metrics,
            origin,
            server_name,
            published,
            newest: None,
            early: None,
            in_force: None,
            trouble: None,
            passed_over: None,
            unverified: None,
        }
    }

    /// Takes a certificate, or the reason why there is none; what is in force is for [`Self::decide`].
    pub fn take(
        &mut self,
        offered: Result<LoadedCertificate, FollowError>,
        now: SystemTime,
    ) -> Option<Notice> {
        self.early = None;
        let checked = offered.and_then(|offered| {
            if let Some(name) = &self.server_name {
                offered.check_name(name)?;
            }
            if let Err(error) = offered.check_time(now) {
                if matches!(error, LoadError::NotYetValid { .. }) {
                    self.early = Some(offered);
                }
                return Err(error.into());
            }
            Ok(offered)
        });
        match checked {
            Ok(loaded) => {
                self.newest = Some(loaded);
                self.trouble = None;
                None
            }
            Err(error) => Some(self.refuse(&error)),
        }
    }

    /// There is nothing to take. What is in force stays.
    pub fn absent(&mut self, reason: &'static str) {
        self.early = None;
        self.refuse(&Reason(reason));
    }

    /// The source cannot be watched and is tried again. What is in force stays.
    pub fn watch_failed(&mut self, reason: &str) {
        if self.newest.is_none() {
            self.trouble = Some(reason.to_owned());
        }
    }

    /// Puts in force what is best now, and says whether all is well.
    pub fn decide(&mut self, now: SystemTime) -> Option<Notice> {
        if self.early.as_ref().is_some_and(|early| early.check_time(now).is_ok()) {
            self.newest = self.early.take();
            self.trouble = None;
        }
        let Some(newest) = self.newest.clone() else {
            let trouble = self.trouble.as_deref().unwrap_or("not read yet");
            self.ready.not_ready(format!("{}: {trouble}", self.origin));
            self.set_verified(false);
            return None;
        };
        match self.published.as_ref().map_or_else(|| Ok(vec![]), PublishedBundles::all) {
            Ok(published) => self.choose(newest, &published, now),
            Err(unknown) => {
                self.put_in_force(newest);
                self.set_verified(false);
                self.ready.not_ready(unknown);
                None
            }
        }
    }

    fn choose(
        &mut self,
        newest: LoadedCertificate,
        published: &[Published],
        now: SystemTime,
    ) -> Option<Notice> {
        let in_force = self.in_force.as_ref().map(LoadedCertificate::chain);
        let Choice { serve, is_accepted, unverified, passed_over } =
            choose(newest.chain(), in_force, published, now);
        if serve == Serve::Newest {
            self.put_in_force(newest);
        }
        self.set_verified(unverified.is_none());
        // Without the validating webhook a configuration is still refused when it is loaded: Pods are
        // not to go without their pull secrets because of it.
        match &unverified {
            Some(reason) if !is_accepted => self.ready.not_ready(reason.clone()),
            _ => self.ready.ready(),
        }
        let news = self.report(unverified, passed_over);
        self.metrics.tls.refused.set((self.trouble.is_some() || self.passed_over.is_some()).into());
        news
    }

    fn put_in_force(&mut self, newest: LoadedCertificate) {
        let same = |held: &LoadedCertificate| Arc::ptr_eq(&held.key, &newest.key);
        if !self.in_force.as_ref().is_some_and(same) {
            self.certificate.accept(&newest, &self.origin, &self.metrics);
            self.in_force = Some(newest);
        }
    }

    fn set_verified(&self, is_verified: bool) {
        if self.published.is_some() {
            self.metrics.tls.verified.set(is_verified);
        }
    }

    /// Logs what is new about the choice.
    fn report(
        &mut self,
        unverified: Option<String>,
        passed_over: Option<String>,
    ) -> Option<Notice> {
        let mut news = None;
        if unverified != self.unverified {
            match &unverified {
                Some(reason) => {
                    warn!(origin = self.origin, "calls fail: {reason}");
                    news = Some(not_verified(format!("Calls fail: {reason}")));
                }
                None => info!(origin = self.origin, "the certificate in force is verified again"),
            }
            self.unverified = unverified;
        }
        if passed_over != self.passed_over {
            if let Some(reason) = &passed_over {
                self.certificate.refuse(&Reason(reason), &self.origin, &self.metrics);
                let note = format!("The last good certificate stays in force: {reason}");
                news = Some(not_verified(note));
            }
            self.passed_over = passed_over;
        }
        news
    }

    fn refuse(&mut self, error: &dyn std::error::Error) -> Notice {
        self.certificate.refuse(error, &self.origin, &self.metrics);
        self.trouble = Some(error.to_string());
        let in_force = match self.in_force {
            Some(_) => "The last good certificate stays in force",
            None => "There is no certificate in force",
        };
        Notice { reason: "CertificateRefused", note: format!("{in_force}: {error}") }
    }
}

fn not_verified(note: String) -> Notice {
    Notice { reason: "CertificateNotVerified", note }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Reason<'a>(&'a str);
