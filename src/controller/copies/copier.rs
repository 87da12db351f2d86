//! What is known and what is due, as the watches and the requests tell it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;

use super::copy::Copy;
use super::findings::{Finding, findings};
use super::job::{Job, Outcome};
use super::lists::Lists;
use super::pace::Pace;
use super::queue::{Key, Queue};
use super::report::Report;
use super::sources::Source;
use super::state::State;
use super::watches::{Event, Input};
use crate::cluster::chance::chance;
use crate::cluster::single::{Seen, reason_of};
use crate::config::{self, CONFIG_KEY};
use crate::controller::request::RequestError;

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
            Input::Namespace(event) => self.take_namespace(event),
            Input::Source(event) => self.take_source(event),
            Input::Copy(event) => self.take_copy(event),
        }
    }

    fn take_config(&mut self, seen: Seen<ConfigMap>) {
        match seen {
            Seen::Object(object) => {
                let text = object.data.as_ref().and_then(|data| data.get(CONFIG_KEY));
                let parsed = config::config_text(text.map(String::as_str))
                    .and_then(|text| config::parse(text).map_err(|error| error.brief()));
                match parsed {
                    Ok(parsed) => {
                        self.report.configured(&parsed.config);
                        self.state.set_config(Arc::new(parsed.config));
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
                let source = Source::of(&secret);
                if self.state.sources.set(&name, source) {
                    self.recheck_all();
                }
            }
            Ok(watcher::Event::InitDone) => {
                let listed = self.lists.sources.end();
                if !self.state.sources.keep_only(|name| listed.contains(name)).is_empty() {
                    self.recheck_all();
                }
            }
            Ok(watcher::Event::Delete(secret)) => {
                if self.state.sources.remove(&secret.name_any()) {
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
                let key = self.key_of(&object);
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
                let key = self.key_of(&object);
                self.state.remove_copy(&key);
                self.recheck(key.namespace);
            }
            Err(error) => self.report.watch_failed("copies", &reason_of(&error)),
        }
    }

    fn key_of(&mut self, object: &PartialObjectMeta<Secret>) -> Key {
        self.state.once.key(&object.namespace().unwrap_or_default(), &object.name_any())
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
        let config = self.state.config().filter(|_| self.is_audit_due && self.lists.are_complete());
        let (config, sources) = (config?, self.state.sources.clone());
        self.is_audit_due = false;
        Some(move || findings(&config, &sources))
    }

    /// Takes what was found.
    pub fn audited(&mut self, found: Vec<Finding>) {
        self.report.found(found);
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
            // A source may have thousands of copies: a new namespace does not wait for them, nor does a
            // grant that is gone.
            for key in due.work {
                self.queue.add_first(key, now);
            }
            for key in due.updates {
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
