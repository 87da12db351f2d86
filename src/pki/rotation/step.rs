//! What is wanted, and the steps towards it.

use std::fmt;
use std::time::Duration;

use crate::pki::Bundle;

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
