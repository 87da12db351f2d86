//! What the cluster holds, as far as rotation goes by it.

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;

use super::step::Policy;
use crate::pki::{Bundle, verify_names};

/// What became of reading a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// There is none.
    Absent,
    /// It cannot be used, for this reason.
    Broken(String),
    /// It can.
    Good(T),
}

impl<T> Found<T> {
    /// What was found, if it can be used.
    pub fn good(&self) -> Option<&T> {
        match self {
            Self::Good(found) => Some(found),
            Self::Absent | Self::Broken(_) => None,
        }
    }
}

/// The authority's Secret: a certificate with its key, which belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoritySeen {
    /// The authority that signs.
    pub certificate: CertificateDer<'static>,
    /// All that are to be trusted; `ca.crt`.
    pub trusted: Bundle,
    /// Whether somebody asked for a new one.
    pub renew: bool,
}

/// The serving Secret: a chain with its key, which belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServingSeen {
    /// The certificates, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The authority that it says it is signed by; `ca.crt`.
    pub authorities: Bundle,
    /// Whether somebody asked for a new one.
    pub renew: bool,
}

/// All that rotation goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The authority's Secret.
    pub authority: Found<AuthoritySeen>,
    /// The serving Secret.
    pub serving: Found<ServingSeen>,
    /// Every `caBundle` by which API servers call the webhook; none for one that holds no certificate.
    pub published: Vec<Option<Bundle>>,
}

impl Seen {
    /// The authorities in any caBundle.
    pub fn all_published(&self) -> Bundle {
        self.published.iter().flatten().fold(Bundle::default(), |all, one| all.union(one))
    }

    /// Whether this authority alone verifies the stored serving certificate.
    pub fn is_served_by(
        &self,
        authority: &CertificateDer<'static>,
        now: SystemTime,
        policy: &Policy,
    ) -> bool {
        let own = Bundle::of(authority.clone());
        self.serving
            .good()
            .is_some_and(|serving| verify_names(&own, &serving.chain, &policy.names, now).is_ok())
    }
}
