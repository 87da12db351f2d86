//! One running server with a webhook-like router, and the vocabulary to speak about it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::channel::mpsc;
use pullpass::pki::{SelfSigned, self_signed};
use pullpass::server::accept::Tls;
use pullpass::server::{
    BodyReader, Bound, Limits, Liveness, Readiness, ReadyHandle, Serving, Shutdown, ShutdownTimes,
    TaskError, Tasks, admin_router, check_json, shut_down_on,
};
use pullpass::telemetry::metrics::Listener;
use pullpass::telemetry::{Component, Metrics};
use pullpass::tls::{ClientAuth, ServingCertificate, server_config};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::client::{Client, SOON};

pub struct Site {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub metrics: Arc<Metrics>,
    pub certificate: Arc<ServingCertificate>,
    pub ca_pem: String,
    /// `/slow` answers once it has a permit.
    pub slow: Arc<Semaphore>,
    /// How many requests have come to `/slow`.
    pub arrived: Arc<AtomicUsize>,
    signals: mpsc::UnboundedSender<()>,
    outcome: JoinHandle<Result<(), TaskError>>,
    pub liveness: Liveness,
    _ready: ReadyHandle,
}

#[derive(Clone)]
struct App {
    bodies: BodyReader,
    slow: Arc<Semaphore>,
    arrived: Arc<AtomicUsize>,
}

/// A certificate for the name that clients ask for.
pub fn new_certificate() -> SelfSigned {
    let day = Duration::from_secs(86_400);
    self_signed(&["pullpass.test".to_owned()], SystemTime::now(), day).unwrap()
}

/// Waits until something holds; fails once it is clear that it will not.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < SOON, "not in time: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

impl Site {
    pub async fn start(adjust: impl FnOnce(&mut Limits)) -> Self {
        Self::start_with(adjust, ShutdownTimes::default(), true).await
    }

    /// Without a certificate.
    pub async fn start_bare(adjust: impl FnOnce(&mut Limits)) -> Self {
        Self::start_with(adjust, ShutdownTimes::default(), false).await
    }

    /// Open to these clients alone.
    pub async fn start_for(clients: Arc<ClientAuth>) -> Self {
        Self::start_for_clients(|_| {}, ShutdownTimes::default(), true, Some(clients)).await
    }

    pub async fn start_with(
        adjust: impl FnOnce(&mut Limits),
        times: ShutdownTimes,
        with_certificate: bool,
    ) -> Self {
        Self::start_for_clients(adjust, times, with_certificate, None).await
    }

    async fn start_for_clients(
        adjust: impl FnOnce(&mut Limits),
        times: ShutdownTimes,
        with_certificate: bool,
        clients: Option<Arc<ClientAuth>>,
    ) -> Self {
        let mut limits = Limits::default();
        adjust(&mut limits);
        let metrics = Arc::new(Metrics::new("test", Component::Webhook));
        let (shutdown, readiness) = (Shutdown::new(), Readiness::new());
        let liveness = Liveness::new();
        let certificate = Arc::new(ServingCertificate::default());
        let issued = new_certificate();
        if with_certificate {
            let (chain, key) = (issued.pair.certificate_pem, issued.pair.key_pem);
            let (chain, key) = (chain.as_bytes(), key.expose().as_bytes());
            let now = SystemTime::now();
            certificate.offer(chain, key, "memory", now, &metrics).unwrap();
        }
        let slow = Arc::new(Semaphore::new(0));
        let arrived = Arc::new(AtomicUsize::new(0));
        let app = App {
            arrived: Arc::clone(&arrived),
            bodies: BodyReader::new(&limits, Arc::clone(&metrics)),
            slow: Arc::clone(&slow),
        };
        let webhook = Serving {
            listener: Listener::Webhook,
            tls: Some(Tls {
                config: server_config(Arc::clone(&certificate), clients).unwrap(),
                certificate: Arc::clone(&certificate),
            }),
            limits: limits.clone(),
            grace: times.grace,
            metrics: Arc::clone(&metrics),
            shutdown: shutdown.clone(),
        };
        let admin = Serving {
            listener: Listener::Admin,
            tls: None,
            limits: limits.for_admin(),
            ..webhook.clone()
        };
        let bound = Bound::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let admin_bound = Bound::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, admin_address) = (bound.address(), admin_bound.address());
        let admin_app = admin_router(liveness.clone(), readiness.clone(), Arc::clone(&metrics));

        let mut tasks = Tasks::new();
        tasks.spawn_draining("webhook listener", bound.serve(router(app), webhook));
        tasks.spawn_draining("admin listener", admin_bound.serve(admin_app, admin));
        let ready = readiness.register("test");
        ready.ready();
        let (signals, received) = mpsc::unbounded();
        let outcome = tokio::spawn(async move {
            let orderly = shut_down_on(received, &shutdown, &readiness, times.delay);
            tasks.run_until(&shutdown, orderly).await
        });
        Self {
            address,
            admin: admin_address,
            metrics,
            certificate,
            ca_pem: issued.ca_pem,
            slow,
            arrived,
            signals,
            outcome,
            liveness,
            _ready: ready,
        }
    }

    pub async fn client(&self) -> Client {
        Client::tls(self.address, &self.ca_pem).await
    }

    /// Waits until this many requests have come to `/slow`.
    pub async fn in_flight(&self, count: usize) {
        let arrived = || self.arrived.load(Ordering::SeqCst) == count;
        eventually("the requests are in flight", arrived).await;
    }

    pub fn connections(&self) -> i64 {
        self.metrics.server.connections.of(Listener::Webhook).get()
    }

    /// Asserts that a new client is served.
    pub async fn still_serves(&self) {
        let answer = self.client().await.ask(crate::client::review("{}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "2"));
    }

    pub fn signal(&self) {
        self.signals.unbounded_send(()).unwrap();
    }

    /// How the process would have ended.
    pub async fn outcome(self) -> Result<(), TaskError> {
        timeout(SOON, self.outcome).await.expect("ended in time").unwrap()
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route("/mutate", post(measure))
        .route("/slow", post(wait))
        .route("/panic", post(panic))
        .route("/large", get(|| async { Body::from(vec![b'x'; 64 * 1024 * 1024]) }))
        .with_state(app)
}

/// Answers with the number of bytes in the body.
async fn measure(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    if let Err(refused) = check_json(&headers) {
        return refused.into_response();
    }
    match app.bodies.read(body).await {
        Ok(body) => body.len().to_string().into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn wait(State(app): State<App>) -> &'static str {
    app.arrived.fetch_add(1, Ordering::SeqCst);
    let permit = app.slow.acquire().await;
    permit.unwrap().forget();
    "done"
}

async fn panic(body: String) -> Response {
    panic!("the secret is {body}")
}
