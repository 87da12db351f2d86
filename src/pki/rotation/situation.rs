//! What is seen, judged.

use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;

use super::memory::Elapsed;
use super::schedule::{due, is_valid};
use super::seen::{AuthoritySeen, Found, Seen};
use super::step::{Policy, Reason};
use crate::pki::{Bundle, VerifyError, validity, verify_names};

/// Most authorities that are carried on as trusted beside a new one. Each is there for minutes.
pub const MAX_CARRIED: usize = 8;

/// What is seen, with an authority that can sign.
pub struct Situation<'a> {
    seen: &'a Seen,
    authority: &'a AuthoritySeen,
    elapsed: Elapsed,
    now: SystemTime,
    policy: &'a Policy,
    /// Whether the stored authority alone verifies the stored certificate.
    by_authority: Result<(), VerifyError>,
    /// Whether all that are trusted do.
    by_trusted: Result<(), VerifyError>,
}

impl<'a> Situation<'a> {
    /// Judges what is seen.
    pub fn new(
        seen: &'a Seen,
        authority: &'a AuthoritySeen,
        elapsed: Elapsed,
        now: SystemTime,
        policy: &'a Policy,
    ) -> Self {
        let chain = seen.serving.good().map_or(&[][..], |serving| &serving.chain);
        let own = Bundle::of(authority.certificate.clone());
        Self {
            by_authority: verify_names(&own, chain, &policy.names, now),
            by_trusted: verify_names(&authority.trusted, chain, &policy.names, now),
            seen,
            authority,
            elapsed,
            now,
            policy,
        }
    }

    /// The stored authority alone.
    pub fn own(&self) -> Bundle {
        Bundle::of(self.authority.certificate.clone())
    }

    /// Whether others are trusted beside it.
    pub fn is_rotating(&self) -> bool {
        self.authority.trusted.len() > 1
    }

    /// Why the authority is to be replaced. One rotation ends before the next begins, unless the time
    /// of the authority itself is over.
    pub fn why_new_authority(&self) -> Option<Reason> {
        let certificate = &self.authority.certificate;
        let validity = validity(certificate);
        if validity.is_none_or(|validity| self.now > validity.not_after) {
            return Some(Reason::Broken("it has expired".to_owned()));
        }
        if validity.is_some_and(|validity| self.now < validity.not_before) {
            return Some(Reason::Broken("it is not valid yet".to_owned()));
        }
        match (self.is_rotating(), self.authority.renew) {
            (false, true) => Some(Reason::Asked),
            (false, false) if self.now >= self.authority_due() => Some(Reason::Due),
            _ => None,
        }
    }

    /// What is to be trusted, if what is stored is not right: the authority itself is missing, or the
    /// time of one is over.
    pub fn repaired_trust(&self) -> Option<Bundle> {
        let trusted = &self.authority.trusted;
        let wanted = self.own().union(&trusted.filter(|other| is_valid(other, self.now)));
        (wanted != *trusted).then_some(wanted)
    }

    /// Why a new serving certificate is due, and whether the stored one can be used meanwhile.
    pub fn why_serve(&self) -> Option<(Reason, bool)> {
        let serving = match &self.seen.serving {
            Found::Good(serving) => serving,
            Found::Absent => return Some((Reason::Absent, false)),
            Found::Broken(reason) => return Some((Reason::Broken(reason.clone()), false)),
        };
        if let Err(error) = &self.by_trusted {
            return Some((Reason::Broken(error.to_string()), false));
        }
        if self.by_authority.is_err() {
            return Some((Reason::NewAuthority, true));
        }
        if serving.renew {
            return Some((Reason::Asked, true));
        }
        if serving.authorities != self.own() {
            return Some((Reason::Broken("its ca.crt is not the authority".to_owned()), true));
        }
        let due = self.serving_due()?;
        (self.now >= due).then_some((Reason::Due, true))
    }

    /// Whether a new certificate of the stored authority would be verified wherever the one before is:
    /// it has the same authority, or there is none before, and whoever trusts anybody trusts this one.
    pub fn is_verified_already(&self, (_, is_usable): &(Reason, bool)) -> bool {
        match is_usable {
            true => self.by_authority.is_ok(),
            false => self.is_only_published() && self.seen.published.iter().any(Option::is_some),
        }
    }

    /// How long a certificate of a new authority has to wait yet; none if it may be stored.
    pub fn wait_for_propagation(&self, is_usable: bool) -> Option<Duration> {
        // Nobody relies on another authority: waiting would only keep the webhook from starting.
        if !is_usable && self.is_only_published() {
            return None;
        }
        let published = self.elapsed.published.unwrap_or_default();
        Some(self.policy.propagation_delay.saturating_sub(published)).filter(|rest| !rest.is_zero())
    }

    /// Whether every replica serves a certificate of the stored authority by now.
    pub fn is_settled(&self) -> bool {
        self.by_authority.is_ok()
            && self.elapsed.serving.is_some()
            && self.wait_for_pickup().is_zero()
    }

    /// How long until every replica has the stored certificate.
    pub fn wait_for_pickup(&self) -> Duration {
        self.policy.pickup_delay.saturating_sub(self.elapsed.serving.unwrap_or_default())
    }

    /// How long until something is to be renewed.
    pub fn wait_for_renewal(&self) -> Duration {
        let authority = self.authority_due();
        let due = self.serving_due().map_or(authority, |serving| serving.min(authority));
        due.duration_since(self.now).unwrap_or_default()
    }

    /// Whether the stored authority is the only one that anybody trusts, or is to trust.
    pub fn is_only_published(&self) -> bool {
        let trusted = &self.authority.trusted;
        let mut bundles = self.seen.published.iter().flatten();
        trusted.len() == 1 && bundles.all(|bundle| bundle == trusted)
    }

    /// The caBundles that are not as they should be. Until all is settled, an authority that is
    /// published and not known stays so: a replica may serve a certificate of it.
    pub fn unpublished(&self) -> Vec<(usize, Bundle)> {
        let bundles = self.seen.published.iter().enumerate();
        bundles
            .map(|(place, published)| (place, published, self.wanted(published.as_ref())))
            .filter(|(_, published, wanted)| published.as_ref() != Some(wanted))
            .map(|(place, _, wanted)| (place, wanted))
            .collect()
    }

    fn wanted(&self, published: Option<&Bundle>) -> Bundle {
        let trusted = &self.authority.trusted;
        let Some(published) = published.filter(|_| !self.is_settled()) else {
            return trusted.clone();
        };
        let is_kept = |known: &CertificateDer<'static>| {
            is_valid(known, self.now)
                && (published.len() <= MAX_CARRIED
                    || self.seen.is_served_by(known, self.now, self.policy))
        };
        trusted.union(&published.filter(is_kept))
    }

    fn authority_due(&self) -> SystemTime {
        due(&self.authority.certificate, self.policy.ca_renewal_percent)
    }

    fn serving_due(&self) -> Option<SystemTime> {
        let leaf = self.seen.serving.good()?.chain.first()?;
        Some(due(leaf, self.policy.certificate_renewal_percent))
    }
}
