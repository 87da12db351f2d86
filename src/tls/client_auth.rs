//! Which clients may connect: those whose certificate an authority of ours has signed.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::load::dns_names;

/// Why a file of authorities was not taken. No message holds bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AuthoritiesError {
    /// No `CERTIFICATE` section.
    #[error(
        "load the authorities of client certificates: there is no certificate in it; expected PEM that begins with -----BEGIN CERTIFICATE-----"
    )]
    Empty,
    /// Broken PEM, or a certificate that cannot be read.
    #[error(
        "load the authorities of client certificates: certificate {number} cannot be parsed; it may be cut short"
    )]
    Unparsable {
        /// Which one, from 1.
        number: usize,
    },
}

/// The authorities whose clients are let in, and the names that these clients have; exchanged while
/// serving, for the handshakes to come. Before there are any, every handshake is refused.
#[derive(Debug)]
pub struct ClientAuth {
    authorities: ArcSwapOption<Authorities>,
    names: Vec<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Authorities(Arc<dyn ClientCertVerifier>);

impl ClientAuth {
    /// No client yet. If `names` are given a client needs one of them, as common name or DNS name.
    pub fn new(names: Vec<String>) -> Self {
        Self {
            authorities: ArcSwapOption::empty(),
            names,
            algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
        }
    }

    /// Puts the authorities of a PEM file in force and says how many they are.
    ///
    /// # Errors
    /// Why not; those in force stay.
    pub fn install(&self, pem: &[u8]) -> Result<usize, AuthoritiesError> {
        let mut roots = RootCertStore::empty();
        for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
            let unparsable = AuthoritiesError::Unparsable { number };
            roots.add(certificate.map_err(|_| unparsable)?).map_err(|_| unparsable)?;
        }
        let count = roots.len();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|_| AuthoritiesError::Empty)?;
        self.authorities.store(Some(Arc::new(Authorities(verifier))));
        Ok(count)
    }

    /// Whether there are authorities.
    pub fn is_loaded(&self) -> bool {
        self.authorities.load().is_some()
    }

    fn check_name(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if self.names.is_empty() {
            return Ok(());
        }
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
            return Err(CertificateError::BadEncoding.into());
        };
        let mut common_names =
            certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        let alternatives = dns_names(&certificate);
        let is_named = common_names.any(|name| self.names.iter().any(|wanted| wanted == name))
            || alternatives
                .iter()
                .any(|name| self.names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)));
        match is_named {
            true => Ok(()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }
}

impl ClientCertVerifier for ClientAuth {
    /// No hints: they would have to outlive an exchange, and who is asked for a certificate has one.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let authorities = self.authorities.load();
        let Some(authorities) = authorities.as_ref() else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        let verified = authorities.0.verify_client_cert(end_entity, intermediates, now)?;
        self.check_name(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::issue_ca;
    use std::time::{Duration, SystemTime};

    fn authority() -> String {
        let day = Duration::from_secs(86_400);
        issue_ca("clients", SystemTime::now(), day).unwrap().certificate_pem()
    }

    #[test]
    fn fault_25_a_bad_file_leaves_the_authorities_in_force() {
        let auth = ClientAuth::new(vec![]);
        assert_eq!(auth.install(b""), Err(AuthoritiesError::Empty));
        assert!(!auth.is_loaded());
        let (one, two) = (authority(), authority());
        assert_eq!(auth.install(format!("{one}{two}").as_bytes()), Ok(2));
        let in_force = auth.authorities.load_full().unwrap();
        let cut = format!("{one}{}", &two[..two.len() / 2]);
        let garbled = one.replacen("MI", "!!", 1);
        for (bad, error) in [
            (String::new(), AuthoritiesError::Empty),
            ("no PEM at all".into(), AuthoritiesError::Empty),
            (cut, AuthoritiesError::Unparsable { number: 2 }),
            (garbled, AuthoritiesError::Unparsable { number: 1 }),
        ] {
            assert_eq!(auth.install(bad.as_bytes()), Err(error));
            assert!(Arc::ptr_eq(&in_force, &auth.authorities.load_full().unwrap()));
        }
    }
}
