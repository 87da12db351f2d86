//! Images that are looked up at their registries, by the protocol of the OCI Distribution Specification.

use std::time::Duration;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use rustls::pki_types::CertificateDer;

use crate::credentials::Entry;

const ABSENT: &str = "the registry has no such image, or does not show it to this user";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a look-up, whatever becomes of it.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Most errors of one answer that are told.
const MAX_CODES: usize = 4;

/// Asks registries.
#[derive(Debug, Clone)]
pub struct Registries {
    authorities: Vec<Certificate>,
    plain: Vec<String>,
}

impl Registries {
    /// `authorities` are all that are trusted; `plain` are the hosts that are asked by plain HTTP.
    pub fn new(authorities: &[CertificateDer<'_>], plain: &[String]) -> Self {
        let certificate = |der: &CertificateDer<'_>| Certificate {
            encoding: CertificateEncoding::Der,
            data: der.to_vec(),
        };
        let authorities = authorities.iter().map(certificate).collect();
        Self { authorities, plain: plain.to_vec() }
    }

    /// One for each look-up: a client keeps the first credential of a host, and tokens by image.
    fn client(&self) -> Result<Client, OciDistributionError> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Client::try_from(ClientConfig {
            protocol: ClientProtocol::HttpsExcept(self.plain.clone()),
            tls_certs_only: self.authorities.clone(),
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(TIMEOUT),
            user_agent: concat!("pullpass/", env!("CARGO_PKG_VERSION")),
            https_proxy: environment("HTTPS_PROXY").or_else(|| environment("https_proxy")),
            no_proxy: environment("NO_PROXY").or_else(|| environment("no_proxy")),
            ..ClientConfig::default()
        })
    }

    /// Looks an image up with a credential, as the kubelet's runtime does before it pulls.
    ///
    /// # Errors
    /// What the registry said, and nothing of the credential.
    pub async fn look_up(&self, image: &str, credential: &Entry) -> Result<(), String> {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec());
            text.map_err(|_| "the credential is not UTF-8".to_owned())
        };
        let reference: Reference = image.parse().map_err(|error| format!("{error}"))?;
        let (user, password) =
            (text(credential.username().expose())?, text(credential.password().expose())?);
        let auth = RegistryAuth::Basic(user, password);
        let client = self.client().map_err(|error| told(&error))?;
        let looked = tokio::time::timeout(TIMEOUT, client.fetch_manifest_digest(&reference, &auth));
        match looked.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(told(&error)),
            Err(_) => Err(format!("the registry gave no answer within {} s", TIMEOUT.as_secs())),
        }
    }
}

/// What is wrong, with nothing of a body: a registry may repeat what it was sent.
fn told(error: &OciDistributionError) -> String {
    let transport = |error: &reqwest::Error| {
        let mut told = String::new();
        let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
        while let Some(cause) = source {
            told = cause.to_string();
            source = cause.source();
        }
        match error.status() {
            Some(status) => format!("the registry answered with status {}", status.as_u16()),
            None if error.is_timeout() => "the registry gave no answer in time".to_owned(),
            None => format!("the registry cannot be asked: {told}"),
        }
    };
    match error {
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_) => {
            "the registry refuses the user name and the password".to_owned()
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let codes = envelope.errors.iter().map(|error| &error.code);
            let is_absent = |code: &OciErrorCode| {
                matches!(code, OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown)
            };
            if codes.clone().any(is_absent) {
                return ABSENT.to_owned();
            }
            let codes = codes.map(|code| match code {
                OciErrorCode::Other(_) => "an error of its own".to_owned(),
                code => format!("{code:?}"),
            });
            let codes: Vec<String> = codes.take(MAX_CODES).collect();
            format!("the registry refuses it: {}", codes.join(", "))
        }
        OciDistributionError::ImageManifestNotFoundError(_)
        | OciDistributionError::ServerError { code: 404, .. } => ABSENT.to_owned(),
        OciDistributionError::ServerError { code, .. } => {
            format!("the registry answered with status {code}")
        }
        OciDistributionError::RequestError(error) => transport(error),
        _ => "the registry's answer cannot be understood".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_51_of_a_refusal_only_documented_codes_are_told() {
        let of = |codes: &[&str]| {
            let error = |code: &&str| serde_json::json!({"code": code, "message": "hunter2"});
            let errors: Vec<_> = codes.iter().map(error).collect();
            let envelope = serde_json::from_value(serde_json::json!({"errors": errors})).unwrap();
            told(&OciDistributionError::RegistryError { envelope, url: "hunter2".to_owned() })
        };
        assert_eq!(of(&["DENIED"]), "the registry refuses it: Denied");
        assert_eq!(
            of(&["hunter2", "DENIED"]),
            "the registry refuses it: an error of its own, Denied"
        );
        assert!(of(&vec!["DENIED"; 10_000]).len() < 100);
    }
}
