//! The loop of the election: when the leader's work runs, and when it stops.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use axum::http::{Method, Request, Response};
use http_body_util::BodyExt;
use k8s_openapi::api::{
    coordination::v1::{Lease, LeaseSpec},
    core::v1::ConfigMap,
};
use kube::{Api, Client, api::PostParams, client::Body};
use pullpass::{
    cluster::{
        leader::{Candidate, LeaseOptions, WorkEnded},
        lease::LeaseTimes,
    },
    server::{Readiness, Shutdown},
    telemetry::{Component, Metrics},
};
use serde_json::{Value, json};
use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tower::{BoxError, service_fn};

const SOON: Duration = Duration::from_secs(10);

/// An API server that keeps one Lease as the real one does, and takes any ConfigMap.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lease: Option<Lease>,
    version: u64,
    config_maps: usize,
    /// What every request is answered with instead.
    failure: Option<u16>,
}

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let bytes = body.collect().await?.to_bytes();
                let (code, object) = server.answer(&head.method, head.uri.path(), &bytes);
                let body = Body::from(object.to_string().into_bytes());
                Ok::<_, BoxError>(Response::builder().status(code).body(body)?)
            }
        });
        Client::new(service, "default")
    }

    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        let mut state = self.0.lock().unwrap();
        if let Some(code) = state.failure {
            return failure(code);
        }
        if path.contains("/configmaps") {
            state.config_maps += 1;
            return (201, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}));
        }
        match (method.as_str(), &state.lease) {
            ("GET", Some(lease)) => (200, json!(lease)),
            ("GET" | "PUT", None) => failure(404),
            ("POST", Some(_)) => failure(409),
            ("POST" | "PUT", current) => {
                let mut lease: Lease = serde_json::from_slice(body).unwrap();
                let version = |lease: &Lease| lease.metadata.resource_version.clone();
                if current.as_ref().is_some_and(|current| version(current) != version(&lease)) {
                    return failure(409);
                }
                state.version += 1;
                lease.metadata.resource_version = Some(state.version.to_string());
                state.lease = Some(lease.clone());
                (200, json!(lease))
            }
            _ => failure(405),
        }
    }

    fn lease(&self) -> LeaseSpec {
        self.0.lock().unwrap().lease.clone().unwrap().spec.unwrap()
    }

    fn edit(&self, edit: impl FnOnce(&mut State)) {
        let mut state = self.0.lock().unwrap();
        edit(&mut state);
        state.version += 1;
        let version = state.version.to_string();
        if let Some(lease) = &mut state.lease {
            lease.metadata.resource_version = Some(version);
        }
    }
}

fn failure(code: u16) -> (u16, Value) {
    let details = json!({"kind": "leases", "name": "lease"});
    let message = format!("refused with {code}");
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        _ => "",
    };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "reason": reason, "message": message, "details": details});
    (code, status)
}

/// What the work tells of itself.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Begun,
    Dropped,
}

struct Work(mpsc::UnboundedSender<Told>);

impl Drop for Work {
    fn drop(&mut self) {
        let _ = self.0.send(Told::Dropped);
    }
}

struct Replica {
    shutdown: Shutdown,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    told: mpsc::UnboundedReceiver<Told>,
    clients: mpsc::UnboundedReceiver<Client>,
    task: JoinHandle<Result<(), WorkEnded>>,
}

impl Replica {
    fn start(server: &Server, identity: &str) -> Self {
        let (shutdown, readiness) = (Shutdown::new(), Readiness::new());
        let metrics = Arc::new(Metrics::new("test", Component::Controller));
        let (tell, told) = mpsc::unbounded_channel();
        let (lend, clients) = mpsc::unbounded_channel();
        let candidate = candidate(server, identity, &readiness, &metrics);
        let work = move |client| {
            let (work, lend) = (Work(tell.clone()), lend.clone());
            async move {
                work.0.send(Told::Begun).unwrap();
                lend.send(client).unwrap();
                pending::<()>().await;
            }
        };
        let task = tokio::spawn(candidate.lead(shutdown.clone(), work));
        Self { shutdown, readiness, metrics, told, clients, task }
    }

    async fn tells(&mut self) -> Told {
        timeout(SOON, self.told.recv()).await.unwrap().unwrap()
    }
}

fn candidate(
    server: &Server,
    identity: &str,
    readiness: &Readiness,
    metrics: &Arc<Metrics>,
) -> Candidate {
    let millis = Duration::from_millis;
    let options = LeaseOptions {
        namespace: "default".into(),
        name: "lease".into(),
        times: LeaseTimes::new(millis(900), millis(600), millis(100)).unwrap(),
    };
    let ready = readiness.register("leader election");
    let client = server.client();
    Candidate::new(client.clone(), client, options, identity.into(), ready, Arc::clone(metrics))
}

async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, wait).await.unwrap();
}

async fn write(client: &Client) -> bool {
    let config_maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    config_maps.create(&PostParams::default(), &ConfigMap::default()).await.is_ok()
}

#[tokio::test]
async fn fault_19_at_the_end_the_work_is_dropped_then_the_lease_is_released() {
    let server = Server::default();
    let mut replica = Replica::start(&server, "a");
    assert_eq!(replica.tells().await, Told::Begun);
    let client = replica.clients.recv().await.unwrap();
    assert!(write(&client).await);
    assert!(replica.readiness.is_ready());
    assert_eq!(server.lease().holder_identity.as_deref(), Some("a"));
    assert_eq!(replica.metrics.controller.leader.get(), 1);

    replica.shutdown.begin_draining();

    assert_eq!(replica.tells().await, Told::Dropped);
    assert!(timeout(SOON, replica.task).await.unwrap().unwrap().is_ok());
    let released = server.lease();
    assert_eq!(released.holder_identity.as_deref(), Some(""));
    assert_eq!(released.lease_duration_seconds, Some(1));
    assert_eq!(replica.metrics.controller.leader.get(), 0);
    assert!(!write(&client).await, "nobody keeps a client that writes");
}

#[tokio::test]
async fn fault_39_what_is_lost_is_dropped_and_begins_anew_when_it_can_be_had_again() {
    let server = Server::default();
    let mut replica = Replica::start(&server, "a");
    assert_eq!(replica.tells().await, Told::Begun);
    let client = replica.clients.recv().await.unwrap();
    for code in [500, 403, 429] {
        server.edit(|state| state.failure = Some(code));
        assert_eq!(replica.tells().await, Told::Dropped, "{code}");
        assert_eq!(replica.metrics.controller.leader.get(), 0);
        server.edit(|state| state.failure = None);
        assert_eq!(replica.tells().await, Told::Begun, "{code}");
    }
    assert!(replica.readiness.is_ready());
    assert!(!write(&client).await, "it is of another term");
    assert_eq!(server.lease().lease_transitions, Some(0));
}

#[tokio::test]
async fn another_holder_ends_the_work_long_before_the_deadline() {
    let server = Server::default();
    let mut replica = Replica::start(&server, "a");
    assert_eq!(replica.tells().await, Told::Begun);
    server.edit(|state| {
        let spec = state.lease.as_mut().unwrap().spec.as_mut().unwrap();
        spec.holder_identity = Some("b".into());
    });
    assert_eq!(replica.tells().await, Told::Dropped);
    // It was not renewed: in the end it is taken back.
    assert_eq!(replica.tells().await, Told::Begun);
    assert_eq!(server.lease().lease_transitions, Some(1));
}

#[tokio::test]
async fn a_second_replica_is_ready_and_does_nothing_until_the_first_is_gone() {
    let server = Server::default();
    let mut first = Replica::start(&server, "a");
    assert_eq!(first.tells().await, Told::Begun);
    let mut second = Replica::start(&server, "b");
    until(|| second.readiness.is_ready()).await;
    assert!(second.told.try_recv().is_err());

    first.task.abort();
    assert_eq!(first.tells().await, Told::Dropped);

    assert_eq!(second.tells().await, Told::Begun);
    assert_eq!(server.lease().holder_identity.as_deref(), Some("b"));
}

#[tokio::test]
async fn without_an_answer_it_is_not_ready_and_says_why() {
    let server = Server::default();
    server.edit(|state| state.failure = Some(403));
    let replica = Replica::start(&server, "a");
    let missing = "leader election: Lease lease: refused with 403";
    until(|| replica.readiness.missing() == [missing]).await;
    server.edit(|state| state.failure = None);
    until(|| replica.readiness.is_ready()).await;
}

#[tokio::test]
async fn work_that_ends_by_itself_gives_up_the_lease_and_is_an_error() {
    let server = Server::default();
    let metrics = Arc::new(Metrics::new("test", Component::Controller));
    let candidate = candidate(&server, "a", &Readiness::new(), &metrics);
    let ended = candidate.lead(Shutdown::new(), |_| async {});
    assert!(timeout(SOON, ended).await.unwrap().is_err());
    assert_eq!(server.lease().holder_identity.as_deref(), Some(""));
}
