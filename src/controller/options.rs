//! What the controller is to do, checked.

use std::time::Duration;

/// Who issues the webhook's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CertificateMode {
    /// This controller: the authority, the serving certificate and the caBundles.
    #[default]
    Managed,
    /// Somebody else, such as cert-manager: nothing is written, only the expiry is reported.
    External,
}

/// How the webhook's certificate is looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateOptions {
    /// Who issues it.
    pub mode: CertificateMode,
    /// The namespace of both Secrets.
    pub namespace: String,
    /// The Service of the webhook.
    pub service: String,
    /// DNS names and IP addresses that the serving certificate is for.
    pub names: Vec<String>,
    /// The Secret of the authority.
    pub ca_secret: String,
    /// The Secret of the serving certificate.
    pub tls_secret: String,
    /// The name of both webhook configurations whose caBundle is kept.
    pub webhook_configuration: String,
    /// How long an authority is valid.
    pub ca_lifetime: Duration,
    /// The part of its life after which an authority is renewed.
    pub ca_renewal_percent: u8,
    /// How long a serving certificate is valid.
    pub certificate_lifetime: Duration,
    /// The part of its life after which a serving certificate is renewed.
    pub certificate_renewal_percent: u8,
    /// From every caBundle carrying a new authority to the first certificate signed by it.
    pub propagation_delay: Duration,
    /// From a new certificate in the Secret to the old authority being dropped.
    pub pickup_delay: Duration,
}
