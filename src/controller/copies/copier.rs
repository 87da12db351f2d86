//! What is known and what is due, as the watches and the requests tell it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;

use super::copy::Copy;
use super::grants::Published;
use super::job::{Job, Outcome};
use super::lists::Lists;
use super::pace::Pace;
use super::publication::Retry;
use super::queue::{Key, Queue};
use super::report::Report;
use super::state::State;
use super::watches::{Event, Input};
use crate::cluster::chance::chance;
use crate::cluster::single::{Seen, reason_of};
use crate::cluster::source_secret::{share_of, source_of};
use crate::config::{self, CONFIG_KEY, SHARED_KEY};
use crate::controller::request::RequestError;
use crate::sources::Finding;

/// Copies that are worked on at once.
const PARALLEL: usize = 16;
/// Namespaces that are decided on before anything else is looked at.
const CHUNK: usize = 200;
/// After so long, or half of it, a Secret that is in the way is looked at again: nobody tells when it is
/// gone.
const FOREIGN: Duration = Duration::from_secs(20);
/// The longest sleep.
const LATER: Duration = Duration::from_secs(5);

/// What is to be begun.
pub enum Next {
    /// This.
    Job(Key, Job),
    /// Nothing, until then.
    At(Instant),
}

/// The task's own state.
pub struct Copier {
    state: State,
    queue: Queue,
    pace: Pace,
    lists: Lists,
    /// Namespaces to be decided on anew.
    rechecks: VecDeque<Arc<str>>,
    rechecked: HashSet<Arc<str>>,
    report: Report,
    /// The version of the ConfigMap that was told of last.
    config_version: Option<String>,
    /// What is shared by label is not published before.
    publication: Retry,
    /// Whether sources or the configuration have changed since they were looked through.
    is_audit_due: bool,
}

impl Copier {
    /// Nothing is known yet.
    pub fn new(own_namespace: &str, report: Report) -> Self {
        Self {
            state: State::new(own_namespace.to_owned()),
            queue: Queue::default(),
            pace: Pace::new(Instant::now()),
            lists: Lists::default(),
            rechecks: VecDeque::new(),
            rechecked: HashSet::new(),
            report,
            config_version: None,
            publication: Retry::default(),
            is_audit_due: false,
        }
    }

    /// What is to be begun next, beside so many that are running.
    pub fn next(&mut self, running: usize) -> Next {
        let now = Instant::now();
        let later = now + LATER;
        if !self.lists.are_complete() || running >= PARALLEL {
            return Next::At(later);
        }
        if self.queue.is_due(now)
            && let Err(pause) = self.pace.take(now)
        {
            return Next::At(now + pause);
        }
        while let Some(key) = self.queue.next(now) {
            match self.state.job(&key) {
                Some(job) => return Next::Job(key, job),
                // What was due is not any more.
                None => self.queue.done(&key, now),
            }
        }
        Next::At(self.queue.next_retry().map_or(later, |retry| retry.min(later)))
    }

    /// Takes what a watch has told.
    pub fn take(&mut self, input: Input) {
        match input {
            Input::Config(seen) => self.take_config(seen),
            Input::Shared(seen) => self.take_shared(seen),
            Input::Namespace(event) => self.take_namespace(event),
            Input::Source(event) => self.take_source(event),
            Input::Copy(event) => self.take_copy(event),
        }
    }

    fn take_config(&mut self, seen: Seen<ConfigMap>) {
        match seen {
            Seen::Object(object) => {
                if !self.is_news(&object) {
                    return;
                }
                let text = object.data.as_ref().and_then(|data| data.get(CONFIG_KEY));
                let parsed = config::config_text(text.map(String::as_str))
                    .and_then(|text| config::parse(text).map_err(|error| error.brief()));
                match parsed {
                    Ok(parsed) => {
                        self.report.configured(&parsed.config);
                        self.state.grants.set_written(parsed.config);
                        self.recheck_all();
                    }
                    Err(reason) => self.report.refused(&reason),
                }
            }
            Seen::Absent => self.report.refused("it does not exist; create it"),
            Seen::Failed(error) => {
                self.report.watch_failed("the configuration", &reason_of(&error));
            }
        }
    }

    /// Whether the ConfigMap is not the one that was told of last: each complete list tells of it.
    fn is_news(&mut self, object: &ConfigMap) -> bool {
        let version = object.resource_version();
        let is_news = version.is_none() || version != self.config_version;
        self.config_version = version;
        is_news
    }

    fn take_shared(&mut self, seen: Seen<ConfigMap>) {
        let published = match seen {
            Seen::Object(object) => {
                let text = object.data.and_then(|mut data| data.remove(SHARED_KEY));
                Published::Text(text)
            }
            Seen::Absent => Published::Absent,
            Seen::Failed(error) => {
                return self.report.watch_failed("what is published", &reason_of(&error));
            }
        };
        match self.state.grants.set_published(published) {
            Ok(false) => return,
            Ok(true) => {}
            Err(reason) => self.report.published_refused(&reason),
        }
        self.recheck_all();
    }

    fn take_namespace(&mut self, event: Event<PartialObjectMeta<Namespace>>) {
        match event {
            Ok(watcher::Event::Init) => self.lists.namespaces.begin(),
            Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                let name = object.name_any();
                self.lists.namespaces.add(name.as_str().into());
                self.state.set_namespace(&name, object.metadata);
                self.recheck(name.into());
            }
            Ok(watcher::Event::InitDone) => {
                let listed = self.lists.namespaces.end();
                self.state.keep_namespaces(&listed);
            }
            Ok(watcher::Event::Delete(object)) => self.state.remove_namespace(&object.name_any()),
            Err(error) => self.report.watch_failed("Namespaces", &reason_of(&error)),
        }
    }

    fn take_source(&mut self, event: Event<Secret>) {
        match event {
            Ok(watcher::Event::Init) => self.lists.sources.begin(),
            Ok(watcher::Event::InitApply(secret) | watcher::Event::Apply(secret)) => {
                let name = secret.name_any();
                self.lists.sources.add(name.as_str().into());
                let (source, share) = (source_of(&secret), share_of(&secret));
                if self.state.grants.set_source(&name, source, share) {
                    self.recheck_all();
                }
            }
            Ok(watcher::Event::InitDone) => {
                let listed = self.lists.sources.end();
                if self.state.grants.keep_sources(|name| listed.contains(name)) {
                    self.recheck_all();
                }
            }
            Ok(watcher::Event::Delete(secret)) => {
                if self.state.grants.remove_source(&secret.name_any()) {
                    self.recheck_all();
                }
            }
            Err(error) => self.report.watch_failed("sources", &reason_of(&error)),
        }
    }

    fn take_copy(&mut self, event: Event<PartialObjectMeta<Secret>>) {
        match event {
            Ok(watcher::Event::Init) => self.lists.copies.begin(),
            Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                let key = key_of(&object);
                self.lists.copies.add(key.clone());
                self.state.set_copy(&key, Copy::of(&object.metadata));
                self.recheck(key.namespace);
            }
            Ok(watcher::Event::InitDone) => {
                let listed = self.lists.copies.end();
                self.state.keep_copies(&listed);
                self.recheck_all();
            }
            Ok(watcher::Event::Delete(object)) => {
                let key = key_of(&object);
                self.state.remove_copy(&key);
                self.recheck(key.namespace);
            }
            Err(error) => self.report.watch_failed("copies", &reason_of(&error)),
        }
    }

    /// Takes what came of a copy.
    pub fn finished(&mut self, key: &Key, outcome: Result<Outcome, RequestError>) {
        let now = Instant::now();
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.report.failed(key, &error);
                self.queue.failed(key, now, chance());
                return;
            }
        };
        self.report.done(key, &outcome);
        if let Outcome::Foreign = outcome {
            self.queue.defer(key, now, FOREIGN.mul_f64(0.5 + chance() / 2.0));
            if self.state.set_foreign(key) {
                self.report.foreign(key, self.state.wanted(key));
            }
            return;
        }
        match outcome {
            Outcome::Created(copy) | Outcome::Updated(copy) | Outcome::Unchanged(copy) => {
                self.state.confirm_copy(key, copy);
            }
            Outcome::Deleted | Outcome::Absent => self.state.remove_copy(key),
            Outcome::Foreign => {}
            Outcome::NamespaceChanged(Some(metadata)) => {
                self.state.set_namespace(&key.namespace, *metadata);
            }
            Outcome::NamespaceChanged(None) => self.state.remove_namespace(&key.namespace),
        }
        self.queue.done(key, now);
        self.recheck(Arc::clone(&key.namespace));
    }

    fn recheck(&mut self, namespace: Arc<str>) {
        if self.rechecked.insert(Arc::clone(&namespace)) {
            self.rechecks.push_back(namespace);
        }
    }

    /// The sources are to be looked through, beside this task: it may take a while.
    pub fn audit(&mut self) -> Option<impl FnOnce() -> Vec<Finding> + Send + use<>> {
        let is_due = self.is_audit_due && self.lists.are_complete();
        self.state.grants.config().filter(|_| is_due)?;
        self.is_audit_due = false;
        Some(self.state.grants.findings())
    }

    /// Takes what was found.
    pub fn audited(&mut self, found: Vec<Finding>) {
        self.report.found(found);
    }

    /// What is to be published now.
    pub fn publication(&self) -> Option<String> {
        let is_due = self.publication.is_due(Instant::now());
        is_due.then(|| self.state.grants.to_publish()).flatten()
    }

    /// Takes what came of it.
    pub fn published(&mut self, published: Result<String, RequestError>) {
        self.report.published(&published);
        match published {
            Ok(text) => {
                self.publication.done();
                // Nothing is in force by it: only what is read first counts.
                let _ = self.state.grants.set_published(Published::Text(Some(text)));
            }
            Err(_) => self.publication.failed(Instant::now(), chance()),
        }
    }

    fn recheck_all(&mut self) {
        self.is_audit_due = true;
        for namespace in self.state.namespaces() {
            self.recheck(namespace);
        }
    }

    /// Whether namespaces are to be decided on anew.
    pub fn has_rechecks(&self) -> bool {
        self.lists.are_complete() && !self.rechecks.is_empty()
    }

    /// Decides on some of them.
    pub fn recheck_some(&mut self) {
        let now = Instant::now();
        for _ in 0..CHUNK {
            let Some(namespace) = self.rechecks.pop_front() else { return };
            self.rechecked.remove(&namespace);
            let due = self.state.recheck(&namespace);
            for key in due.work {
                self.queue.add(key, now);
            }
            for key in due.in_the_way {
                self.report.foreign(&key, self.state.wanted(&key));
            }
        }
    }

    /// Tells how many copies there are.
    pub fn count(&mut self) {
        if self.lists.are_complete() {
            self.report.count(&self.state, &self.queue, self.rechecks.is_empty());
        }
    }
}

fn key_of(object: &PartialObjectMeta<Secret>) -> Key {
    let namespace = object.namespace().unwrap_or_default();
    Key { namespace: namespace.into(), name: object.name_any().into() }
}
