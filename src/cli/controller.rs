//! `pullpass controller`: arguments -> checked options -> the running process.

use super::{
    process::{self, ProcessArgs},
    tokens::TokenArgs,
};
use crate::{
    cluster::{ObjectName, leader::LeaseOptions, lease::LeaseTimes},
    config::{DNS_LABEL_HINT, DNS_SUBDOMAIN_HINT, is_dns_label, is_dns_subdomain},
    controller::{
        CertificateMode, CertificateOptions, CopyMode, CopyOptions,
        process::{Options, serve},
    },
    pki::is_dns_name,
    server::{parse_duration, parse_lifetime},
};
use clap::{Args, value_parser};
use std::{net::IpAddr, time::Duration};

/// Looks after the webhook's certificate; of several replicas one is active.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  pullpass controller --kubeconfig ~/.kube/config --admin-listen 127.0.0.1:8081"
)]
pub struct ControllerArgs {
    /// The namespace of its Lease and of the Secrets
    #[arg(long, value_name = "NS", env = "PULLPASS_NAMESPACE", value_parser = label, default_value = "pullpass-system")]
    namespace: String,
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    certificates: CertificateArgs,
    #[command(flatten)]
    copies: CopyArgs,
    #[command(flatten)]
    tokens: TokenArgs,
    #[command(flatten)]
    lease: LeaseArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Certificates")]
#[group(skip)]
struct CertificateArgs {
    /// Who issues the webhook's certificate
    #[arg(
        long,
        value_name = "MODE",
        env = "PULLPASS_CERTIFICATES",
        value_enum,
        default_value = "managed"
    )]
    certificates: CertificateMode,
    /// The webhook's Service; the certificate is for NAME, NAME.NS, NAME.NS.svc and NAME.NS.svc.cluster.local
    #[arg(long, value_name = "NAME", env = "PULLPASS_SERVICE", value_parser = label, default_value = "pullpass-webhook")]
    service: String,
    /// A further DNS name (`*.DOMAIN` too) or IP address that the certificate is for; more with commas, or given again
    #[arg(
        long,
        value_name = "DNS|IP",
        env = "PULLPASS_CERTIFICATE_NAME",
        value_parser = certificate_name,
        value_delimiter = ','
    )]
    certificate_name: Vec<String>,
    /// The Secret of the authority
    #[arg(long, value_name = "NAME", env = "PULLPASS_CA_SECRET", value_parser = subdomain, default_value = "pullpass-ca")]
    ca_secret: String,
    /// The Secret of the serving certificate, which the webhook reads
    #[arg(long, value_name = "NAME", env = "PULLPASS_TLS_SECRET", value_parser = subdomain, default_value = "pullpass-tls")]
    tls_secret: String,
    /// The Mutating- and the ValidatingWebhookConfiguration of this name have their caBundle kept
    #[arg(long, value_name = "NAME", env = "PULLPASS_WEBHOOK_CONFIGURATION", value_parser = subdomain, default_value = "pullpass")]
    webhook_configuration: String,
    /// How long an authority is valid
    #[arg(long, value_name = "TIME", env = "PULLPASS_CA_LIFETIME", value_parser = parse_lifetime, default_value = "365d")]
    ca_lifetime: Duration,
    /// The part of its life after which an authority is renewed
    #[arg(long, value_name = "10..95", env = "PULLPASS_CA_RENEWAL_PERCENT", value_parser = value_parser!(u8).range(10..=95), default_value_t = 67)]
    ca_renewal_percent: u8,
    /// How long a serving certificate is valid
    #[arg(long, value_name = "TIME", env = "PULLPASS_CERTIFICATE_LIFETIME", value_parser = parse_lifetime, default_value = "30d")]
    certificate_lifetime: Duration,
    /// The part of its life after which a serving certificate is renewed
    #[arg(long, value_name = "10..95", env = "PULLPASS_CERTIFICATE_RENEWAL_PERCENT", value_parser = value_parser!(u8).range(10..=95), default_value_t = 67)]
    certificate_renewal_percent: u8,
    /// From every caBundle carrying a new authority to the first certificate signed by it
    #[arg(long, value_name = "TIME", env = "PULLPASS_PROPAGATION_DELAY", value_parser = parse_duration, default_value = "1m")]
    propagation_delay: Duration,
    /// From a new certificate in the Secret to the old authority being dropped
    #[arg(long, value_name = "TIME", env = "PULLPASS_PICKUP_DELAY", value_parser = parse_duration, default_value = "10m")]
    pickup_delay: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Copies of pull secrets")]
#[group(skip)]
struct CopyArgs {
    /// Which pull secrets are copied to namespaces
    #[arg(
        long,
        value_name = "MODE",
        env = "PULLPASS_COPIES",
        value_enum,
        default_value = "granted"
    )]
    copies: CopyMode,
    /// The ConfigMap of the configuration [default: NS/pullpass, of --namespace]
    #[arg(long, value_name = "NS/NAME", env = "PULLPASS_CONFIG_MAP")]
    config_map: Option<ObjectName>,
    /// For how long the copies of a Secret that was shared by label outlast its deletion
    #[arg(long, value_name = "TIME", env = "PULLPASS_SHARED_GRACE", value_parser = parse_duration, default_value = "10m")]
    shared_grace: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Leader election")]
#[group(skip)]
struct LeaseArgs {
    /// The Lease that the active replica holds
    #[arg(long, value_name = "NAME", env = "PULLPASS_LEASE_NAME", value_parser = subdomain, default_value = "pullpass-controller")]
    lease_name: String,
    /// How long the Lease must stand unchanged before another replica takes it
    #[arg(long, value_name = "TIME", env = "PULLPASS_LEASE_DURATION", value_parser = parse_duration, default_value = "15s")]
    lease_duration: Duration,
    /// After this time without a renewal the active replica stops; shorter than --lease-duration
    #[arg(long, value_name = "TIME", env = "PULLPASS_LEASE_RENEW_DEADLINE", value_parser = parse_duration, default_value = "10s")]
    lease_renew_deadline: Duration,
    /// Between two tries; shorter than --lease-renew-deadline
    #[arg(long, value_name = "TIME", env = "PULLPASS_LEASE_RETRY_PERIOD", value_parser = parse_duration, default_value = "2s")]
    lease_retry_period: Duration,
}

fn label(text: &str) -> Result<String, &'static str> {
    match is_dns_label(text) {
        true => Ok(text.to_owned()),
        false => Err(DNS_LABEL_HINT),
    }
}

fn subdomain(text: &str) -> Result<String, &'static str> {
    match is_dns_subdomain(text) {
        true => Ok(text.to_owned()),
        false => Err(DNS_SUBDOMAIN_HINT),
    }
}

fn certificate_name(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_name = is_dns_name(text) && is_dns_subdomain(name);
    match text.parse::<IpAddr>().is_ok() || is_name {
        true => Ok(text.to_owned()),
        false => Err(format!("it is neither an IP address nor a DNS name: {DNS_SUBDOMAIN_HINT}")),
    }
}

/// Runs the controller until a signal ends it.
pub fn run(args: ControllerArgs) -> anyhow::Result<()> {
    let logging = args.process.logging();
    let options = args.options().map_err(|message| super::usage_error("controller", &message))?;
    process::run(&logging, serve(options))
}

impl ControllerArgs {
    fn options(self) -> Result<Options, String> {
        Ok(Options {
            lease: self.lease.options(&self.namespace)?,
            copies: self.copies.options(&self.namespace),
            certificates: self.certificates.options(self.namespace)?,
            tokens: self.tokens.tokens()?,
            kubeconfig: self.process.kubeconfig,
            admin_listen: self.process.admin_listen,
            shutdown_grace: self.process.shutdown_grace,
        })
    }
}

impl LeaseArgs {
    fn options(self, namespace: &str) -> Result<LeaseOptions, String> {
        let Self { lease_duration, lease_renew_deadline, lease_retry_period, lease_name } = self;
        let times = LeaseTimes::new(lease_duration, lease_renew_deadline, lease_retry_period)
            .map_err(|error| {
                format!(
                    "{error}; change --lease-duration, --lease-renew-deadline or --lease-retry-period"
                )
            })?;
        Ok(LeaseOptions { namespace: namespace.to_owned(), name: lease_name, times })
    }
}

impl CopyArgs {
    fn options(self, namespace: &str) -> Option<CopyOptions> {
        let own = || ObjectName { namespace: namespace.into(), name: "pullpass".into() };
        let config_map = self.config_map.unwrap_or_else(own);
        let (namespace, shared_grace) = (namespace.to_owned(), self.shared_grace);
        match self.copies {
            CopyMode::Granted => Some(CopyOptions { namespace, config_map, shared_grace }),
            CopyMode::None => None,
        }
    }
}

impl CertificateArgs {
    fn options(self, namespace: String) -> Result<CertificateOptions, String> {
        if self.certificate_lifetime >= self.ca_lifetime {
            return Err("--certificate-lifetime must be shorter than --ca-lifetime: no certificate outlives its authority".into());
        }
        if self.ca_secret == self.tls_secret {
            return Err("--ca-secret and --tls-secret must differ: the webhook reads the one and must not read the other".into());
        }
        let delays = self.propagation_delay + self.pickup_delay;
        let renewal = earliest_renewal(self.certificate_lifetime, self.certificate_renewal_percent);
        if renewal <= delays {
            return Err(format!(
                "--certificate-lifetime and --certificate-renewal-percent have a certificate renewed after {renewal:?}; that must be longer than --propagation-delay and --pickup-delay together, {delays:?}"
            ));
        }
        Ok(CertificateOptions {
            mode: self.certificates,
            names: names(&self.service, &namespace, self.certificate_name),
            namespace,
            service: self.service,
            ca_secret: self.ca_secret,
            tls_secret: self.tls_secret,
            webhook_configuration: self.webhook_configuration,
            ca_lifetime: self.ca_lifetime,
            ca_renewal_percent: self.ca_renewal_percent,
            certificate_lifetime: self.certificate_lifetime,
            certificate_renewal_percent: self.certificate_renewal_percent,
            propagation_delay: self.propagation_delay,
            pickup_delay: self.pickup_delay,
        })
    }
}

/// The time after which a certificate is renewed at the earliest: there is a jitter of 5 % of its life.
fn earliest_renewal(lifetime: Duration, percent: u8) -> Duration {
    lifetime / 100 * u32::from(percent.saturating_sub(5))
}

/// What a Service is called, then the further names, each once.
fn names(service: &str, namespace: &str, further: Vec<String>) -> Vec<String> {
    let mut names = vec![
        service.to_owned(),
        format!("{service}.{namespace}"),
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
    ];
    // A namespace of digits alone would look like an address.
    names.retain(|name| is_dns_name(name));
    for name in further {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
