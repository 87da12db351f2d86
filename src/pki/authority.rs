//! A certificate authority that can sign: made by [`issue_ca`](super::issue_ca), or read back.

use std::fmt;

use rcgen::{Issuer, KeyPair, PublicKeyData};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::MAX_PEM_BYTES;
use super::bundle::Bundle;
use super::secret::SecretPem;

/// Why a text is no authority that can sign. No message holds bytes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AuthorityError {
    /// More than [`MAX_PEM_BYTES`].
    #[error("the certificate or the key is larger than {MAX_PEM_BYTES} bytes")]
    TooLarge,
    /// The certificate cannot be parsed.
    #[error("there is no certificate in it, or it cannot be parsed")]
    Certificate,
    /// The key cannot be parsed.
    #[error("there is no private key in it, or it cannot be parsed")]
    Key,
    /// The certificate is not an authority's.
    #[error("its certificate is not that of an authority")]
    NotAnAuthority,
    /// The key is another certificate's.
    #[error("its private key does not belong to its certificate")]
    Mismatch,
}

/// A certificate authority that can sign.
pub struct Authority {
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) not_after: OffsetDateTime,
}

impl Authority {
    /// Reads an authority that was written before.
    ///
    /// # Errors
    /// If one of the two cannot be parsed, is too large, or the key is not the certificate's.
    pub fn from_pem(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, AuthorityError> {
        if certificate_pem.len().max(key_pem.len()) > MAX_PEM_BYTES {
            return Err(AuthorityError::TooLarge);
        }
        // The texts of errors are not used: they may quote the input, which may be a key.
        let certificate = CertificateDer::from_pem_slice(certificate_pem)
            .map_err(|_| AuthorityError::Certificate)?;
        let key = std::str::from_utf8(key_pem).map_err(|_| AuthorityError::Key)?;
        let key = KeyPair::from_pem(key).map_err(|_| AuthorityError::Key)?;
        let (_, parsed) =
            X509Certificate::from_der(&certificate).map_err(|_| AuthorityError::Certificate)?;
        let may_sign = parsed.key_usage().ok().flatten().is_none_or(|u| u.value.key_cert_sign());
        if !parsed.is_ca() || !may_sign {
            return Err(AuthorityError::NotAnAuthority);
        }
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(AuthorityError::Mismatch);
        }
        let not_after = parsed.validity().not_after.to_datetime();
        let issuer =
            Issuer::from_ca_cert_der(&certificate, key).map_err(|_| AuthorityError::Certificate)?;
        Ok(Self { issuer, certificate, not_after })
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority's own certificate in PEM: what clients are given as `caBundle`.
    pub fn certificate_pem(&self) -> String {
        Bundle::of(self.certificate.clone()).pem()
    }

    /// The authority's private key in PEM (PKCS #8).
    pub fn key_pem(&self) -> SecretPem {
        SecretPem::new(self.issuer.key().serialize_pem())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{issue_ca, issue_serving, validity, verify};
    use std::time::{Duration, SystemTime};

    const DAY: Duration = Duration::from_secs(86_400);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + 20_000 * DAY
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_authority_that_is_read_again_signs_as_before() {
        let made = issue_ca("Test CA", now(), 50 * DAY).unwrap();
        let (certificate, key) = (made.certificate_pem(), made.key_pem());
        let read = |certificate: &str, key: &str| {
            Authority::from_pem(certificate.as_bytes(), key.as_bytes())
        };
        let again = read(&certificate, key.expose()).unwrap();
        assert_eq!(
            (again.certificate(), again.certificate_pem()),
            (made.certificate(), certificate.clone())
        );
        assert_eq!(again.key_pem(), key);

        let pair = issue_serving(&again, &names(&["a.example"]), now(), 90 * DAY).unwrap();
        let chain = [CertificateDer::from_pem_slice(pair.certificate_pem.as_bytes()).unwrap()];
        let bundle = Bundle::parse(certificate.as_bytes()).unwrap();
        assert_eq!(verify(&bundle, &chain, "a.example", now()), Ok(()));
        assert_eq!(
            validity(&chain[0]).unwrap().not_after,
            validity(made.certificate()).unwrap().not_after
        );
    }

    #[test]
    fn fault_25_what_is_no_authority_is_refused() {
        let made = issue_ca("Test CA", now(), 50 * DAY).unwrap();
        let (certificate, key) = (made.certificate_pem(), made.key_pem());
        let key = key.expose();
        let leaf = issue_serving(&made, &names(&["a.example"]), now(), DAY).unwrap();
        let read = |certificate: &str, key: &str| {
            Authority::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err()
        };
        let other = issue_ca("Test CA", now(), 50 * DAY).unwrap().key_pem();
        assert_eq!(read("", key), AuthorityError::Certificate);
        assert_eq!(read(&certificate[..200], key), AuthorityError::Certificate);
        assert_eq!(read(&certificate, ""), AuthorityError::Key);
        assert_eq!(read(&certificate, &key[..100]), AuthorityError::Key);
        assert_eq!(read(&certificate, &certificate), AuthorityError::Key);
        assert_eq!(read(&certificate, other.expose()), AuthorityError::Mismatch);
        assert_eq!(
            read(&leaf.certificate_pem, leaf.key_pem.expose()),
            AuthorityError::NotAnAuthority
        );
        assert_eq!(read(&certificate.repeat(1000), key), AuthorityError::TooLarge);
    }
}
