//! Issuing authorities, and the serving certificates that they sign: ECDSA P-256.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use thiserror::Error;
use time::OffsetDateTime;

use super::authority::Authority;
use super::secret::SecretPem;

/// How far NotBefore lies before the time of issue: clocks in a cluster differ, and one that takes local
/// time for UTC differs by hours.
pub const BACKDATED: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a certificate was not issued.
#[derive(Debug, Error)]
pub enum IssueError {
    /// A serving certificate needs a name.
    #[error(
        "issue a certificate: no name was given; give the DNS names or IP addresses that clients connect to"
    )]
    NoNames,
    /// A name that no certificate can carry.
    #[error("issue a certificate: `{name}` is neither a DNS name nor an IP address")]
    Name {
        /// The name.
        name: String,
    },
    /// The lifetime ends beyond the calendar.
    #[error("issue a certificate: a lifetime of {} days is too long", .lifetime.as_secs() / 86_400)]
    Lifetime {
        /// The lifetime asked for.
        lifetime: Duration,
    },
    /// The random source or the signature failed.
    #[error("issue a certificate: {0}")]
    Crypto(#[from] rcgen::Error),
}

/// A certificate and its private key.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// The private key in PEM (PKCS #8).
    pub key_pem: SecretPem,
}

/// A serving certificate and the authority's certificate that clients verify it by.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// The serving certificate and its key.
    pub pair: Pair,
    /// The authority's certificate in PEM. Its key is gone.
    pub ca_pem: String,
}

/// Makes an authority named `name` that may sign leaves and no further authority.
///
/// # Errors
/// If the lifetime is too long, or the cryptography fails.
pub fn issue_ca(name: &str, now: SystemTime, lifetime: Duration) -> Result<Authority, IssueError> {
    let mut params = params(name, now, lifetime)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let not_after = params.not_after;
    let key = new_key()?;
    let certificate = params.self_signed(&key)?.der().clone();
    Ok(Authority { issuer: Issuer::new(params, key), certificate, not_after })
}

/// Issues a server certificate for DNS names and IP addresses; it does not outlive its authority.
///
/// # Errors
/// If there is no name or one is invalid, the lifetime is too long, or the cryptography fails.
pub fn issue_serving(
    ca: &Authority,
    names: &[String],
    now: SystemTime,
    lifetime: Duration,
) -> Result<Pair, IssueError> {
    let first = names.first().ok_or(IssueError::NoNames)?;
    let mut params = params(first, now, lifetime)?;
    params.not_after = params.not_after.min(ca.not_after);
    params.subject_alt_names = alternative_names(names)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = new_key()?;
    let certificate = params.signed_by(&key, &ca.issuer)?;
    Ok(Pair { certificate_pem: certificate.pem(), key_pem: SecretPem::new(key.serialize_pem()) })
}

/// Makes an authority and one serving certificate, both in memory, for development.
///
/// # Errors
/// As [`issue_ca`] and [`issue_serving`].
pub fn self_signed(
    names: &[String],
    now: SystemTime,
    lifetime: Duration,
) -> Result<SelfSigned, IssueError> {
    let ca = issue_ca("Pullpass development CA", now, lifetime)?;
    Ok(SelfSigned { pair: issue_serving(&ca, names, now, lifetime)?, ca_pem: ca.certificate_pem() })
}

fn params(
    name: &str,
    now: SystemTime,
    lifetime: Duration,
) -> Result<CertificateParams, IssueError> {
    let not_after = now
        .checked_add(lifetime)
        .filter(|end| *end < latest())
        .ok_or(IssueError::Lifetime { lifetime })?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    // A common name has at most 64 characters; clients go by the alternative names.
    let common_name: String = name.chars().take(64).collect();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before =
        now.checked_sub(BACKDATED).map_or(OffsetDateTime::UNIX_EPOCH, OffsetDateTime::from);
    params.not_after = OffsetDateTime::from(not_after);
    Ok(params)
}

/// The end of the year 9999, the last that a certificate can name.
fn latest() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799)
}

fn alternative_names(names: &[String]) -> Result<Vec<rcgen::SanType>, IssueError> {
    names
        .iter()
        .map(|name| {
            if let Ok(address) = name.parse() {
                return Ok(rcgen::SanType::IpAddress(address));
            }
            let refused = || IssueError::Name { name: name.clone() };
            if !is_dns_name(name) {
                return Err(refused());
            }
            let name = name.as_str().try_into().map_err(|_| refused())?;
            Ok(rcgen::SanType::DnsName(name))
        })
        .collect()
}

/// Whether a certificate can carry this DNS name. A wildcard is one: `*.example.com`.
pub fn is_dns_name(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    rustls::pki_types::DnsName::try_from(name).is_ok()
}

fn new_key() -> Result<KeyPair, IssueError> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::pem::parse_x509_pem;
    use x509_parser::prelude::ParsedExtension;

    const DAY: Duration = Duration::from_secs(86_400);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + 20_000 * DAY
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn fault_24_a_leaf_is_backdated_for_servers_only_and_linked_to_its_authority() {
        let ca = issue_ca("Test CA", now(), 30 * DAY).unwrap();
        let pair =
            issue_serving(&ca, &names(&["a.example", "127.0.0.1"]), now(), 10 * DAY).unwrap();
        let (_, ca_pem) = parse_x509_pem(ca.certificate_pem().as_bytes()).unwrap();
        let (_, pem) = parse_x509_pem(pair.certificate_pem.as_bytes()).unwrap();
        let (root, leaf) = (ca_pem.parse_x509().unwrap(), pem.parse_x509().unwrap());

        let start = i64::try_from((20_000 * DAY - BACKDATED).as_secs()).unwrap();
        assert_eq!(leaf.validity().not_before.timestamp(), start);
        assert_eq!(leaf.validity().not_after.timestamp() - start, 11 * 86_400);
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.client_auth && !usage.any);
        assert!(leaf.key_usage().unwrap().unwrap().value.digital_signature());
        assert!(!leaf.is_ca());
        assert_eq!(leaf.subject_alternative_name().unwrap().unwrap().value.general_names.len(), 2);

        assert!(root.is_ca() && root.key_usage().unwrap().unwrap().value.key_cert_sign());
        let key_id =
            root.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
                _ => None,
            });
        let issuer_id =
            leaf.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    id.key_identifier.as_ref().map(|id| id.0)
                }
                _ => None,
            });
        assert!(key_id.is_some() && key_id == issuer_id);
    }

    #[test]
    fn a_leaf_does_not_outlive_its_authority() {
        let ca = issue_ca("Test CA", now(), 5 * DAY).unwrap();
        let pair = issue_serving(&ca, &names(&["a.example"]), now(), 10 * DAY).unwrap();
        let (_, pem) = parse_x509_pem(pair.certificate_pem.as_bytes()).unwrap();
        let end = pem.parse_x509().unwrap().validity().not_after.timestamp();
        assert_eq!(end, 20_005 * 86_400);
    }

    #[test]
    fn what_cannot_be_issued_is_refused_by_name() {
        let ca = issue_ca("Test CA", now(), 5 * DAY).unwrap();
        let issue = |list: &[&str]| issue_serving(&ca, &names(list), now(), DAY);
        assert!(matches!(issue(&[]), Err(IssueError::NoNames)));
        for bad in ["", "a b", "ä.example", "a..b", "https://a"] {
            assert!(matches!(issue(&[bad]), Err(IssueError::Name { name }) if name == bad));
        }
        assert!(issue(&["*.a.example", "::1", "localhost"]).is_ok());
        assert!(matches!(issue_ca("x", now(), Duration::MAX), Err(IssueError::Lifetime { .. })));
    }
}
