//! Every metric of the process, under the prefix `pullpass_`.

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::admission::{AdmissionMetrics, ConfigMetrics};
pub use super::admission::{ConfigLoad, NamespaceLookup, Review, Watch};
use super::certificates::CertificateMetrics;
use super::controller::ControllerMetrics;
use super::copies::CopyMetrics;
use super::credentials::CredentialMetrics;
use super::families::{CounterGrid, Counters, Gauges, label};
pub use super::tls::{Load, TlsMetrics};

label! {
    /// Which of the process's two listeners.
    pub enum Listener: "listener" {
        /// The admission webhook (TLS).
        Webhook = "webhook",
        /// The admin endpoints (plain HTTP).
        Admin = "admin",
    }
}

label! {
    /// What a request asked for, as far as metrics tell them apart.
    pub enum Endpoint: "path" {
        /// `/mutate`
        Mutate = "/mutate",
        /// `/validate-config`
        ValidateConfig = "/validate-config",
        /// `/livez`
        Livez = "/livez",
        /// `/readyz`
        Readyz = "/readyz",
        /// `/metrics`
        Metrics = "/metrics",
        /// Any other path.
        Other = "other",
    }
}

impl Endpoint {
    /// The endpoint of a request path.
    pub fn of(path: &str) -> Self {
        match path {
            "/mutate" => Self::Mutate,
            "/validate-config" => Self::ValidateConfig,
            "/livez" => Self::Livez,
            "/readyz" => Self::Readyz,
            "/metrics" => Self::Metrics,
            _ => Self::Other,
        }
    }
}

label! {
    /// The HTTP status codes that the server answers with.
    pub enum Code: "code" {
        /// OK
        Ok = "200",
        /// Bad Request
        BadRequest = "400",
        /// Not Found
        NotFound = "404",
        /// Method Not Allowed
        MethodNotAllowed = "405",
        /// Request Timeout
        RequestTimeout = "408",
        /// Content Too Large
        ContentTooLarge = "413",
        /// Unsupported Media Type
        UnsupportedMediaType = "415",
        /// Internal Server Error
        InternalServerError = "500",
        /// Service Unavailable
        ServiceUnavailable = "503",
        /// Any other code.
        Other = "other",
    }
}

impl Code {
    /// The label of a status code.
    pub fn of(status: u16) -> Self {
        match status {
            200 => Self::Ok,
            400 => Self::BadRequest,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 => Self::RequestTimeout,
            413 => Self::ContentTooLarge,
            415 => Self::UnsupportedMediaType,
            500 => Self::InternalServerError,
            503 => Self::ServiceUnavailable,
            _ => Self::Other,
        }
    }
}

label! {
    /// Why a TLS handshake failed.
    pub enum HandshakeFailure: "reason" {
        /// It was not complete by the deadline.
        Timeout = "timeout",
        /// The bytes were no TLS: plain HTTP, or anything else.
        PlainHttpOrGarbage = "plain_http_or_garbage",
        /// The client offered no TLS version that is spoken here (1.2 and 1.3).
        TlsVersion = "tls_version",
        /// There is no serving certificate yet.
        NoCertificate = "no_certificate",
        /// The client did not accept the serving certificate.
        ClientRejectedCertificate = "client_rejected_certificate",
        /// The client presented no certificate, and one is required.
        NoClientCertificate = "no_client_certificate",
        /// The client's certificate is of another authority or name, or its time is over.
        ClientCertificateRefused = "client_certificate_refused",
        /// Anything else, such as a client that left.
        Other = "other",
    }
}

label! {
    /// Which limit made the server refuse a request that it could otherwise have answered.
    pub enum Shed: "limit" {
        /// Requests in flight.
        InFlight = "in_flight",
        /// Bytes of request bodies held in memory.
        BufferedBytes = "buffered_bytes",
    }
}

label! {
    /// Which deadline ended a connection or a request.
    pub enum Deadline: "deadline" {
        /// From the first byte of a request to the end of its head.
        Header = "header",
        /// For the whole request body.
        Body = "body",
        /// Between two requests.
        Idle = "idle",
        /// While the peer takes no bytes of the response.
        Write = "write",
    }
}

/// Which of the program's two processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// `pullpass webhook`
    Webhook,
    /// `pullpass controller`
    Controller,
}

/// Every metric of the program. Those of the other process are counted like these, and not exposed.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Of the listeners and of what they serve.
    pub server: ServerMetrics,
    /// Of the serving certificate.
    pub tls: TlsMetrics,
    /// Of AdmissionReviews.
    pub admission: AdmissionMetrics,
    /// Of the configuration.
    pub config: ConfigMetrics,
    /// Of the certificates that the controller looks after.
    pub certificates: CertificateMetrics,
    /// Of the copies of pull secrets.
    pub copies: CopyMetrics,
    /// Of the credentials of entries.
    pub credentials: CredentialMetrics,
    /// Of the controller.
    pub controller: ControllerMetrics,
}

impl Metrics {
    /// Registers the families of this process. `version` is the program's.
    pub fn new(version: &'static str, component: Component) -> Self {
        let mut exposed = Registry::with_prefix("pullpass");
        let mut hidden = Registry::default();
        let build = Info::new([("version", version)]);
        exposed.register("build", "The program's version", build);
        let server = ServerMetrics::register(&mut exposed);
        let (webhook, controller) = match component {
            Component::Webhook => (&mut exposed, &mut hidden),
            Component::Controller => (&mut hidden, &mut exposed),
        };
        let tls = TlsMetrics::register(webhook);
        let admission = AdmissionMetrics::register(webhook);
        let config = ConfigMetrics::register(webhook);
        let certificates = CertificateMetrics::register(controller);
        let copies = CopyMetrics::register(controller);
        let credentials = CredentialMetrics::register(controller);
        let controller = ControllerMetrics::register(controller);
        Self {
            registry: exposed,
            server,
            tls,
            admission,
            config,
            certificates,
            copies,
            credentials,
            controller,
        }
    }

    /// All metrics in the OpenMetrics text format.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(8 * 1024);
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Metrics of the listeners and of what they serve.
#[derive(Debug)]
pub struct ServerMetrics {
    /// Connections open.
    pub connections: Gauges<Listener>,
    /// Connections closed at once because the listener's cap was reached.
    pub connections_refused: Counters<Listener>,
    /// Handshakes that failed.
    pub handshake_failures: Counters<HandshakeFailure>,
    /// Connections and requests ended by a deadline.
    pub deadlines_exceeded: Counters<Deadline>,
    /// Requests refused under load.
    pub requests_shed: Counters<Shed>,
    /// Panics caught while answering a request.
    pub panics: Counter,
    /// Requests answered.
    pub requests: CounterGrid<Endpoint, Code>,
    /// 1 when ready, else 0.
    pub ready: Gauge,
}

impl ServerMetrics {
    fn register(registry: &mut Registry) -> Self {
        let panics = Counter::default();
        registry.register("panics", "Panics caught while answering", panics.clone());
        let ready = Gauge::default();
        registry.register("ready", "1 when ready, else 0", ready.clone());
        Self {
            connections: Gauges::register(registry, "connections", "Connections open"),
            connections_refused: Counters::register(
                registry,
                "connections_refused",
                "Connections closed at once because the cap was reached",
            ),
            handshake_failures: Counters::register(
                registry,
                "handshake_failures",
                "TLS handshakes that failed",
            ),
            deadlines_exceeded: Counters::register(
                registry,
                "deadlines_exceeded",
                "Connections and requests ended by a deadline",
            ),
            requests_shed: Counters::register(
                registry,
                "requests_shed",
                "Requests refused under load",
            ),
            panics,
            requests: CounterGrid::register(registry, "requests", "Requests answered"),
            ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposition_is_open_metrics_with_our_prefix() {
        let metrics = Metrics::new("1.2.3", Component::Webhook);
        metrics.server.requests.inc(Endpoint::of("/mutate"), Code::of(200));
        let text = metrics.encode().unwrap();
        for line in [
            "pullpass_build_info{version=\"1.2.3\"} 1\n",
            "pullpass_requests_total{path=\"/mutate\",code=\"200\"} 1\n",
            "pullpass_handshake_failures_total{reason=\"timeout\"} 0\n",
            "pullpass_certificate_not_after_seconds 0\n",
            "# EOF\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn each_process_exposes_its_own_families() {
        let text = |component| Metrics::new("1.2.3", component).encode().unwrap();
        let (webhook, controller) = (text(Component::Webhook), text(Component::Controller));
        for (family, is_of_webhook, is_of_controller) in [
            ("pullpass_ready 0\n", true, true),
            ("pullpass_connections{", true, true),
            ("pullpass_reviews_total{", true, false),
            ("pullpass_config_refused 0\n", true, false),
            ("pullpass_certificate_refused 0\n", true, false),
            ("pullpass_leader 0\n", false, true),
            ("pullpass_leader_transitions_total{transition=\"lost\"} 0\n", false, true),
        ] {
            assert_eq!(webhook.contains(family), is_of_webhook, "{family}");
            assert_eq!(controller.contains(family), is_of_controller, "{family}");
        }
    }
}
