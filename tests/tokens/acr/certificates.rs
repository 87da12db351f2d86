//! Applications with a client certificate.

use super::azure::Azure;
use super::{WITH_CERTIFICATE, request};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::decode_header;
use pullpass::tokens::Reason;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData};
use rstest::rstest;

/// A certificate, its key, and what an administrator uploads.
struct Pair {
    certificate: String,
    key: KeyPair,
    thumbprint: String,
}

impl Pair {
    fn new(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate.der()));
        Self { certificate: certificate.pem(), key, thumbprint }
    }

    fn upload(&self, azure: &Azure) {
        azure.upload(self.thumbprint.clone(), self.key.der_bytes().to_vec());
    }

    /// PKCS #1, which PKCS #8 wraps.
    fn old_key(&self) -> String {
        let pkcs8 = self.key.serialize_der();
        // Those before it say that it is of RSA, and how long it is.
        pem::encode(&pem::Pem::new("RSA PRIVATE KEY", &pkcs8[26..]))
    }
}

#[tokio::test]
async fn a_certificate_signs_an_assertion_that_its_public_key_verifies() {
    let azure = Azure::start().await;
    let (pair, chain) = (Pair::new(&PKCS_RSA_SHA256), Pair::new(&PKCS_ECDSA_P256_SHA256));
    pair.upload(&azure);
    let (key, old_key) = (pair.key.serialize_pem(), pair.old_key());
    let (certificate, chain) = (&pair.certificate, &chain.certificate);
    for pem in [
        format!("{certificate}{key}"),
        format!("{key}{certificate}"),
        format!("{certificate}{old_key}"),
        format!("{chain}{certificate}{key}"),
        format!("Bag Attributes\n    friendlyName: team\n{certificate}\r\n{key}")
            .replace('\n', "\r\n"),
    ] {
        let request = request("team.azurecr.io", WITH_CERTIFICATE, pem.as_bytes());
        azure.fetch(&request).await.unwrap();
        let fields = azure.last("POST /entra").fields;
        let names: Vec<_> = fields.keys().map(String::as_str).collect();
        let wanted =
            ["client_assertion", "client_assertion_type", "client_id", "grant_type", "scope"];
        assert_eq!(names, wanted);
        let header = decode_header(&fields["client_assertion"]).unwrap();
        assert_eq!(header.x5t_s256.as_ref(), Some(&pair.thumbprint));
    }
}

#[tokio::test]
async fn a_certificate_that_was_not_uploaded_is_told() {
    let azure = Azure::start().await;
    Pair::new(&PKCS_RSA_SHA256).upload(&azure);
    let other = Pair::new(&PKCS_RSA_SHA256);
    let pem = format!("{}{}", other.certificate, other.key.serialize_pem());
    let failure = azure.fetch(&request("team.azurecr.io", WITH_CERTIFICATE, pem.as_bytes())).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.reason, Reason::Unauthorized);
    assert!(failure.message.contains("AADSTS700027: the certificate is none of the"), "{failure}");
}

#[rstest]
#[case::nothing("x", "it has no RSA private key; put the certificate and its key")]
#[case::broken("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "it is not PEM")]
#[case::no_certificate("KEY", "it has no certificate; put the certificate and its key")]
#[case::no_key("CERTIFICATE", "it has no RSA private key; put the certificate and its key")]
#[case::encrypted(
    "CERTIFICATE-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
    "its private key is encrypted; decrypt it with `openssl pkey`"
)]
#[case::of_another("CERTIFICATEOTHER", "its private key is not that of its certificate")]
#[case::elliptic("CERTIFICATECURVE", "its private key is none of RSA with 2048 bits or more")]
#[tokio::test]
async fn fault_51_what_cannot_sign_is_told_and_not_shown(#[case] pem: &str, #[case] told: &str) {
    let azure = Azure::start().await;
    let (pair, other) = (Pair::new(&PKCS_RSA_SHA256), Pair::new(&PKCS_RSA_SHA256));
    let curve = Pair::new(&PKCS_ECDSA_P256_SHA256);
    let value = pem
        .replace("CERTIFICATEOTHER", &format!("{}{}", pair.certificate, other.key.serialize_pem()))
        .replace(
            "CERTIFICATECURVE",
            &format!("{}{}", curve.certificate, curve.key.serialize_pem()),
        );
    let value = match pem {
        "KEY" => pair.key.serialize_pem(),
        "CERTIFICATE" => pair.certificate.clone(),
        _ => value
            .replace("CERTIFICATE-----BEGIN ENC", &format!("{}-----BEGIN ENC", pair.certificate)),
    };
    let request = request("team.azurecr.io", WITH_CERTIFICATE, value.as_bytes());
    let failure = azure.fetch(&request).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Settings);
    let told = format!("the key `value` of the Secret azure: {told}");
    assert!(failure.message.starts_with(&told), "{failure}");
    assert!(!value.lines().any(|line| line.len() > 30 && failure.message.contains(line)));
    assert!(azure.asked().is_empty());
}
