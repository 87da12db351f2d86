//! The watches of the copies: what they ask for, and that none stands still.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    BoxError,
    body::Bytes,
    http::{Request, Response, header::ACCEPT},
};
use futures::{StreamExt, TryStreamExt, future, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use k8s_openapi::api::core::v1::Secret;
use kube::{Client, client::Body};
use pullpass::{
    cluster::{ObjectName, client::without_silence},
    controller::{CopyOptions, copies},
    server::Liveness,
    telemetry::{Component, Metrics, copies::CopyWatch},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    copying::{data, docker_config},
    eventually::eventually,
    managed::SOON,
    meddled::{Answer, meddled, send},
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- name: team
  images: ["gcr.io/team/*"]
  namespaces: {names: ["team-*"]}
  source: {secret: source}
"#;
/// Of an answer of the API server, before it has failed.
const SILENCE: Duration = Duration::from_secs(2);

/// What passes between the controller and the API server.
#[derive(Default)]
struct Wire {
    /// The next so many watches are told that they are too old.
    expired: AtomicUsize,
    /// Watches that have begun are told nothing any more.
    is_cut: Mutex<Arc<AtomicBool>>,
    /// Watches of ConfigMaps are told nothing any more.
    are_config_maps_cut: Arc<AtomicBool>,
    /// Each list and watch, with what it accepts.
    asked: Mutex<Vec<String>>,
}

impl Wire {
    async fn pass(self: Arc<Self>, client: Client, request: Request<Body>) -> Answer<Told> {
        let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        let line = format!("{} {}", request.uri(), accepted.unwrap_or_default());
        let is_watch = line.contains("watch=true");
        if line.contains("limit=") || is_watch {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
        if !is_watch {
            return Ok(send(&client, request).await?.map(told));
        }
        let left = |left: usize| left.checked_sub(1);
        if self.expired.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
            let status =
                json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
            let event = json!({"type": "ERROR", "object": status}).to_string() + "\n";
            return Ok(Response::new(told(Body::from(event.into_bytes()))));
        }
        let is_cut = Arc::clone(&self.is_cut.lock().unwrap_or_else(PoisonError::into_inner));
        let is_of_config_map = request.uri().path().ends_with("/configmaps");
        let are_cut = Arc::clone(&self.are_config_maps_cut);
        let is_told = move || {
            let is_cut_too = is_of_config_map && are_cut.load(Ordering::SeqCst);
            !is_cut.load(Ordering::SeqCst) && !is_cut_too
        };
        let until_cut = |body: Body| {
            let told = body.into_data_stream().map_err(BoxError::from);
            let told = told.take_while(move |_| future::ready(is_told()));
            StreamBody::new(told.chain(stream::pending()).map_ok(Frame::data)).boxed_unsync()
        };
        Ok(send(&client, request).await?.map(until_cut))
    }

    /// From now on the watches that have begun are silent, and those to come are not.
    fn cut(&self) {
        let mut is_cut = self.is_cut.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *is_cut).store(true, Ordering::SeqCst);
    }
}

/// The body of an answer.
type Told = UnsyncBoxBody<Bytes, BoxError>;

fn told(body: Body) -> Told {
    body.map_err(BoxError::from).boxed_unsync()
}

struct Watching {
    cluster: Cluster,
    wire: Arc<Wire>,
    metrics: Arc<Metrics>,
    liveness: Liveness,
    controller: JoinHandle<()>,
    content: String,
}

impl Watching {
    async fn start() -> Self {
        Self::start_with(SILENCE).await
    }

    async fn start_with(silence: Duration) -> Self {
        let cluster = Cluster::exclusive().await;
        cluster.apply_default_overlay(1).await;
        cluster.apply_rights_to_copy().await;
        cluster.configure(CONFIG).await.expect_success();
        let content = docker_config("gcr.io", "x");
        cluster.apply(&source(&content)).await;
        let wire = Arc::<Wire>::default();
        let passing = Arc::clone(&wire);
        let client = cluster.controllers_client().await;
        let client =
            meddled(&client, move |client, request| Arc::clone(&passing).pass(client, request));
        let client = without_silence(client, silence);
        let options = CopyOptions {
            namespace: SYSTEM_NAMESPACE.into(),
            config_map: ObjectName::default_config_map(),
            shared_grace: Duration::ZERO,
        };
        let metrics = Arc::new(Metrics::new("0.0.0", Component::Controller));
        let liveness = Liveness::new();
        let copies = copies::run(client, options, Arc::clone(&metrics), liveness.clone());
        let controller = tokio::spawn(copies);
        Self { cluster, wire, metrics, liveness, controller, content }
    }

    /// A new namespace gets its copy.
    async fn copies(&self, when: &str) {
        let namespace = self.cluster.namespace("team").create_at_once().await;
        let secrets = namespace.api::<Secret>();
        eventually(&format!("a copy {when}"), SOON, async || {
            let found = secrets.get_opt("team").await.map_err(|error| error.to_string())?;
            let found = found.ok_or_else(|| "there is none".to_owned())?;
            let is_so = data(&found) == self.content.as_bytes();
            is_so.then_some(()).ok_or_else(|| "it has other content".to_owned())
        })
        .await;
    }
}

fn source(content: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "source", "namespace": SYSTEM_NAMESPACE},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": content},
    })
}

/// An administrator withdraws a grant, and changes the password that leaked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_50_a_new_content_goes_out_under_no_table_that_is_withdrawn_already() {
    let watching = Watching::start_with(Duration::from_hours(1)).await;
    watching.copies("at the beginning").await;
    let withdrawn = watching.cluster.namespace("team").create_at_once().await;
    let secrets = withdrawn.api::<Secret>();
    eventually("its copy", SOON, async || {
        let found = secrets.get_opt("team").await.map_err(|error| error.to_string())?;
        found.map(|_| ()).ok_or_else(|| "there is none".to_owned())
    })
    .await;

    watching.wire.are_config_maps_cut.store(true, Ordering::SeqCst);
    let without = CONFIG.replace("team-*", "other-*");
    watching.cluster.configure(&without).await.expect_success();
    let failures = watching.metrics.copies.failures.get();
    watching.cluster.apply(&source(&docker_config("gcr.io", "new"))).await;

    eventually("the controller to have tried", SOON, async || {
        let failed = watching.metrics.copies.failures.get() - failures;
        (failed >= 3).then_some(()).ok_or(failed)
    })
    .await;
    let found = secrets.get("team").await.unwrap();
    assert_eq!(data(&found), watching.content.as_bytes(), "what was granted is there, and no more");
    watching.controller.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_37_watches_that_are_told_nothing_any_more_begin_anew() {
    let watching = Watching::start().await;
    watching.copies("at the beginning").await;
    let metrics = &watching.metrics.copies;

    for round in 1..=2 {
        watching.wire.cut();
        let errors = metrics.watch_errors.get();
        watching.copies(&format!("after the watches were cut, round {round}")).await;
        assert!(metrics.watch_errors.get() > errors);
    }

    for watch in [CopyWatch::Configuration, CopyWatch::Namespaces, CopyWatch::Copies] {
        assert!(metrics.watch_progress.of(watch).get() > 0, "{watch:?}");
    }
    let hour = std::time::Instant::now() + Duration::from_hours(1);
    assert_eq!(watching.liveness.standing_still(std::time::Instant::now()), [""; 0]);
    assert_eq!(watching.liveness.standing_still(hour).len(), 5);
    watching.controller.abort();
    let _ = watching.controller.await;
    assert_eq!(
        watching.liveness.standing_still(hour),
        [""; 0],
        "one that has ended is not waited for"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_39_watches_that_are_too_old_begin_with_a_list() {
    let watching = Watching::start().await;
    watching.copies("at the beginning").await;
    watching.wire.expired.store(5, Ordering::SeqCst);
    watching.wire.cut();
    eventually("five watches to be too old", SOON, async || {
        let left = watching.wire.expired.load(Ordering::SeqCst);
        (left == 0).then_some(()).ok_or(left)
    })
    .await;
    watching.copies("after the watches were too old").await;
    watching.controller.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_38_lists_come_in_pages_and_of_what_is_not_read_only_as_metadata() {
    let watching = Watching::start().await;
    watching.copies("at the beginning").await;
    watching.controller.abort();
    let asked = watching.wire.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let of = |path: &str| -> Vec<&String> {
        let found: Vec<_> = asked.iter().filter(|line| line.starts_with(path)).collect();
        assert!(found.iter().any(|line| line.contains("watch=true")), "{path}: {found:?}");
        assert!(found.iter().any(|line| line.contains("limit=500")), "{path}: {found:?}");
        found
    };
    for line in of("/api/v1/secrets?") {
        assert!(line.contains("labelSelector=pullpass.io%2Fcopy%3Dtrue"), "{line}");
        assert!(line.contains("as=PartialObjectMetadata"), "{line}");
    }
    for line in of("/api/v1/namespaces?") {
        assert!(line.contains("as=PartialObjectMetadata"), "{line}");
    }
    of("/api/v1/namespaces/pullpass-system/secrets?");
    of("/api/v1/namespaces/pullpass-system/configmaps?");
    let others = asked.iter().filter(|line| {
        !["/api/v1/secrets?", "/api/v1/namespaces?", "/api/v1/namespaces/pullpass-system/"]
            .iter()
            .any(|path| line.starts_with(path))
    });
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
}
