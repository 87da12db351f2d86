//! Metrics of the credentials of entries.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::families::{CounterGrid, Gauges, label};

label! {
    /// What is the matter with the credential of an entry.
    pub enum CredentialState: "state" {
        /// The controller makes it.
        Wanted = "wanted",
        /// It cannot be made.
        Broken = "broken",
        /// A Secret that is not ours has the name of the one that it would be in.
        Foreign = "foreign",
    }
}

label! {
    /// Who issues a token.
    pub enum TokenKind: "kind" {
        /// Amazon ECR.
        Ecr = "ecr",
        /// Google.
        Gcp = "gcp",
        /// Azure Container Registry.
        Acr = "acr",
    }
}

label! {
    /// Why there is no token.
    pub enum TokenFailure: "reason" {
        /// The settings or the values of Secrets cannot be used as they are.
        Settings = "settings",
        /// The controller has no identity: no key, no token file, no metadata server.
        NoIdentity = "no_identity",
        /// The identity is not known, or its secret is wrong or has expired (401, 400 `invalid_client`).
        Unauthorized = "unauthorized",
        /// The identity may not fetch tokens (403).
        Forbidden = "forbidden",
        /// The clock of this machine differs from that of the issuer.
        ClockSkew = "clock_skew",
        /// A name is not known.
        Dns = "dns",
        /// The proxy cannot be reached, or refuses.
        Proxy = "proxy",
        /// Nobody listens, or the connection broke.
        Connection = "connection",
        /// The certificate is not trusted, or TLS failed otherwise.
        Tls = "tls",
        /// There was no answer in time.
        Timeout = "timeout",
        /// Too many requests (429).
        Throttled = "throttled",
        /// The issuer failed (5xx).
        Server = "server",
        /// The answer is none that can be understood, or tells no time at which the token ends.
        Answer = "answer",
    }
}

/// A time for each entry, in seconds since 1970.
type Times = Family<[(&'static str, String); 1], Gauge<i64, AtomicI64>>;

/// Metrics of the credentials of entries.
#[derive(Debug)]
pub struct CredentialMetrics {
    /// How many there are.
    pub credentials: Gauges<CredentialState>,
    /// Requests and watches that failed; each is tried again.
    pub failures: Counter,
    /// Requests for tokens that failed; each is tried again.
    pub token_failures: CounterGrid<TokenKind, TokenFailure>,
    expiry: Times,
    last_success: Times,
}

impl CredentialMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let failures = Counter::default();
        let help = "Requests and watches for the credentials of entries that failed";
        registry.register("credential_failures", help, failures.clone());
        let expiry = Times::default();
        let help = "When the token ends that the Secret of an entry holds";
        registry.register("token_expiry_timestamp_seconds", help, expiry.clone());
        let last_success = Times::default();
        let help = "When the token was fetched that the Secret of an entry holds";
        registry.register("token_last_success_timestamp_seconds", help, last_success.clone());
        let help = "Requests for tokens that failed";
        let token_failures = CounterGrid::register(registry, "token_failures", help);
        let help = "Credentials of entries that the controller makes";
        let credentials = Gauges::register(registry, "credentials", help);
        Self { credentials, failures, token_failures, expiry, last_success }
    }

    /// The tokens that there were and those that there are: by entry, when it was fetched, and when it ends.
    pub fn tokens(&self, were: &BTreeMap<String, [i64; 2]>, are: &BTreeMap<String, [i64; 2]>) {
        let labels = |entry: &String| [("entry", entry.clone())];
        for entry in were.keys().filter(|entry| !are.contains_key(*entry)) {
            self.last_success.remove(&labels(entry));
            self.expiry.remove(&labels(entry));
        }
        for (entry, times) in are.iter().filter(|(entry, times)| were.get(*entry) != Some(times)) {
            let [fetched, end] = *times;
            self.last_success.get_or_create(&labels(entry)).set(fetched);
            self.expiry.get_or_create(&labels(entry)).set(end);
        }
    }
}
