//! Long random sequences of what admins, tenants and failures do: after each step exactly the granted
//! copies exist, nothing foreign has changed, and no bytes ever stood in a namespace that was not
//! granted them since they were made.
//!
//! `PULLPASS_SEED` replays one seed, `PULLPASS_STEPS` says how long.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, pin_mut};
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::watcher,
};
use pullpass::{
    cluster::ObjectName,
    controller::{CopyOptions, copies},
    server::Liveness,
    telemetry::{Component, Metrics},
};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    chance::Chance,
    cluster::{Cluster, SYSTEM_NAMESPACE},
    copying::{data, docker_config},
    eventually::eventually,
    meddled::meddled,
    namespace::Namespace,
};

const SEEDS: [u64; 2] = [1, 2];
const STEPS: u64 = 50;
/// Failures in a row make the pauses long.
const LATE: Duration = Duration::from_secs(150);
const NAMES: [&str; 4] = ["m-1", "m-2", "m-3", "n-1"];
const TIERS: [Option<&str>; 3] = [None, Some("paid"), Some("kept")];
const SOURCES: [&str; 3] = ["s1", "s2", SHARED];
/// What did not happen.
const NOTHING: &str = "nothing";
/// Shared by its label, at times.
const SHARED: &str = "s3";
/// After so long without a write there is none to be killed at.
const IDLE: Duration = Duration::from_millis(500);

/// An entry: its pull secret, its source, whether copies are retained, and whom it grants.
struct Entry {
    name: &'static str,
    source: &'static str,
    is_retained: bool,
    rule: &'static str,
    grants: fn(&str, Option<&str>) -> bool,
}

const BY_NAME: Entry = Entry {
    name: "by-name",
    source: "s1",
    is_retained: false,
    rule: r#"{names: ["m-*"], except: ["m-2"]}"#,
    grants: |name, _| name.starts_with("m-") && name != "m-2",
};
const NARROWER: Entry =
    Entry { rule: r#"{names: ["m-3"]}"#, grants: |name, _| name == "m-3", ..BY_NAME };
const BY_LABEL: Entry = Entry {
    name: "by-label",
    source: "s2",
    is_retained: false,
    rule: "{selector: {matchLabels: {tier: paid}}}",
    grants: |_, tier| tier == Some("paid"),
};
const KEPT: Entry = Entry {
    name: "kept",
    source: "s1",
    is_retained: true,
    rule: "{selector: {matchLabels: {tier: kept}}}",
    grants: |_, tier| tier == Some("kept"),
};
const CONFIGS: [&[Entry]; 3] =
    [&[BY_NAME, BY_LABEL, KEPT], &[NARROWER, BY_LABEL], &[BY_LABEL, KEPT]];
/// What the shared source stands for, by the rule in its annotation.
const SHARES: [Entry; 2] = [
    Entry {
        name: SHARED,
        source: SHARED,
        is_retained: false,
        rule: r#"{names: ["m-*"]}"#,
        grants: |name, _| name.starts_with("m-"),
    },
    Entry {
        name: SHARED,
        source: SHARED,
        is_retained: false,
        rule: r#"{names: ["n-*"], except: ["m-*"]}"#,
        grants: |name, _| name.starts_with("n-"),
    },
];
const BROKEN_RULE: &str = "{names: [}";

/// What the label and the annotation of the shared source say.
#[derive(Clone, Copy, PartialEq)]
enum Label {
    None,
    Rule(usize),
    BrokenRule,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_50_no_grant_no_bytes_whatever_happens_in_whatever_order() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let steps = number("PULLPASS_STEPS").unwrap_or(STEPS);
    for seed in number("PULLPASS_SEED").map_or(SEEDS.to_vec(), |seed| vec![seed]) {
        println!("PULLPASS_SEED={seed}");
        let mut model = Model::new(seed).await;
        model.settles(&format!("seed {seed}, the beginning")).await;
        for step in 0..steps {
            let what = model.step().await;
            println!("{step}: {what}");
            model.settles(&format!("seed {seed}, step {step}: {what}")).await;
        }
        model.no_bytes_without_grant();
    }
}

/// What there should be, and the cluster.
struct Model {
    cluster: Cluster,
    chance: Arc<Chance>,
    config: usize,
    namespaces: BTreeMap<&'static str, Known>,
    /// The content of each source that can be used.
    sources: BTreeMap<&'static str, Option<String>>,
    /// Namespace, name, content.
    copies: BTreeMap<(String, String), String>,
    foreign: BTreeMap<(String, String), Secret>,
    label: Label,
    /// Of [`SHARES`] the one that is in force.
    shared: Option<usize>,
    /// Every content of a source.
    written: HashSet<String>,
    /// For each content the namespaces, by UID, that were ever granted it.
    granted: HashMap<String, HashSet<String>>,
    /// Of each UID the name of its namespace.
    names: HashMap<String, &'static str>,
    seen: Arc<Mutex<Vec<Seen>>>,
    watch: JoinHandle<()>,
    controller: JoinHandle<()>,
    seed: u64,
    versions: u32,
}

/// A version of a Secret: its content, its namespace, and the UID that it says it is for.
struct Seen {
    content: String,
    namespace: String,
    uid: String,
}

struct Known {
    object: Namespace,
    uid: String,
    tier: Option<&'static str>,
}

impl Model {
    async fn new(seed: u64) -> Self {
        let cluster = Cluster::exclusive().await;
        cluster.apply_default_overlay(1).await;
        cluster.apply_rights_to_copy().await;
        let seen = Arc::default();
        let watch = tokio::spawn(watch(cluster.client(), Arc::clone(&seen)));
        let chance = Arc::new(Chance::new(seed));
        let controller = controller(&cluster, &chance).await;
        let mut model = Self {
            cluster,
            chance,
            config: 0,
            namespaces: BTreeMap::new(),
            sources: BTreeMap::new(),
            copies: BTreeMap::new(),
            foreign: BTreeMap::new(),
            label: Label::None,
            shared: None,
            granted: HashMap::new(),
            written: HashSet::new(),
            names: HashMap::new(),
            seen,
            watch,
            controller,
            seed,
            versions: 0,
        };
        model.configure(0).await;
        for source in SOURCES {
            model.edit_source(source).await;
        }
        for name in NAMES {
            model.make_or_relabel(name).await;
        }
        model.expect();
        model
    }

    fn pick<T: Copy>(&self, of: &[T]) -> T {
        let place = self.chance.next(of.len() as u64);
        of[usize::try_from(place).expect("it is small")]
    }

    /// Something happens.
    async fn step(&mut self) -> String {
        // While it works on what came before.
        let is_killed = self.chance.next(4) == 0;
        if is_killed {
            self.chance.arm(self.chance.next(3));
        }
        let mut what = NOTHING.to_owned();
        while what == NOTHING {
            what = self.something().await;
        }
        self.expect();
        // A new content follows at once on what may have taken a grant away. (Not where what stays of it
        // would be a matter of luck.)
        let is_about_grants =
            ["namespace", "configuration", SHARED].iter().any(|begin| what.starts_with(begin))
                && self.label != Label::BrokenRule;
        if is_about_grants && self.chance.next(2) == 0 {
            let source = self.pick(&["s2", SHARED]);
            what = format!("{what}; {}", self.edit_source(source).await);
            self.expect();
        }
        if !is_killed {
            return what;
        }
        let killed = tokio::time::timeout(IDLE, self.chance.killed()).await;
        let moment = killed.unwrap_or("while it was idle");
        self.controller.abort();
        let _ = (&mut self.controller).await;
        self.chance.disarm();
        self.controller = controller(&self.cluster, &self.chance).await;
        format!("{what}; killed {moment}")
    }

    async fn something(&mut self) -> String {
        let name = self.pick(&NAMES);
        let source = self.pick(&SOURCES);
        match self.chance.next(16) {
            0..=3 => self.make_or_relabel(name).await,
            4 => self.delete_namespace(name).await,
            5..=7 => self.edit_source(source).await,
            8 => self.spoil_source(source).await,
            9 => {
                let place = usize::try_from(self.chance.next(3)).expect("it is small");
                self.configure(place).await
            }
            10 => self.put_or_take_foreign(name).await,
            11..=13 => self.share().await,
            _ => self.tamper().await,
        }
    }

    async fn share(&mut self) -> String {
        if !self.sources.contains_key(SHARED) {
            return NOTHING.into();
        }
        self.label = self.pick(&[Label::None, Label::Rule(0), Label::Rule(1), Label::BrokenRule]);
        let (label, rule) = match self.label {
            Label::None => (None, None),
            Label::Rule(rule) => (Some("true"), Some(SHARES[rule].rule)),
            Label::BrokenRule => (Some("true"), Some(BROKEN_RULE)),
        };
        let patch = Patch::Merge(json!({"metadata": {
            "labels": {"pullpass.io/share": label},
            "annotations": {"pullpass.io/namespaces": rule},
        }}));
        let secrets = self.secrets(SYSTEM_NAMESPACE);
        secrets.patch(SHARED, &PatchParams::default(), &patch).await.unwrap();
        format!("{SHARED} is labelled {label:?}, {rule:?}")
    }

    /// Works out which rule of the shared source is in force.
    fn expect_shared(&mut self) {
        let namespaces = match self.label {
            Label::None => None,
            Label::Rule(rule) => Some(rule),
            Label::BrokenRule => self.shared,
        };
        let is_good = self.sources.get(SHARED).is_some_and(Option::is_some);
        self.shared = namespaces.filter(|_| is_good || self.shared.is_some());
    }

    async fn make_or_relabel(&mut self, name: &'static str) -> String {
        let tier = self.pick(&TIERS);
        if let Some(known) = self.namespaces.get_mut(name) {
            known.tier = tier;
            known.object.relabel(&[("tier", tier)]).await;
            return format!("namespace {name} is labelled {tier:?}");
        }
        let labels: Vec<_> = tier.iter().map(|tier| ("tier", *tier)).collect();
        let new = self.cluster.namespace("x").named(name).labelled(&labels);
        let object = new.create_at_once().await;
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> =
            Api::all(self.cluster.client());
        let uid = namespaces.get(name).await.unwrap().uid().unwrap();
        self.names.insert(uid.clone(), name);
        self.namespaces.insert(name, Known { object, uid, tier });
        format!("namespace {name} is made, labelled {tier:?}")
    }

    async fn delete_namespace(&mut self, name: &'static str) -> String {
        let Some(known) = self.namespaces.remove(name) else { return NOTHING.into() };
        known.object.delete().await;
        self.copies.retain(|(namespace, _), _| namespace != name);
        self.foreign.retain(|(namespace, _), _| namespace != name);
        format!("namespace {name} is deleted")
    }

    async fn edit_source(&mut self, source: &'static str) -> String {
        self.versions += 1;
        let content = docker_config("gcr.io", &format!("{}-{}", self.seed, self.versions));
        self.write_source(source, &content).await;
        self.written.insert(content.clone());
        self.sources.insert(source, Some(content));
        format!("source {source} is version {}", self.versions)
    }

    async fn spoil_source(&mut self, source: &'static str) -> String {
        self.sources.insert(source, None);
        if self.chance.next(2) == 0 {
            self.write_source(source, r#"{"auths": {"gcr.io": {"auth": "!"}}}"#).await;
            return format!("source {source} is broken");
        }
        let _ = self.secrets(SYSTEM_NAMESPACE).delete(source, &DeleteParams::default()).await;
        if source == SHARED {
            self.sources.remove(SHARED);
            self.label = Label::None;
        }
        format!("source {source} is deleted")
    }

    async fn write_source(&self, source: &str, content: &str) {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": source},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": ByteString(content.as_bytes().to_vec())},
        });
        let parameters = PatchParams::apply("test").force();
        let secrets = self.secrets(SYSTEM_NAMESPACE);
        secrets.patch(source, &parameters, &Patch::Apply(secret)).await.unwrap();
    }

    async fn configure(&mut self, config: usize) -> String {
        self.config = config;
        let mut yaml = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n".to_owned();
        for Entry { name, source, is_retained, rule, .. } in CONFIGS[config] {
            let on_removal = if *is_retained { "retain" } else { "delete" };
            yaml.push_str(&format!(
                "- name: {name}\n  images: [\"gcr.io/{name}/*\"]\n  namespaces: {rule}\n  \
                 source: {{secret: {source}}}\n  onRemoval: {on_removal}\n"
            ));
        }
        self.cluster.configure(&yaml).await.expect_success();
        format!("configuration {config}")
    }

    async fn put_or_take_foreign(&mut self, namespace: &'static str) -> String {
        let name = self.pick(&["by-name", "by-label", "kept", SHARED]);
        let place = (namespace.to_owned(), name.to_owned());
        if self.foreign.remove(&place).is_some() {
            self.secrets(namespace).delete(name, &DeleteParams::default()).await.unwrap();
            return format!("the foreign Secret {namespace}/{name} is deleted");
        }
        let is_free = self.namespaces.contains_key(namespace)
            && !self.copies.contains_key(&place)
            && !self.grants(namespace).iter().any(|entry| entry.name == name);
        if !is_free {
            return NOTHING.into();
        }
        let label = self.pick(&["true", "false"]);
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"pullpass.io/copy": label}},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": ByteString(docker_config("theirs", "x").into_bytes())},
        }))
        .unwrap();
        let made = self.secrets(namespace).create(&PostParams::default(), &secret).await.unwrap();
        self.foreign.insert(place, made);
        format!("a foreign Secret {namespace}/{name}")
    }

    async fn tamper(&mut self) -> String {
        let places: Vec<_> = self.copies.keys().cloned().collect();
        if places.is_empty() {
            return NOTHING.into();
        }
        let at = usize::try_from(self.chance.next(places.len() as u64)).expect("it is small");
        let (namespace, name) = &places[at];
        let is_granted = self
            .grants(namespace)
            .iter()
            .any(|entry| entry.name == name && self.content(entry.source).is_some());
        // Nobody puts right what is retained, or what has no source.
        if !is_granted {
            return NOTHING.into();
        }
        let secrets = self.secrets(namespace);
        if self.chance.next(2) == 0 {
            secrets.delete(name, &DeleteParams::default()).await.unwrap();
            return format!("the copy {namespace}/{name} is deleted");
        }
        let bytes = ByteString(docker_config("evil.example", "evil").into_bytes());
        let patch = Patch::Merge(json!({"data": {".dockerconfigjson": bytes}}));
        secrets.patch(name, &PatchParams::default(), &patch).await.unwrap();
        format!("the copy {namespace}/{name} is changed")
    }

    /// What is copied of a source, if anything is.
    fn content(&self, source: &str) -> Option<String> {
        let is_held = source == SHARED && self.label == Label::BrokenRule;
        self.sources.get(source).cloned().flatten().filter(|_| !is_held)
    }

    fn grants(&self, namespace: &str) -> Vec<&'static Entry> {
        let Some(known) = self.namespaces.get(namespace) else { return vec![] };
        let shared = self.shared.map(|rule| &SHARES[rule]);
        let entries = CONFIGS[self.config].iter().chain(shared);
        entries.filter(|entry| (entry.grants)(namespace, known.tier)).collect()
    }

    /// Works out what there should be in the end.
    fn expect(&mut self) {
        self.expect_shared();
        let mut copies = BTreeMap::new();
        for (namespace, known) in &self.namespaces {
            for entry in self.grants(namespace) {
                let place = ((*namespace).to_owned(), entry.name.to_owned());
                let content = self.content(entry.source);
                if let Some(content) = &content {
                    let granted = self.granted.entry(content.clone()).or_default();
                    granted.insert(known.uid.clone());
                }
                let content = content.or_else(|| self.copies.get(&place).cloned());
                if let Some(content) = content.filter(|_| !self.foreign.contains_key(&place)) {
                    copies.insert(place, content);
                }
            }
        }
        for (place, content) in &self.copies {
            let is_retained = place.1 == KEPT.name;
            if is_retained && !copies.contains_key(place) {
                copies.insert(place.clone(), content.clone());
            }
        }
        self.copies = copies;
    }

    async fn settles(&self, moment: &str) {
        eventually(moment, LATE, async || {
            let mut found = BTreeMap::new();
            for namespace in self.namespaces.keys() {
                let secrets = self.secrets(namespace).list(&ListParams::default()).await;
                for secret in secrets.map_err(|error| error.to_string())? {
                    let place = ((*namespace).to_owned(), secret.name_any());
                    if let Some(foreign) = self.foreign.get(&place) {
                        assert_eq!(
                            secret.resource_version(),
                            foreign.resource_version(),
                            "{moment}"
                        );
                    } else {
                        found.insert(place, String::from_utf8_lossy(data(&secret)).into_owned());
                    }
                }
            }
            if found != self.copies {
                return Err(format!("{found:?}, not {:?}", self.copies));
            }
            self.is_published().await
        })
        .await;
    }

    /// Whether the webhook is told what is shared: only what was published outlasts a kill.
    async fn is_published(&self) -> Result<(), String> {
        let config_maps: Api<ConfigMap> = Api::namespaced(self.cluster.client(), SYSTEM_NAMESPACE);
        let found = config_maps.get("pullpass-shared").await.map_err(|error| error.to_string())?;
        let text = found.data.and_then(|mut data| data.remove("shared.yaml")).unwrap_or_default();
        let is_so = match self.shared {
            None => !text.contains(SHARED),
            Some(0) => text.contains(SHARED) && !text.contains("except"),
            Some(_) => text.contains(SHARED) && text.contains("except"),
        };
        is_so.then_some(()).ok_or_else(|| format!("published, not {:?}: {text}", self.shared))
    }

    fn secrets(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.cluster.client(), namespace)
    }

    fn no_bytes_without_grant(&self) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 0;
        for Seen { content, namespace, uid } in seen.iter() {
            // What others have put there, or tests before.
            if !self.written.contains(content) {
                continue;
            }
            let granted = self.granted.get(content);
            let is_granted = granted.is_some_and(|granted| granted.contains(uid));
            assert!(is_granted, "{content} stood in the namespace {namespace}, {uid}");
            assert_eq!(self.names.get(uid), Some(&&**namespace), "{content} says {uid}");
            count += 1;
        }
        println!("{count} versions of copies were seen");
        assert!(count > 0);
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.watch.abort();
        self.controller.abort();
    }
}

/// Every version of every Secret outside the system's namespace.
async fn watch(client: kube::Client, seen: Arc<Mutex<Vec<Seen>>>) {
    let secrets = watcher(Api::<Secret>::all(client), watcher::Config::default());
    pin_mut!(secrets);
    while let Some(event) = secrets.next().await {
        let (watcher::Event::Apply(secret) | watcher::Event::InitApply(secret)) = (match event {
            Ok(event) => event,
            Err(_) => continue,
        }) else {
            continue;
        };
        if secret.namespace().as_deref() == Some(SYSTEM_NAMESPACE) {
            continue;
        }
        let uid = secret.annotations().get("pullpass.io/namespace-uid").cloned();
        let content = String::from_utf8_lossy(data(&secret)).into_owned();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let namespace = secret.namespace().unwrap_or_default();
        seen.push(Seen { content, namespace, uid: uid.unwrap_or_default() });
    }
}

/// The controller's loop, whose requests fail by chance.
async fn controller(cluster: &Cluster, chance: &Arc<Chance>) -> JoinHandle<()> {
    let client = cluster.controllers_client().await;
    let chance = Arc::clone(chance);
    let client = meddled(&client, move |client, request| Arc::clone(&chance).pass(client, request));
    let options = CopyOptions {
        namespace: SYSTEM_NAMESPACE.into(),
        config_map: ObjectName { namespace: SYSTEM_NAMESPACE.into(), name: "pullpass".into() },
        shared_grace: Duration::ZERO,
    };
    let metrics = Arc::new(Metrics::new("0.0.0", Component::Controller));
    tokio::spawn(async move { copies::run(client, options, metrics, Liveness::new()).await })
}
