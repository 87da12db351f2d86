//! Certificates of the tests: an authority of its own for each server.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use time::OffsetDateTime;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate chain and its key, both as PEM.
#[derive(Clone)]
pub struct Leaf {
    pub certificate: String,
    pub key: String,
}

/// The Secret `pullpass-tls` with this certificate.
pub fn tls_secret(leaf: &Leaf, authority: &Authority) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "pullpass-tls", "namespace": "pullpass-system"},
        "stringData": {
            "tls.crt": leaf.certificate,
            "tls.key": leaf.key,
            "ca.crt": authority.pem(),
        },
    })
}

impl Authority {
    pub fn new(common_name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, common_name);
        Self(CertifiedIssuer::self_signed(params, key_pair()).expect("an authority is issued"))
    }

    /// The authority's certificate as PEM: what a `caBundle` holds.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The authority's certificate as DER.
    pub fn der(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    /// Issues a serving certificate for DNS names and IP addresses.
    pub fn issue(&self, names: &[&str]) -> Leaf {
        self.issue_until(names, date_time_ymd(4096, 1, 1))
    }

    /// Issues one whose time is over.
    pub fn issue_expired(&self, names: &[&str]) -> Leaf {
        self.issue_until(names, date_time_ymd(2020, 1, 1))
    }

    /// Issues one that is valid until then.
    pub fn issue_until(&self, names: &[&str], end: OffsetDateTime) -> Leaf {
        self.sign(&serving(names, date_time_ymd(1975, 1, 1), end))
    }

    /// Issues one that is valid from then on.
    pub fn issue_from(&self, names: &[&str], start: OffsetDateTime) -> Leaf {
        self.sign(&serving(names, start, date_time_ymd(4096, 1, 1)))
    }

    /// Issues a client's certificate by its common name, valid until then.
    pub fn issue_client(&self, common_name: &str, end: OffsetDateTime) -> Leaf {
        let mut params = serving(&[], date_time_ymd(1975, 1, 1), end);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Leaf {
        let key = key_pair();
        let certificate = params.signed_by(&key, &self.0).expect("a certificate is issued");
        Leaf { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn serving(names: &[&str], start: OffsetDateTime, end: OffsetDateTime) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("the names are valid");
    params.not_before = start;
    params.not_after = end;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

impl Leaf {
    /// The certificate as DER: what a server presents.
    pub fn der(&self) -> Vec<u8> {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        der.expect("the certificate is PEM").to_vec()
    }
}

/// A new P-256 key.
pub fn key_pair() -> KeyPair {
    KeyPair::generate().expect("a key is generated")
}
