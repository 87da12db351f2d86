//! What is known and what is due, as the watches and the requests tell it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::contests::Contests;
use super::decision::Decision;
use super::due::Due;
use super::job::{Job, Outcome};
use super::lists::Lists;
use super::options::CopyOptions;
use super::pace::Pace;
use super::publication::{Published, Retry};
use super::queue::{Key, Queue};
use super::report::Report;
use super::state::State;
use crate::cluster::chance::{chance, jittered};
use crate::controller::request::RequestError;
use crate::sources::Finding;
use crate::telemetry::copies::CopyWatch;

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
    pub(super) state: State,
    queue: Queue,
    pace: Pace,
    pub(super) lists: Lists,
    /// Namespaces to be decided on anew.
    rechecks: VecDeque<Arc<str>>,
    rechecked: HashSet<Arc<str>>,
    pub(super) report: Report,
    /// The watches that have failed and told nothing since.
    pub(super) failing: HashSet<CopyWatch>,
    contests: Contests,
    /// What is shared by label is not published before.
    publication: Retry,
    /// Whether sources or the configuration have changed since they were looked through.
    is_audit_due: bool,
}

impl Copier {
    /// Nothing is known yet.
    pub fn new(options: &CopyOptions, report: Report) -> Self {
        Self {
            state: State::new(options),
            queue: Queue::default(),
            pace: Pace::new(Instant::now()),
            lists: Lists::default(),
            rechecks: VecDeque::new(),
            rechecked: HashSet::new(),
            report,
            failing: HashSet::new(),
            contests: Contests::default(),
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
                Some(job) => {
                    self.queue.begun(&key, Decision::of(&job));
                    return Next::Job(key, job);
                }
                // What was due is not any more.
                None => self.queue.done(&key, now),
            }
        }
        Next::At(self.queue.next_retry().map_or(later, |retry| retry.min(later)))
    }

    /// Takes what came of a copy.
    pub fn finished(&mut self, key: &Key, outcome: Result<Outcome, RequestError>) {
        let now = Instant::now();
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.report.failed(key, &error);
                self.queue.failed(key, now, chance());
                // What has been decided since then does not wait.
                self.recheck(Arc::clone(&key.namespace));
                return;
            }
        };
        self.report.done(key, &outcome);
        match outcome {
            Outcome::Created(copy) | Outcome::Updated(copy) | Outcome::Unchanged(copy) => {
                self.state.confirm_copy(key, copy);
            }
            Outcome::Deleted | Outcome::Absent => self.state.remove_copy(key),
            Outcome::Foreign => {
                if self.state.set_foreign(key) {
                    self.report.foreign(key, self.state.wanted(key));
                }
                self.queue.defer(key, now, jittered(FOREIGN, chance()));
                return;
            }
            Outcome::NamespaceChanged(Some(metadata)) => {
                self.state.set_namespace(&key.namespace, *metadata);
            }
            Outcome::NamespaceChanged(None) => self.state.remove_namespace(&key.namespace),
        }
        self.queue.done(key, now);
        self.recheck(Arc::clone(&key.namespace));
    }

    /// A namespace is to be decided on anew.
    pub(super) fn recheck(&mut self, namespace: Arc<str>) {
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
                let published = Published::Text(Some(text));
                let _ = self.state.grants.set_published(published, Instant::now());
            }
            Err(_) => self.publication.failed(Instant::now(), chance()),
        }
    }

    /// A copy was changed or deleted by somebody else.
    pub(super) fn undone(&mut self, key: &Key) {
        if self.contests.undone(key, Instant::now()) {
            self.report.contested(key, self.state.wanted(key));
        }
    }

    /// All are.
    pub(super) fn recheck_all(&mut self) {
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
            self.queue.forget_failures(&namespace, |key| due.has(key));
            self.take_due(due, now);
        }
    }

    fn take_due(&mut self, due: Due, now: Instant) {
        // A source may have thousands of copies: a new namespace does not wait for them, nor does a
        // grant that is gone.
        let first = due.work.into_iter().map(|key| (key, true));
        for (key, is_first) in first.chain(due.updates.into_iter().map(|key| (key, false))) {
            if self.has_failed(&key) {
                continue;
            }
            match self.contests.when(&key, now) {
                at if at > now => self.queue.add_later(&key, at),
                _ if is_first => self.queue.add_first(key, now),
                _ => self.queue.add(key, now),
            }
        }
        for key in due.looks {
            if !self.queue.has(&key) {
                self.queue.add(key, now);
            }
        }
        for key in due.in_the_way {
            self.report.foreign(&key, self.state.wanted(&key));
        }
    }

    /// Whether the very thing that is to be done has failed, and is tried again in its time.
    fn has_failed(&self, key: &Key) -> bool {
        let Some(failed) = self.queue.failed_with(key) else { return false };
        self.state.job(key).is_some_and(|job| Decision::of(&job) == *failed)
    }

    /// Tells how many copies there are.
    pub fn count(&mut self) {
        if self.lists.are_complete() {
            let now = Instant::now();
            if self.state.grants.forget_gone(now) {
                self.recheck_all();
            }
            self.contests.forget_old(now);
            self.report.contests(self.contests.count(now));
            let is_decided = self.rechecks.is_empty() && self.failing.is_empty();
            self.report.count(&self.state, &self.queue, is_decided);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Source;
    use crate::telemetry::{Component, Metrics};
    use kube::core::ObjectMeta;

    /// One that knows of a namespace that is granted a copy.
    fn copier() -> Copier {
        let options = CopyOptions::plain();
        let metrics = Arc::new(Metrics::new("0.0.0", Component::Controller));
        let mut copier = Copier::new(&options, Report::new(&options, metrics).0);
        copier.lists.namespaces.end();
        copier.lists.sources.end();
        copier.lists.copies.end();
        copier.state = State::of_teams();
        copier.state.set_namespace("team-a", ObjectMeta::default());
        copier
    }

    /// What is begun once all is decided on anew.
    fn begun(copier: &mut Copier) -> Option<Key> {
        copier.recheck_all();
        copier.recheck_some();
        match copier.next(0) {
            Next::Job(key, _) => Some(key),
            Next::At(_) => None,
        }
    }

    /// Fails so often that the next attempt is minutes away.
    fn fail(copier: &mut Copier, key: &Key) {
        let error = || RequestError::Refused {
            act: "create",
            object: "Secret team-a/a".to_owned(),
            code: 403,
            reason: "exceeded quota".to_owned(),
        };
        for _ in 0..10 {
            copier.queue.begun(key, Decision::of(&copier.state.job(key).unwrap()));
            copier.finished(key, Err(error()));
            copier.queue.add_first(key.clone(), Instant::now());
            assert_eq!(copier.queue.next(Instant::now()).as_ref(), Some(key));
        }
        copier.queue.begun(key, Decision::of(&copier.state.job(key).unwrap()));
        copier.finished(key, Err(error()));
    }

    #[test]
    fn fault_39_what_failed_is_tried_anew_in_its_time_or_when_something_else_is_decided() {
        let mut copier = copier();
        let key = Key { namespace: "team-a".into(), name: "a".into() };
        assert_eq!(begun(&mut copier).as_ref(), Some(&key));
        fail(&mut copier, &key);
        assert_eq!((begun(&mut copier), copier.queue.failed_count()), (None, 1));

        copier.state.grants.set_source("source", Source::good("uid", b"{ }"), None);
        assert_eq!(begun(&mut copier).as_ref(), Some(&key), "another content");
        fail(&mut copier, &key);
        assert_eq!(begun(&mut copier), None);

        copier.state.remove_namespace("team-a");
        copier.recheck("team-a".into());
        assert_eq!((begun(&mut copier), copier.queue.failed_count()), (None, 0));
        copier.state.set_namespace("team-a", ObjectMeta::default());
        assert_eq!(begun(&mut copier).as_ref(), Some(&key), "made anew");
    }
}
