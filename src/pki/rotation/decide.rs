//! The next step of a rotation.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;

use super::memory::Elapsed;
use super::seen::{AuthoritySeen, Found, Seen, ServingSeen};
use crate::pki::issue::BACKDATED;
use crate::pki::{Bundle, Validity, VerifyError, validity, verify};

/// Most authorities that are carried on as trusted beside a new one. Each is there for minutes.
const MAX_CARRIED: usize = 8;
/// How much earlier than its time a certificate may be renewed, in 1/10,000 of its life.
const JITTER: u64 = 500;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The names that clients connect to; all are in the certificate.
    pub names: Vec<String>,
    /// After how many percent of its life an authority is renewed.
    pub ca_renewal_percent: u8,
    /// After how many percent of its life a serving certificate is renewed.
    pub certificate_renewal_percent: u8,
    /// From every caBundle holding an authority to the first certificate signed by it.
    pub propagation_delay: Duration,
    /// From a certificate being stored to the authority of the one before it being dropped.
    pub pickup_delay: Duration,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Store a new authority, and these beside it as trusted.
    IssueAuthority {
        /// Those that certificates in use may be signed by.
        carried: Bundle,
        /// Why.
        reason: Reason,
    },
    /// Store that these are trusted, and no others.
    Trust(Bundle),
    /// Make these the caBundles, each given by its place among those seen.
    Publish(Vec<(usize, Bundle)>),
    /// Store a new serving certificate, signed by the stored authority.
    IssueServing(Reason),
    /// Nothing, until something changes or this has passed.
    Wait(Duration, Waiting),
}

/// Why something is issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is none.
    Absent,
    /// What is there cannot be used.
    Broken(String),
    /// It is time.
    Due,
    /// Somebody asked.
    Asked,
    /// The authority is new.
    NewAuthority,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("there was none"),
            Self::Broken(reason) => write!(f, "the one before could not be used: {reason}"),
            Self::Due => f.write_str("the one before was due for renewal"),
            Self::Asked => f.write_str("renewal was asked for"),
            Self::NewAuthority => f.write_str("the authority is new"),
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// That every API server knows the new authority.
    Propagation,
    /// That every replica serves the new certificate.
    Pickup,
    /// The next renewal.
    Renewal,
}

/// Decides on the next step. After it is taken, look and ask again.
pub fn next_step(seen: &Seen, elapsed: Elapsed, now: SystemTime, policy: &Policy) -> Step {
    let authority = match &seen.authority {
        Found::Good(authority) => authority,
        Found::Absent => return issue_authority(seen, None, Reason::Absent, now, policy),
        Found::Broken(reason) => {
            return issue_authority(seen, None, Reason::Broken(reason.clone()), now, policy);
        }
    };
    let due = Due::of(authority, policy);
    if let Some(reason) = due.reason(authority, now) {
        return issue_authority(seen, Some(authority), reason, now, policy);
    }
    let judged = Judged::of(seen, authority, now, policy);
    if let Some(trusted) = repaired(authority, seen, &judged, now, policy) {
        return Step::Trust(trusted);
    }
    let is_settled = is_settled(&judged, elapsed, policy);
    let unpublished = unpublished(seen, authority, is_settled, now);
    if !unpublished.is_empty() {
        return Step::Publish(unpublished);
    }
    serve(seen, authority, &judged, elapsed, now, policy).unwrap_or_else(|| {
        if authority.trusted.len() > 1 && is_settled {
            return Step::Trust(Bundle::of(authority.certificate.clone()));
        }
        if !is_only_published(seen, authority) {
            let rest = policy.pickup_delay.saturating_sub(elapsed.serving.unwrap_or_default());
            return Step::Wait(rest, Waiting::Pickup);
        }
        let renewal = due.at.min(serving_due(&judged, policy).unwrap_or(due.at));
        Step::Wait(renewal.duration_since(now).unwrap_or_default(), Waiting::Renewal)
    })
}

/// A new authority, beside all that certificates in use may be signed by.
fn issue_authority(
    seen: &Seen,
    old: Option<&AuthoritySeen>,
    reason: Reason,
    now: SystemTime,
    policy: &Policy,
) -> Step {
    let old = old.map_or_else(Bundle::default, |old| {
        Bundle::of(old.certificate.clone()).union(&old.trusted)
    });
    let carried = old.union(&needed(seen, now, policy)).union(&seen.all_published());
    let mut places = MAX_CARRIED;
    let carried = carried.filter(|certificate| {
        let is_kept = places > 0 && is_valid(certificate, now);
        places -= usize::from(is_kept);
        is_kept
    });
    Step::IssueAuthority { carried, reason }
}

/// The published authorities that the stored serving certificate is verified by. The Secret's own
/// word on its authority does not count: whoever can write the Secret is not to choose whom API servers
/// trust.
fn needed(seen: &Seen, now: SystemTime, policy: &Policy) -> Bundle {
    let Some(serving) = seen.serving.good() else { return Bundle::default() };
    seen.all_published().filter(|candidate| {
        judge(&Bundle::of(candidate.clone()), &serving.chain, now, policy).is_ok()
    })
}

/// When an authority is due.
struct Due {
    at: SystemTime,
    validity: Option<Validity>,
}

impl Due {
    fn of(authority: &AuthoritySeen, policy: &Policy) -> Self {
        Self {
            at: due(&authority.certificate, policy.ca_renewal_percent),
            validity: validity(&authority.certificate),
        }
    }

    /// One rotation ends before the next begins, unless the authority itself is over.
    fn reason(&self, authority: &AuthoritySeen, now: SystemTime) -> Option<Reason> {
        match self.validity {
            Some(validity) if now > validity.not_after => {
                return Some(Reason::Broken("it has expired".to_owned()));
            }
            Some(validity) if now >= validity.not_before => {}
            _ => return Some(Reason::Broken("it is not valid yet".to_owned())),
        }
        let is_rotating = authority.trusted.len() > 1;
        match (is_rotating, authority.renew) {
            (false, true) => Some(Reason::Asked),
            (false, false) if now >= self.at => Some(Reason::Due),
            _ => None,
        }
    }
}

/// The stored serving certificate, in the eyes of clients.
struct Judged<'a> {
    serving: Option<&'a ServingSeen>,
    /// Whether the stored authority alone verifies it.
    by_authority: Result<(), VerifyError>,
    /// Whether all that are trusted do.
    by_trusted: Result<(), VerifyError>,
}

impl<'a> Judged<'a> {
    fn of(seen: &'a Seen, authority: &AuthoritySeen, now: SystemTime, policy: &Policy) -> Self {
        let serving = seen.serving.good();
        let chain = serving.map_or(&[][..], |serving| &serving.chain);
        let own = Bundle::of(authority.certificate.clone());
        Self {
            serving,
            by_authority: judge(&own, chain, now, policy),
            by_trusted: judge(&authority.trusted, chain, now, policy),
        }
    }
}

fn judge(
    bundle: &Bundle,
    chain: &[CertificateDer<'static>],
    now: SystemTime,
    policy: &Policy,
) -> Result<(), VerifyError> {
    policy.names.iter().try_for_each(|name| verify(bundle, chain, name, now))
}

/// What is to be trusted, if what is stored is not right: the authority itself is missing, the
/// authority of the certificate in use is missing, or the time of one is over.
fn repaired(
    authority: &AuthoritySeen,
    seen: &Seen,
    judged: &Judged<'_>,
    now: SystemTime,
    policy: &Policy,
) -> Option<Bundle> {
    let own = Bundle::of(authority.certificate.clone());
    let valid = authority.trusted.filter(|certificate| is_valid(certificate, now));
    let mut wanted = own.union(&valid);
    if judged.by_trusted.is_err() {
        wanted = wanted.union(&needed(seen, now, policy));
    }
    (wanted != authority.trusted).then_some(wanted)
}

/// Whether every replica serves a certificate of the stored authority by now.
fn is_settled(judged: &Judged<'_>, elapsed: Elapsed, policy: &Policy) -> bool {
    judged.by_authority.is_ok() && elapsed.serving.is_some_and(|time| time >= policy.pickup_delay)
}

/// The caBundles that are not as they should be. Until all is settled, an authority that is published
/// and not known stays so: a replica may serve a certificate of it.
fn unpublished(
    seen: &Seen,
    authority: &AuthoritySeen,
    is_settled: bool,
    now: SystemTime,
) -> Vec<(usize, Bundle)> {
    let wanted = |published: &Option<Bundle>| match published {
        Some(published) if !is_settled && published.len() <= MAX_CARRIED => {
            authority.trusted.union(&published.filter(|certificate| is_valid(certificate, now)))
        }
        _ => authority.trusted.clone(),
    };
    let bundles = seen.published.iter().enumerate();
    bundles
        .map(|(place, published)| (place, published, wanted(published)))
        .filter(|(_, published, wanted)| published.as_ref() != Some(wanted))
        .map(|(place, _, wanted)| (place, wanted))
        .collect()
}

/// A new serving certificate if one is due and clients would trust it; else what is waited for.
fn serve(
    seen: &Seen,
    authority: &AuthoritySeen,
    judged: &Judged<'_>,
    elapsed: Elapsed,
    now: SystemTime,
    policy: &Policy,
) -> Option<Step> {
    let (reason, is_usable) = why_serve(seen, authority, judged, now, policy)?;
    let published = elapsed.published.unwrap_or_default();
    // Nobody relies on another authority: waiting would only keep the webhook from starting.
    let is_first = !is_usable && is_only_published(seen, authority);
    match policy.propagation_delay.checked_sub(published) {
        Some(rest) if !rest.is_zero() && !is_first => Some(Step::Wait(rest, Waiting::Propagation)),
        _ => Some(Step::IssueServing(reason)),
    }
}

/// Why a new serving certificate is due, and whether the stored one can be used meanwhile.
fn why_serve(
    seen: &Seen,
    authority: &AuthoritySeen,
    judged: &Judged<'_>,
    now: SystemTime,
    policy: &Policy,
) -> Option<(Reason, bool)> {
    let serving = match &seen.serving {
        Found::Good(serving) => serving,
        Found::Absent => return Some((Reason::Absent, false)),
        Found::Broken(reason) => return Some((Reason::Broken(reason.clone()), false)),
    };
    if let Err(error) = &judged.by_trusted {
        return Some((Reason::Broken(error.to_string()), false));
    }
    if judged.by_authority.is_err() {
        return Some((Reason::NewAuthority, true));
    }
    if serving.renew {
        return Some((Reason::Asked, true));
    }
    if serving.authorities != Bundle::of(authority.certificate.clone()) {
        return Some((Reason::Broken("its ca.crt is not the authority".to_owned()), true));
    }
    serving_due(judged, policy).filter(|due| now >= *due).map(|_| (Reason::Due, true))
}

fn serving_due(judged: &Judged<'_>, policy: &Policy) -> Option<SystemTime> {
    let leaf = judged.serving?.chain.first()?;
    Some(due(leaf, policy.certificate_renewal_percent))
}

/// Whether the stored authority is the only one that anybody trusts, or is to trust.
fn is_only_published(seen: &Seen, authority: &AuthoritySeen) -> bool {
    authority.trusted.len() == 1
        && seen.published.iter().flatten().all(|bundle| *bundle == authority.trusted)
}

/// When a certificate is to be renewed: after this part of its life, a little earlier by chance. The
/// chance is drawn from the certificate, so that every process draws the same.
fn due(certificate: &CertificateDer<'_>, percent: u8) -> SystemTime {
    let Some(validity) = validity(certificate) else { return SystemTime::UNIX_EPOCH };
    let begin = validity.not_before + BACKDATED;
    let life = validity.not_after.duration_since(begin).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    certificate.as_ref().hash(&mut hasher);
    let jitter = u32::try_from(hasher.finish() % JITTER).unwrap_or(0);
    let share = (u32::from(percent) * 100).saturating_sub(jitter);
    begin + life / 10_000 * share
}

fn is_valid(certificate: &CertificateDer<'_>, now: SystemTime) -> bool {
    validity(certificate).is_some_and(|validity| now <= validity.not_after)
}
