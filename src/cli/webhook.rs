//! `pullpass webhook`: arguments -> checked options -> the running process.

use super::process::{self, ProcessArgs};
use crate::{
    cluster::ObjectName,
    server::{Limits, ShutdownTimes, parse_duration},
    webhook::{
        process::{ConfigOrigin, Options, serve},
        tls::{CertificateOrigin, ClientOptions, TlsOptions},
    },
};
use anyhow::bail;
use clap::{ArgGroup, Args, builder::BoolishValueParser, value_parser};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Answers AdmissionReviews over HTTPS.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("certificate").args(["tls_cert", "tls_secret", "self_signed"]).required(true),
    after_help = "Example:\n  pullpass webhook --config examples/config.yaml --self-signed --listen 127.0.0.1:8443 --admin-listen 127.0.0.1:8080"
)]
pub struct WebhookArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    certificate: CertificateArgs,
    #[command(flatten)]
    clients: ClientArgs,
    /// Where AdmissionReviews are answered, over HTTPS
    #[arg(long, value_name = "ADDR", env = "PULLPASS_LISTEN", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ConfigArgs {
    /// The configuration file; followed while it changes, and waited for where it is not there yet
    #[arg(long, value_name = "FILE", env = "PULLPASS_CONFIG")]
    config: Option<PathBuf>,
    /// The ConfigMap that holds the configuration; followed while it changes
    #[arg(long, value_name = "NS/NAME", env = "PULLPASS_CONFIG_MAP")]
    config_map: Option<ObjectName>,
}

#[derive(Debug, Args)]
#[group(skip)]
struct CertificateArgs {
    /// The serving certificate with its chain, in PEM; followed while it changes
    #[arg(long, value_name = "FILE", env = "PULLPASS_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the serving certificate, in PEM
    #[arg(long, value_name = "FILE", env = "PULLPASS_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The Secret (kubernetes.io/tls) that holds the serving certificate; followed while it changes
    #[arg(long, value_name = "NS/NAME", env = "PULLPASS_TLS_SECRET")]
    tls_secret: Option<ObjectName>,
    /// Make a certificate in memory, for a trial on this machine
    #[arg(
        long,
        env = "PULLPASS_SELF_SIGNED",
        value_parser = BoolishValueParser::new()
    )]
    self_signed: bool,
    /// With --self-signed: write the CA certificate here, for clients to trust
    #[arg(long, value_name = "FILE", env = "PULLPASS_CA_OUT", requires = "self_signed")]
    ca_out: Option<PathBuf>,
    /// A serving certificate that is not for this DNS name is refused
    #[arg(long, value_name = "DNS", env = "PULLPASS_SERVER_NAME", value_parser = dns_name)]
    server_name: Option<String>,
    /// Readiness, and the choice of the certificate, need one that the caBundle verifies which the Mutating- and ValidatingWebhookConfiguration of this name publish
    #[arg(long, value_name = "NAME", env = "PULLPASS_WEBHOOK_CONFIGURATION", value_parser = dns_name)]
    webhook_configuration: Option<String>,
}

#[derive(Debug, Args)]
#[group(skip)]
struct ClientArgs {
    /// Require client certificates signed by an authority in this file, in PEM; followed while it changes
    #[arg(long, value_name = "FILE", env = "PULLPASS_CLIENT_CA")]
    client_ca: Option<PathBuf>,
    /// With --client-ca: a common name or DNS name that clients have, one of them if several are given
    #[arg(
        long,
        value_name = "NAME",
        env = "PULLPASS_CLIENT_NAME",
        value_delimiter = ',',
        requires = "client_ca"
    )]
    client_name: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Connections open at once; more are closed as they come
    #[arg(long, env = "PULLPASS_MAX_CONNECTIONS", value_parser = at_least_one, default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// Requests answered at once; more get 503
    #[arg(long, env = "PULLPASS_MAX_IN_FLIGHT", value_parser = at_least_one, default_value_t = Limits::default().in_flight)]
    max_in_flight: usize,
    /// Bytes in one request body; more get 413
    #[arg(long, env = "PULLPASS_MAX_BODY_BYTES", value_parser = at_least_one, default_value_t = Limits::default().body_bytes)]
    max_body_bytes: usize,
    /// Bytes of request bodies held at once; more get 503
    #[arg(long, env = "PULLPASS_MAX_BUFFERED_BYTES", value_parser = at_least_one, default_value_t = Limits::default().buffered_bytes)]
    max_buffered_bytes: usize,
    /// For the whole TLS handshake
    #[arg(long, env = "PULLPASS_HANDSHAKE_TIMEOUT", value_parser = positive_duration, default_value = "5s")]
    handshake_timeout: Duration,
    /// From the first byte of a request to the end of its head
    #[arg(long, env = "PULLPASS_HEADER_TIMEOUT", value_parser = positive_duration, default_value = "5s")]
    header_timeout: Duration,
    /// For the whole request body
    #[arg(long, env = "PULLPASS_BODY_TIMEOUT", value_parser = positive_duration, default_value = "5s")]
    body_timeout: Duration,
    /// Between two requests; keep it above the 90 s after which the API server closes
    #[arg(long, env = "PULLPASS_IDLE_TIMEOUT", value_parser = positive_duration, default_value = "150s")]
    idle_timeout: Duration,
    /// The age at which a connection is closed after its response, so that load spreads
    #[arg(long, env = "PULLPASS_CONNECTION_MAX_AGE", value_parser = positive_duration, default_value = "5m")]
    connection_max_age: Duration,
    /// The number of requests after which a connection is closed
    #[arg(long, env = "PULLPASS_CONNECTION_MAX_REQUESTS", value_parser = value_parser!(u32).range(1..), default_value_t = Limits::default().connection_max_requests)]
    connection_max_requests: u32,
    /// After SIGTERM: not ready, and still serving
    #[arg(long, env = "PULLPASS_SHUTDOWN_DELAY", value_parser = parse_duration, default_value = "5s")]
    shutdown_delay: Duration,
}

fn dns_name(text: &str) -> Result<String, String> {
    match crate::config::is_dns_subdomain(text) {
        true => Ok(text.to_owned()),
        false => Err("it is no DNS name in lower case; write e.g. pullpass".into()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("0 would refuse everything; write at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}; write a number such as 1024")),
    }
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if duration.is_zero() => {
            Err("0 would refuse everything; write e.g. 5s".into())
        }
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

impl LimitArgs {
    fn limits(&self) -> Limits {
        Limits {
            connections: self.max_connections,
            in_flight: self.max_in_flight,
            body_bytes: self.max_body_bytes,
            buffered_bytes: self.max_buffered_bytes,
            handshake_timeout: self.handshake_timeout,
            header_timeout: self.header_timeout,
            body_timeout: self.body_timeout,
            idle_timeout: self.idle_timeout,
            connection_max_age: self.connection_max_age,
            connection_max_requests: self.connection_max_requests,
            ..Limits::default()
        }
    }
}

/// Runs the webhook until a signal ends it.
pub fn run(args: WebhookArgs) -> anyhow::Result<()> {
    let logging = args.process.logging();
    let options = args.options()?;
    process::run(&logging, serve(options))
}

impl WebhookArgs {
    fn options(self) -> anyhow::Result<Options> {
        Ok(Options {
            configuration: self.config.origin()?,
            tls: TlsOptions {
                server_name: self.certificate.server_name.clone(),
                webhook_configuration: self.certificate.webhook_configuration.clone(),
                certificate: self.certificate.origin()?,
                clients: self.clients.options(),
            },
            kubeconfig: self.process.kubeconfig,
            listen: self.listen,
            admin_listen: self.process.admin_listen,
            limits: self.limits.limits(),
            shutdown: ShutdownTimes {
                delay: self.limits.shutdown_delay,
                grace: self.process.shutdown_grace,
            },
        })
    }
}

impl ConfigArgs {
    fn origin(self) -> anyhow::Result<ConfigOrigin> {
        match (self.config, self.config_map) {
            (Some(path), None) => Ok(ConfigOrigin::File(path)),
            (None, Some(name)) => Ok(ConfigOrigin::ConfigMap(name)),
            _ => bail!("pass one of --config FILE and --config-map NS/NAME"),
        }
    }
}

impl ClientArgs {
    fn options(self) -> Option<ClientOptions> {
        self.client_ca.map(|ca| ClientOptions { ca, names: self.client_name })
    }
}

impl CertificateArgs {
    fn origin(self) -> anyhow::Result<CertificateOrigin> {
        match (self.tls_cert, self.tls_key, self.tls_secret) {
            (Some(certificate), Some(key), _) => Ok(CertificateOrigin::Files { certificate, key }),
            (_, _, Some(name)) => Ok(CertificateOrigin::Secret(name)),
            _ if self.self_signed => Ok(CertificateOrigin::SelfSigned { ca_out: self.ca_out }),
            _ => Err(super::usage_error(
                "webhook",
                "pass --tls-cert and --tls-key, --tls-secret, or --self-signed",
            )),
        }
    }
}
