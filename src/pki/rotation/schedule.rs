//! When certificates are renewed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;

use crate::pki::issue::BACKDATED;
use crate::pki::validity;

/// How much earlier than its time a certificate may be renewed, in 1/10,000 of its life.
const JITTER: u64 = 500;

/// When a certificate is to be renewed: after this part of its life, a little earlier by chance. The
/// chance is drawn from the certificate, so that every process draws the same.
pub fn due(certificate: &CertificateDer<'_>, percent: u8) -> SystemTime {
    let Some(validity) = validity(certificate) else { return SystemTime::UNIX_EPOCH };
    let begin = validity.not_before + BACKDATED;
    let life = validity.not_after.duration_since(begin).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    certificate.as_ref().hash(&mut hasher);
    let jitter = u32::try_from(hasher.finish() % JITTER).unwrap_or(0);
    let share = (u32::from(percent) * 100).saturating_sub(jitter);
    begin + life / 10_000 * share
}

/// Whether its time is not over.
pub fn is_valid(certificate: &CertificateDer<'_>, now: SystemTime) -> bool {
    validity(certificate).is_some_and(|validity| now <= validity.not_after)
}
