//! PEM into a certificate and key that can be served: all checks, no I/O.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::pki::MAX_PEM_BYTES;

/// A certificate chain and its key, checked at the time given to [`load`].
#[derive(Clone, Debug)]
pub struct LoadedCertificate {
    /// As rustls serves it. Its `Debug` shows nothing of the key.
    pub key: Arc<CertifiedKey>,
    /// The first second it is valid, in seconds since 1970.
    pub not_before: u64,
    /// The last second it is valid, in seconds since 1970.
    pub not_after: u64,
    /// The DNS names of the leaf.
    pub names: Vec<String>,
}

/// Why a certificate and key cannot be served. No message holds bytes of the input.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LoadError {
    /// More than [`MAX_PEM_BYTES`].
    #[error(
        "load the serving certificate: the {part} is larger than {MAX_PEM_BYTES} bytes; give the certificate chain and its key alone"
    )]
    TooLarge {
        /// `certificate` or `key`.
        part: &'static str,
    },
    /// No `CERTIFICATE` section.
    #[error(
        "load the serving certificate: there is no certificate in it; expected PEM that begins with -----BEGIN CERTIFICATE-----"
    )]
    NoCertificate,
    /// No private key section.
    #[error(
        "load the serving certificate: there is no private key with it; expected PEM that begins with -----BEGIN PRIVATE KEY-----"
    )]
    NoKey,
    /// Broken PEM or DER, or a kind of key that is not supported.
    #[error(
        "load the serving certificate: the {part} cannot be parsed ({reason}); it may be cut short"
    )]
    Unparsable {
        /// `certificate` or `key`.
        part: &'static str,
        /// What was met.
        reason: &'static str,
    },
    /// The key is another certificate's.
    #[error(
        "load the serving certificate: the private key does not belong to the certificate; give the pair that was issued together, leaf certificate first"
    )]
    Mismatch,
    /// It is for other names.
    #[error(
        "load the serving certificate: it is not for `{wanted}`, the name that clients connect to; issue it with this DNS name"
    )]
    OtherName {
        /// The name that it should have.
        wanted: String,
    },
    /// Its time is over.
    #[error("load the serving certificate: it expired at {not_after}; issue a new one")]
    Expired {
        /// RFC 3339.
        not_after: String,
    },
    /// Its time has not come.
    #[error(
        "load the serving certificate: it is not valid before {not_before}; check the clock, or issue it backdated"
    )]
    NotYetValid {
        /// RFC 3339.
        not_before: String,
    },
}

/// Parses a PEM chain, leaf first, and its key, and checks that they can be served at `now`.
///
/// # Errors
/// The first reason why not.
pub fn load(
    certificate_pem: &[u8],
    key_pem: &[u8],
    now: SystemTime,
) -> Result<LoadedCertificate, LoadError> {
    let loaded = parse(certificate_pem, key_pem)?;
    loaded.check_time(now)?;
    Ok(loaded)
}

/// Parses a PEM chain, leaf first, and its key, whatever the time.
///
/// # Errors
/// Why they cannot be served at any time.
pub fn parse(certificate_pem: &[u8], key_pem: &[u8]) -> Result<LoadedCertificate, LoadError> {
    let chain = parse_chain(certificate_pem)?;
    let key = parse_key(key_pem)?;
    let leaf = chain.first().ok_or(LoadError::NoCertificate)?.clone();
    let leaf = parse_leaf(&leaf)?;
    let validity = leaf.validity();
    Ok(LoadedCertificate {
        not_before: u64::try_from(validity.not_before.timestamp()).unwrap_or(0),
        not_after: u64::try_from(validity.not_after.timestamp()).unwrap_or(0),
        names: dns_names(&leaf),
        key: Arc::new(pair_up(chain.clone(), key)?),
    })
}

/// How far in the future a certificate may begin, in seconds: the clock of the node that issued it
/// may be ahead, and it is the clients who decide.
const CLOCK_SKEW: u64 = 5 * 60;

impl LoadedCertificate {
    /// The certificates, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// Checks that its time has come and is not over.
    ///
    /// # Errors
    /// Which of the two.
    pub fn check_time(&self, now: SystemTime) -> Result<(), LoadError> {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if now > self.not_after {
            return Err(LoadError::Expired { not_after: rfc3339(self.not_after) });
        }
        if now.saturating_add(CLOCK_SKEW) < self.not_before {
            return Err(LoadError::NotYetValid { not_before: rfc3339(self.not_before) });
        }
        Ok(())
    }

    /// Checks that clients which connect to this name would take it.
    ///
    /// # Errors
    /// If they would not.
    pub fn check_name(&self, name: &str) -> Result<(), LoadError> {
        let matches = || {
            let server_name = ServerName::try_from(name).ok()?;
            let leaf = ParsedCertificate::try_from(self.chain().first()?).ok()?;
            verify_server_name(&leaf, &server_name).ok()
        };
        matches().ok_or_else(|| LoadError::OtherName { wanted: name.to_owned() })
    }
}

fn parse_chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    check_size(text, "certificate")?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| unparsable("certificate", &error))?;
    if chain.is_empty() {
        return Err(LoadError::NoCertificate);
    }
    Ok(chain)
}

fn parse_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, LoadError> {
    check_size(text, "key")?;
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => LoadError::NoKey,
        error => unparsable("key", &error),
    })
}

fn check_size(text: &[u8], part: &'static str) -> Result<(), LoadError> {
    if text.len() > MAX_PEM_BYTES {
        return Err(LoadError::TooLarge { part });
    }
    Ok(())
}

/// The error's own text is not used: it quotes the input, which may be a key.
fn unparsable(part: &'static str, error: &pem::Error) -> LoadError {
    let reason = match error {
        pem::Error::MissingSectionEnd { .. } => "the END line is missing",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        pem::Error::Base64Decode(_) => "invalid base64",
        _ => "invalid PEM",
    };
    LoadError::Unparsable { part, reason }
}

fn parse_leaf<'a>(leaf: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, LoadError> {
    match X509Certificate::from_der(leaf) {
        Ok(([], leaf)) => Ok(leaf),
        _ => Err(LoadError::Unparsable { part: "certificate", reason: "invalid X.509" }),
    }
}

fn rfc3339(timestamp: u64) -> String {
    i64::try_from(timestamp)
        .ok()
        .and_then(|timestamp| OffsetDateTime::from_unix_timestamp(timestamp).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{timestamp} s since 1970"))
}

/// The DNS names among the alternative names of a certificate.
pub(super) fn dns_names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = leaf.subject_alternative_name() else {
        return Vec::new();
    };
    names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}

fn pair_up(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, LoadError> {
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(
        |error| match error {
            TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => LoadError::Mismatch,
            TlsError::InvalidCertificate(_) => {
                LoadError::Unparsable { part: "certificate", reason: "invalid X.509" }
            }
            _ => LoadError::Unparsable {
                part: "key",
                reason: "not an RSA, ECDSA or Ed25519 key of a supported size",
            },
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Pair, self_signed};
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn now() -> SystemTime {
        UNIX_EPOCH + 20_000 * DAY
    }

    fn issue() -> Pair {
        self_signed(&["a.example".to_owned()], now(), 30 * DAY).unwrap().pair
    }

    fn try_load(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> LoadError {
        load(certificate.as_ref(), key.as_ref(), now()).unwrap_err()
    }

    #[test]
    fn a_good_pair_tells_its_end_and_names() {
        let pair = issue();
        let loaded =
            load(pair.certificate_pem.as_bytes(), pair.key_pem.expose().as_bytes(), now()).unwrap();
        assert_eq!(loaded.names, ["a.example"]);
        assert_eq!(loaded.not_after, 20_030 * DAY.as_secs());
        assert_eq!(loaded.key.cert.len(), 1);
    }

    #[test]
    fn fault_25_a_bad_pair_is_refused_with_its_reason() {
        let pair = issue();
        let (certificate, key) = (pair.certificate_pem.as_str(), pair.key_pem.expose());
        let cut = &key[..key.len() / 2];
        let garbled = certificate.replacen("MI", "!!", 1);
        let huge = certificate.repeat(MAX_PEM_BYTES / certificate.len() + 1);
        assert_eq!(try_load("", key), LoadError::NoCertificate);
        assert_eq!(try_load(key, key), LoadError::NoCertificate);
        assert_eq!(try_load(certificate, ""), LoadError::NoKey);
        assert_eq!(try_load(certificate, certificate), LoadError::NoKey);
        assert!(matches!(try_load(certificate, cut), LoadError::Unparsable { part: "key", .. }));
        assert!(matches!(
            try_load(garbled, key),
            LoadError::Unparsable { part: "certificate", .. }
        ));
        assert_eq!(try_load(huge, key), LoadError::TooLarge { part: "certificate" });
        assert_eq!(try_load(certificate, issue().key_pem.expose()), LoadError::Mismatch);
    }

    #[test]
    fn fault_25_expired_and_not_yet_valid_name_the_date() {
        let pair = issue();
        let at = |now| {
            load(pair.certificate_pem.as_bytes(), pair.key_pem.expose().as_bytes(), now)
                .unwrap_err()
        };
        let expired = at(now() + 31 * DAY);
        assert!(
            matches!(&expired, LoadError::Expired { not_after } if not_after == "2024-11-03T00:00:00Z"),
            "{expired}"
        );
        let early = at(now() - 3 * DAY);
        assert!(
            matches!(&early, LoadError::NotYetValid { not_before } if not_before == "2024-10-03T00:00:00Z"),
            "{early}"
        );
    }

    #[test]
    fn fault_51_no_error_or_debug_text_holds_bytes_of_the_key() {
        let pair = issue();
        let broken = pair.key_pem.expose().replace("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN ");
        let body = pair.key_pem.expose().lines().nth(1).unwrap().to_owned();
        let error = try_load(&pair.certificate_pem, broken);
        let loaded =
            load(pair.certificate_pem.as_bytes(), pair.key_pem.expose().as_bytes(), now()).unwrap();
        for shown in [format!("{error} {error:?}"), format!("{loaded:?}"), format!("{pair:?}")] {
            assert!(!shown.contains(&body[..16]), "{shown}");
        }
    }
}
