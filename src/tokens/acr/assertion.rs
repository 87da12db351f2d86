//! The assertion by which an application with a certificate is known: a JWT, signed with the key of the
//! certificate, which the header names by its thumbprint.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pem::Pem;
use serde_json::json;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Microsoft Entra wants no more than 10 minutes.
const LIFE: Duration = Duration::from_secs(300);

/// Signs one. `pem` has a certificate and its private key, in whatever order, and may have others of its chain.
///
/// # Errors
/// Why it cannot be signed. Nothing of `pem` is in it.
pub fn sign(
    pem: &[u8],
    client_id: &str,
    audience: &str,
    now: SystemTime,
) -> Result<String, String> {
    let sections = pem::parse_many(pem).map_err(|_| "it is not PEM".to_owned())?;
    let key = private_key(&sections)?;
    let certificate = certificate_of(&sections, key)?;
    let thumbprint = digest(&SHA256, certificate);
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(thumbprint));
    let seconds = |at: SystemTime| {
        at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    };
    let claims = json!({
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": random_uuid()?,
        "iat": seconds(now),
        "nbf": seconds(now),
        "exp": seconds(now + LIFE),
    });
    let failed = |_| "its private key cannot sign".to_owned();
    let signing = EncodingKey::from_rsa_pem(pem::encode(key).as_bytes()).map_err(failed)?;
    jsonwebtoken::encode(&header, &claims, &signing).map_err(failed)
}

fn private_key(sections: &[Pem]) -> Result<&Pem, String> {
    let of = |tags: &[&str]| sections.iter().find(|section| tags.contains(&section.tag()));
    if let Some(key) = of(&["PRIVATE KEY", "RSA PRIVATE KEY"]) {
        return Ok(key);
    }
    Err(match of(&["ENCRYPTED PRIVATE KEY"]) {
        Some(_) => "its private key is encrypted; decrypt it with `openssl pkey`".to_owned(),
        None => "it has no RSA private key; put the certificate and its key, both as PEM, under one key of the Secret".to_owned(),
    })
}

/// The certificate that the key is of.
fn certificate_of<'a>(sections: &'a [Pem], key: &Pem) -> Result<&'a [u8], String> {
    let pair = match key.tag() {
        "PRIVATE KEY" => KeyPair::from_pkcs8(key.contents()),
        _ => KeyPair::from_der(key.contents()),
    };
    let pair = pair.map_err(|_| {
        "its private key is none of RSA with 2048 bits or more, which Microsoft Entra wants"
            .to_owned()
    })?;
    let public = pair.public_key().as_ref();
    let certificates = sections.iter().filter(|section| section.tag() == "CERTIFICATE");
    let is_of_key = |section: &&Pem| {
        X509Certificate::from_der(section.contents())
            .is_ok_and(|(_, it)| &*it.public_key().subject_public_key.data == public)
    };
    let found = certificates.clone().find(is_of_key).map(Pem::contents);
    found.ok_or_else(|| match certificates.count() {
        0 => "it has no certificate; put the certificate and its key, both as PEM, under one key of the Secret".to_owned(),
        _ => "its private key is not that of its certificate".to_owned(),
    })
}

/// A version 4 UUID (RFC 9562, 5.4).
fn random_uuid() -> Result<String, String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "there is no randomness".to_owned())?;
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | 4 << 76 | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(parts.join("-"))
}
