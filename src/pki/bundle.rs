//! A set of certificates that are trusted as authorities: what a `caBundle` holds.

use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::MAX_PEM_BYTES;

/// Why a text is no bundle. No message holds bytes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BundleError {
    /// More than [`MAX_PEM_BYTES`].
    #[error("it is larger than {MAX_PEM_BYTES} bytes")]
    TooLarge,
    /// Broken PEM.
    #[error("it is not valid PEM")]
    Pem,
    /// PEM around something else than a certificate.
    #[error("one of its certificates is not X.509")]
    NotX509,
}

/// Certificates of authorities, in order, none twice.
#[derive(Clone, Default, Eq)]
pub struct Bundle(Vec<CertificateDer<'static>>);

impl Bundle {
    /// Reads the certificates of a PEM text; whatever else stands in it does not count.
    ///
    /// # Errors
    /// If the PEM or one of the certificates is broken, or the text is too large.
    pub fn parse(pem: &[u8]) -> Result<Self, BundleError> {
        if pem.len() > MAX_PEM_BYTES {
            return Err(BundleError::TooLarge);
        }
        let mut bundle = Self::default();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| BundleError::Pem)?;
            if !is_x509(&certificate) {
                return Err(BundleError::NotX509);
            }
            bundle.insert(certificate);
        }
        Ok(bundle)
    }

    /// Reads a published `caBundle` as API servers do: what cannot be parsed in it is passed over.
    /// (Go's `CertPool.AppendCertsFromPEM`.)
    pub fn parse_published(pem: &[u8]) -> Self {
        let certificates = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
        let mut bundle = Self::default();
        for certificate in certificates.filter(|certificate| is_x509(certificate)) {
            bundle.insert(certificate);
        }
        bundle
    }

    /// The bundle of one certificate.
    pub fn of(certificate: CertificateDer<'static>) -> Self {
        Self(vec![certificate])
    }

    /// Adds a certificate at the end, if it is not there yet.
    pub fn insert(&mut self, certificate: CertificateDer<'static>) {
        if !self.contains(&certificate) {
            self.0.push(certificate);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The certificates.
    pub fn iter(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter()
    }

    /// Whether this certificate is one of them.
    pub fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.0.iter().any(|held| held == certificate)
    }

    /// Whether all of `other` are among them.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|certificate| self.contains(certificate))
    }

    /// These, and then those of `other` that are not among them.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for certificate in other.iter() {
            all.insert(certificate.clone());
        }
        all
    }

    /// Those that `keep` says.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&CertificateDer<'static>) -> bool) -> Self {
        Self(self.0.iter().filter(|certificate| keep(certificate)).cloned().collect())
    }

    /// The PEM text, as a `caBundle` has it.
    pub fn pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        let section = |der: &CertificateDer<'_>| pem::Pem::new("CERTIFICATE", der.to_vec());
        self.0.iter().map(|der| pem::encode_config(&section(der), config)).collect()
    }
}

fn is_x509(certificate: &CertificateDer<'_>) -> bool {
    matches!(X509Certificate::from_der(certificate), Ok(([], _)))
}

/// The order does not count.
impl PartialEq for Bundle {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.contains_all(other)
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundle({} certificates)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::issue_ca;
    use std::time::{Duration, SystemTime};

    fn ca(name: &str) -> String {
        issue_ca(name, SystemTime::now(), Duration::from_secs(3600)).unwrap().certificate_pem()
    }

    #[test]
    fn a_bundle_is_a_set_that_is_written_as_it_is_read() {
        let (a, b) = (ca("a"), ca("b"));
        let both = Bundle::parse(format!("# comment\n{a}{b}{a}").as_bytes()).unwrap();
        let reversed = Bundle::parse(format!("{b}{a}").as_bytes()).unwrap();
        assert_eq!(both.len(), 2);
        assert_eq!(both, reversed);
        assert_eq!(Bundle::parse(both.pem().as_bytes()).unwrap(), both);
        assert_eq!(both.pem(), format!("{a}{b}"));
        let only_a = Bundle::parse(a.as_bytes()).unwrap();
        assert!(both.contains_all(&only_a) && !only_a.contains_all(&both));
        assert_eq!(only_a.union(&reversed), both);
    }

    #[test]
    fn fault_25_broken_pem_is_refused_and_nothing_is_an_empty_bundle() {
        let a = ca("a");
        assert!(Bundle::parse(b"").unwrap().is_empty());
        assert_eq!(Bundle::parse(&a.as_bytes()[..a.len() / 2]), Err(BundleError::Pem));
        assert_eq!(Bundle::parse(a.replacen("MI", "!!", 1).as_bytes()), Err(BundleError::Pem));
        let not_x509 = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        assert_eq!(Bundle::parse(not_x509.as_bytes()), Err(BundleError::NotX509));
        assert_eq!(Bundle::parse(a.repeat(1000).as_bytes()), Err(BundleError::TooLarge));
    }

    #[test]
    fn of_what_is_published_the_good_part_counts() {
        let (a, b) = (ca("a"), ca("b"));
        let both = Bundle::parse(format!("{a}{b}").as_bytes()).unwrap();
        let not_x509 = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let not_base64 = a.replacen("MI", "!!", 1);
        let cut = &a[..a.len() / 2];
        let published = format!("text\n{not_x509}{a}{not_base64}{b}{cut}");
        assert_eq!(Bundle::parse_published(published.as_bytes()), both);
        for nothing in ["", "text", not_x509, &not_base64, cut] {
            assert!(Bundle::parse_published(nothing.as_bytes()).is_empty(), "{nothing}");
        }
        let large = format!("{}{b}", a.repeat(1000));
        assert_eq!(Bundle::parse_published(large.as_bytes()), both);
    }
}
