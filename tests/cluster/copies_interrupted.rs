//! The controller's process is killed again and again while it brings copies, puts them right and takes them
//! away, each time with writes on their way. The next one makes up for it, and does nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::json;

use crate::{
    audit,
    cluster::{Cluster, SYSTEM_NAMESPACE},
    controller::{ControllerProcess, NewController},
    copying::{Copying, data, docker_config},
    eventually::eventually,
    gate::Gate,
    managed::{CONTROLLER, SOON},
};

const NAMESPACES: usize = 21;
/// In each namespace, but for those that are taken.
const NAMES: [&str; 2] = ["one", "two"];
/// A process is killed when so many are done.
const KILLED_AT: [usize; 3] = [1, 10, 25];
/// Writes that go through while it is killed.
const MEANWHILE: usize = 4;

/// A marker for [`Copying::settled`], and, where they are granted, two entries for 21 namespaces.
fn config(is_granted: bool) -> String {
    let names = if is_granted { "killed-*" } else { "no-*" };
    format!(
        r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- name: one
  images: ["gcr.io/one/*"]
  namespaces: {{names: ["{names}"]}}
  source: {{secret: source}}
- name: two
  images: ["gcr.io/two/*"]
  namespaces: {{names: ["{names}"]}}
  source: {{secret: source}}
- name: marker
  images: ["gcr.io/marker/*"]
  namespaces: {{names: ["marker-*"]}}
  source: {{secret: marker-source}}
"#
    )
}

/// Namespace and name.
type Place = (String, String);

/// The end of the audit log, and the version of the cluster.
struct Moment(u64, String);

struct Work {
    copying: Copying,
    gate: Gate,
    /// Where copies are to be.
    places: BTreeSet<Place>,
    foreign: BTreeMap<Place, Secret>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_40_a_process_killed_at_work_is_followed_by_one_that_does_nothing_twice() {
    let mut work = Work::begin().await;
    let first = docker_config("gcr.io", "first");

    let began = work.now().await;
    work.gate.close();
    work.copying.cluster.configure(&config(true)).await.expect_success();
    work.is_killed_often(async |work: &Work| work.with_content(&first).await.len()).await;
    let made = work.with_content(&first).await;
    work.is_in_order(&began, ("create", "made"), &made).await;

    let second = docker_config("gcr.io", "second");
    let began = work.now().await;
    work.gate.close();
    work.copying.source("source", &second).await;
    work.is_killed_often(async |work: &Work| work.with_content(&second).await.len()).await;
    let updated = work.with_content(&second).await;
    work.is_in_order(&began, ("update", "changed"), &updated).await;
    assert_eq!(uids(&updated), uids(&made), "updated in place");

    let began = work.now().await;
    work.gate.close();
    work.copying.cluster.configure(&config(false)).await.expect_success();
    let all = work.places.len();
    work.is_killed_often(async |work: &Work| all - work.copies().await.len()).await;
    work.is_in_order(&began, ("delete", "deleted"), &BTreeMap::new()).await;
}

impl Work {
    /// Namespaces without a grant, two of them with a Secret of somebody else.
    async fn begin() -> Self {
        let cluster = Cluster::exclusive().await;
        cluster.apply_default_overlay(1).await;
        cluster.apply_rights_to_copy().await;
        cluster.configure(&config(false)).await.expect_success();
        let mut places = BTreeSet::new();
        for number in 0..NAMESPACES {
            let name = format!("killed-{number}");
            cluster.namespace("killed").named(&name).create_at_once().await;
            places.extend(NAMES.map(|secret| (name.clone(), secret.to_owned())));
        }
        let mut foreign = BTreeMap::new();
        for place in [("killed-0", "one"), ("killed-20", "two")] {
            let place = (place.0.to_owned(), place.1.to_owned());
            let secret = json!({
                "metadata": {"name": place.1},
                "type": "kubernetes.io/dockerconfigjson",
                "stringData": {".dockerconfigjson": docker_config("gcr.io", "theirs")},
            });
            let secret: Secret = serde_json::from_value(secret).expect("it is a Secret");
            let secrets: Api<Secret> = Api::namespaced(cluster.client(), &place.0);
            let made = secrets.create(&PostParams::default(), &secret).await;
            let made = made.unwrap_or_else(|error| panic!("Secret {place:?}: {error}"));
            places.remove(&place);
            foreign.insert(place, made);
        }
        let gate = Gate::before_copies(&cluster).await;
        let controller = start(&cluster).await;
        let copying = Copying { cluster, controller };
        for source in ["source", "marker-source"] {
            copying.source(source, &docker_config("gcr.io", "first")).await;
        }
        copying.settled().await;
        Self { copying, gate, places, foreign }
    }

    /// Kills the controller at each point, with writes on their way, and starts another. In the end all
    /// is done.
    async fn is_killed_often(&mut self, done: impl AsyncFn(&Self) -> usize) {
        let all = self.places.len();
        for point in KILLED_AT {
            let at = eventually(&format!("{point} to be done"), SOON, async || {
                let at = done(self).await;
                if at < point && self.gate.waiting() > 0 {
                    self.gate.let_through(1);
                }
                let is_so = at >= point && self.gate.waiting() > 0;
                is_so
                    .then_some(at)
                    .ok_or_else(|| format!("{at}; {}", self.copying.controller.log()))
            })
            .await;
            assert!(at + MEANWHILE < all, "killed at {point}, when {at} of {all} were done");
            self.gate.let_through(MEANWHILE);
            self.copying.controller.signal("KILL");
            let controller = &mut self.copying.controller;
            let status = eventually("the end", SOON, async || controller.exited()).await;
            assert_eq!(status.code(), Some(128 + 9));
            println!("killed at {point}: {at} of {all} done before, {} after", done(self).await);
            self.copying.controller = start(&self.copying.cluster).await;
        }
        self.gate.open();
        eventually("all to be done", SOON, async || {
            let now = done(self).await;
            (now == all).then_some(()).ok_or_else(|| format!("{now} of {all}"))
        })
        .await;
        self.copying.settled().await;
    }

    /// Copies are where they are to be, each after one such write, and what is somebody else's is as it was.
    async fn is_in_order(
        &self,
        began: &Moment,
        (verb, change): (&str, &str),
        copies: &BTreeMap<Place, Secret>,
    ) {
        let there: BTreeSet<_> = copies.keys().cloned().collect();
        let expected = if verb == "delete" { BTreeSet::new() } else { self.places.clone() };
        assert_eq!(there, expected, "{verb}");
        assert_eq!(self.copies().await.into_keys().collect::<BTreeSet<_>>(), expected);

        let once = |what: &str| {
            let each = self.places.iter().map(|place| (place.clone(), vec![what.to_owned()]));
            each.collect::<BTreeMap<_, _>>()
        };
        let changes = self.changes_since(&began.1).await;
        assert_eq!(changes, once(change), "{verb}: each once, and nothing else");
        // An answer that nobody waited for any more is no success there.
        let answered = self.answered_since(began.0);
        let expected = once(verb);
        let is_expected = |(place, verbs)| expected.get(place) == Some(verbs);
        assert!(answered.iter().all(is_expected), "{answered:?}");
        let lost = expected.len() - answered.len();
        assert!(lost < answered.len(), "{verb}: {lost} without an answer, {answered:?}");
        println!("{verb}: {lost} done without an answer");

        for (place, before) in &self.foreign {
            let now = self.copying.secrets(&place.0).get(&place.1).await;
            let now = now.unwrap_or_else(|error| panic!("Secret {place:?}: {error}"));
            assert_eq!(now.resource_version(), before.resource_version(), "{place:?}");
        }
    }

    /// What there is under the label of copies.
    async fn copies(&self) -> BTreeMap<Place, Secret> {
        let secrets: Api<Secret> = Api::all(self.copying.cluster.client());
        let found = secrets.list(&ListParams::default().labels("pullpass.io/copy=true")).await;
        let found = found.unwrap_or_else(|error| panic!("the copies: {error}"));
        let found = found.into_iter();
        let found =
            found.map(|copy| ((copy.namespace().unwrap_or_default(), copy.name_any()), copy));
        found.filter(|((namespace, _), _)| namespace.starts_with("killed-")).collect()
    }

    async fn with_content(&self, content: &str) -> BTreeMap<Place, Secret> {
        let mut found = self.copies().await;
        found.retain(|_, copy| data(copy) == content.as_bytes());
        found
    }

    async fn now(&self) -> Moment {
        let secrets: Api<Secret> = Api::all(self.copying.cluster.client());
        let found = secrets.list_metadata(&ListParams::default().limit(1)).await;
        let found = found.unwrap_or_else(|error| panic!("a list of Secrets: {error}"));
        let version = found.metadata.resource_version.expect("a list has a version");
        Moment(audit::end(&self.copying.cluster.control_plane().audit_log()), version)
    }

    /// What has happened to each Secret of the namespaces, as a watch tells it.
    async fn changes_since(&self, version: &str) -> BTreeMap<Place, Vec<String>> {
        let client = self.copying.cluster.client();
        let last: Api<Secret> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
        let last = last.create(&PostParams::default(), &sentinel()).await;
        let last = last.unwrap_or_else(|error| panic!("the last Secret: {error}")).name_any();
        let secrets: Api<Secret> = Api::all(client);
        let watch = secrets.watch_metadata(&WatchParams::default(), version).await;
        let watch = watch.unwrap_or_else(|error| panic!("a watch of Secrets: {error}"));
        let mut watch = pin!(watch);
        let mut changes: BTreeMap<Place, Vec<String>> = BTreeMap::new();
        while let Some(event) = watch.next().await {
            let (change, secret) = match event.unwrap_or_else(|error| panic!("the watch: {error}"))
            {
                WatchEvent::Added(secret) => ("made", secret),
                WatchEvent::Modified(secret) => ("changed", secret),
                WatchEvent::Deleted(secret) => ("deleted", secret),
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(error) => panic!("the watch: {error}"),
            };
            let (namespace, name) = (secret.namespace().unwrap_or_default(), secret.name_any());
            if name == last {
                return changes;
            }
            if namespace.starts_with("killed-") {
                changes.entry((namespace, name)).or_default().push(change.to_owned());
            }
        }
        panic!("the watch ended before it came to {last}");
    }

    /// The writes of the controller there that succeeded, by the audit log.
    fn answered_since(&self, position: u64) -> BTreeMap<Place, Vec<String>> {
        let log = self.copying.cluster.control_plane().audit_log();
        let mut answered: BTreeMap<Place, Vec<String>> = BTreeMap::new();
        for event in audit::since_by(&log, position, CONTROLLER) {
            let object = event.object_ref;
            let is_write = !["get", "list", "watch"].contains(&event.verb.as_str());
            let is_ours = object.resource == "secrets" && object.namespace.starts_with("killed-");
            if is_ours && is_write && (200..300).contains(&event.response_status.code) {
                answered.entry((object.namespace, object.name)).or_default().push(event.verb);
            }
        }
        answered
    }
}

/// A controller that soon follows one that was killed.
async fn start(cluster: &Cluster) -> ControllerProcess {
    let lease = ["--lease-duration=3s", "--lease-renew-deadline=2s", "--lease-retry-period=500ms"];
    let controller = cluster.copying_controller().await;
    lease.into_iter().fold(controller, NewController::argument).start().await
}

fn sentinel() -> Secret {
    let secret = json!({"metadata": {"generateName": "last-"}});
    serde_json::from_value(secret).expect("it is a Secret")
}

fn uids(copies: &BTreeMap<Place, Secret>) -> Vec<Option<String>> {
    copies.values().map(ResourceExt::uid).collect()
}
