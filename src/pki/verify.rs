//! Whether a client that trusts a bundle accepts a serving certificate.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error as TlsError, RootCertStore};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::Bundle;

/// Why a client would refuse the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The chain is empty.
    #[error("there is no certificate")]
    NoCertificate,
    /// The bundle is empty.
    #[error("no authority is trusted")]
    NoAuthority,
    /// It is for other names.
    #[error("the certificate is not for `{0}`")]
    Name(String),
    /// Its time is over.
    #[error("the certificate, or the authority's, has expired")]
    Expired,
    /// Its time has not come.
    #[error("the certificate, or the authority's, is not valid yet")]
    NotYetValid,
    /// No trusted authority signed it.
    #[error("none of the trusted authorities signed the certificate")]
    UnknownIssuer,
    /// Anything else.
    #[error("the certificate is refused: {0}")]
    Other(String),
}

/// Verifies a chain, leaf first, as the API server does a webhook's: against the bundle alone, for the
/// name that it connects to. As in Go, a leaf that itself stands in the bundle is trusted.
///
/// # Errors
/// The first reason why not.
pub fn verify(
    bundle: &Bundle,
    chain: &[CertificateDer<'static>],
    server_name: &str,
    now: SystemTime,
) -> Result<(), VerifyError> {
    let (leaf, intermediates) = chain.split_first().ok_or(VerifyError::NoCertificate)?;
    if bundle.is_empty() {
        return Err(VerifyError::NoAuthority);
    }
    let name = ServerName::try_from(server_name.to_owned())
        .map_err(|_| VerifyError::Name(server_name.to_owned()))?;
    if bundle.contains(leaf) {
        return verify_pinned(leaf, &name, now);
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(bundle.iter().cloned());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| VerifyError::NoAuthority)?;
    let now = UnixTime::since_unix_epoch(since_epoch(now));
    match verifier.verify_server_cert(leaf, intermediates, &name, &[], now) {
        Ok(_) => Ok(()),
        Err(error) => Err(reason(error, &name)),
    }
}

/// The same for every one of these names. A wildcard is verified by a name that it stands for.
///
/// # Errors
/// The first reason why not.
pub fn verify_names(
    bundle: &Bundle,
    chain: &[CertificateDer<'static>],
    names: &[String],
    now: SystemTime,
) -> Result<(), VerifyError> {
    names.iter().try_for_each(|name| {
        let stands_for = match name.strip_prefix("*.") {
            Some(domain) => &format!("any.{domain}"),
            None => name,
        };
        verify(bundle, chain, stands_for, now).map_err(|error| match error {
            VerifyError::Name(_) => VerifyError::Name(name.clone()),
            error => error,
        })
    })
}

fn verify_pinned(
    leaf: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: SystemTime,
) -> Result<(), VerifyError> {
    let parsed = ParsedCertificate::try_from(leaf).map_err(|error| reason(error, name))?;
    verify_server_name(&parsed, name).map_err(|error| reason(error, name))?;
    let validity = validity(leaf).ok_or_else(|| VerifyError::Other("invalid X.509".to_owned()))?;
    match now {
        now if now > validity.not_after => Err(VerifyError::Expired),
        now if now < validity.not_before => Err(VerifyError::NotYetValid),
        _ => Ok(()),
    }
}

fn reason(error: TlsError, name: &ServerName<'_>) -> VerifyError {
    let TlsError::InvalidCertificate(error) = error else {
        return VerifyError::Other(error.to_string());
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => VerifyError::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            VerifyError::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            VerifyError::Name(name.to_str().into_owned())
        }
        // The signature fails if the authority has the same name and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            VerifyError::UnknownIssuer
        }
        error => VerifyError::Other(error.to_string()),
    }
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: SystemTime,
    /// The last moment.
    pub not_after: SystemTime,
}

/// The validity of a certificate; none if it is not X.509.
pub fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let at = |timestamp: i64| {
        let seconds = u64::try_from(timestamp).unwrap_or(0);
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    };
    Some(Validity {
        not_before: at(parsed.validity().not_before.timestamp())?,
        not_after: at(parsed.validity().not_after.timestamp())?,
    })
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{issue_ca, issue_serving};
    use rustls::pki_types::pem::PemObject;

    const DAY: Duration = Duration::from_secs(86_400);
    const NAME: &str = "pullpass-webhook.pullpass-system.svc";

    fn now() -> SystemTime {
        UNIX_EPOCH + 20_000 * DAY
    }

    /// A bundle, and a chain that it verifies for 30 days.
    fn issued(common_name: &str) -> (Bundle, Vec<CertificateDer<'static>>) {
        let ca = issue_ca(common_name, now(), 300 * DAY).unwrap();
        let pair = issue_serving(&ca, &[NAME.to_owned(), "127.0.0.1".to_owned()], now(), 30 * DAY);
        let chain = CertificateDer::pem_slice_iter(pair.unwrap().certificate_pem.as_bytes())
            .map(Result::unwrap)
            .collect();
        (Bundle::parse(ca.certificate_pem().as_bytes()).unwrap(), chain)
    }

    #[test]
    fn a_certificate_is_verified_for_its_names_within_its_time() {
        let (bundle, chain) = issued("CA");
        let at = |name: &str, now| verify(&bundle, &chain, name, now);
        assert_eq!(at(NAME, now()), Ok(()));
        assert_eq!(at("127.0.0.1", now()), Ok(()));
        for other in ["pullpass-webhook", "127.0.0.2", "evil.example"] {
            assert_eq!(at(other, now()), Err(VerifyError::Name(other.to_owned())));
        }
        assert_eq!(at("no name", now()), Err(VerifyError::Name("no name".to_owned())));
        assert_eq!(at(NAME, now() + 31 * DAY), Err(VerifyError::Expired));
        assert_eq!(at(NAME, now() - 2 * DAY), Err(VerifyError::NotYetValid));
        assert_eq!(verify(&bundle, &[], NAME, now()), Err(VerifyError::NoCertificate));
    }

    #[test]
    fn a_wildcard_is_verified_by_a_name_that_it_stands_for() {
        let ca = issue_ca("CA", now(), 300 * DAY).unwrap();
        let bundle = Bundle::of(ca.certificate().clone());
        let names = [NAME, "*.corp.example", "10.0.0.1"].map(str::to_owned);
        let pair = issue_serving(&ca, &names, now(), DAY).unwrap();
        let chain = [CertificateDer::from_pem_slice(pair.certificate_pem.as_bytes()).unwrap()];
        assert_eq!(verify_names(&bundle, &chain, &names, now()), Ok(()));
        let others = ["*.other.example".to_owned()];
        let refused = Err(VerifyError::Name("*.other.example".to_owned()));
        assert_eq!(verify_names(&bundle, &chain, &others, now()), refused);
    }

    #[test]
    fn another_authority_does_not_do_even_under_the_same_name() {
        let (bundle, chain) = issued("CA");
        let (other, _) = issued("other");
        let (twin, _) = issued("CA");
        assert_eq!(verify(&other, &chain, NAME, now()), Err(VerifyError::UnknownIssuer));
        assert_eq!(verify(&twin, &chain, NAME, now()), Err(VerifyError::UnknownIssuer));
        assert_eq!(verify(&Bundle::default(), &chain, NAME, now()), Err(VerifyError::NoAuthority));
        assert_eq!(verify(&twin.union(&other).union(&bundle), &chain, NAME, now()), Ok(()));
    }

    #[test]
    fn as_in_go_a_leaf_in_the_bundle_is_trusted_for_its_names_and_time() {
        let (_, chain) = issued("CA");
        let pinned = Bundle::of(chain[0].clone());
        assert_eq!(verify(&pinned, &chain, NAME, now()), Ok(()));
        assert_eq!(
            verify(&pinned, &chain, "evil.example", now()),
            Err(VerifyError::Name("evil.example".to_owned()))
        );
        assert_eq!(verify(&pinned, &chain, NAME, now() + 31 * DAY), Err(VerifyError::Expired));
    }
}
