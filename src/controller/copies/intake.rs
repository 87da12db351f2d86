//! What the watches tell, taken into what is known.

use std::time::Instant;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;

use super::copier::Copier;
use super::copy::Copy;
use super::publication::Published;
use super::queue::Key;
use super::watches::{Event, Input};
use crate::cluster::single::{Seen, reason_of};
use crate::cluster::source_secret::{share_of, source_of};
use crate::config::{self, CONFIG_KEY, SHARED_KEY};
use crate::telemetry::copies::CopyWatch;

impl Copier {
    /// Takes what a watch has told.
    pub fn take(&mut self, input: Input) {
        self.take_health(&input);
        match input {
            Input::Config(seen) => self.take_config(seen),
            Input::Shared(seen) => self.take_shared(seen),
            Input::Namespace(event) => self.take_namespace(event),
            Input::Source(event) => self.take_source(event),
            Input::Copy(event) => self.take_copy(event),
        }
    }

    fn take_health(&mut self, input: &Input) {
        if input.error().is_none() {
            self.failing.remove(&input.watch());
            return;
        }
        self.failing.insert(input.watch());
        if matches!(input.watch(), CopyWatch::Configuration | CopyWatch::Sources) {
            self.state.grants.doubt();
        }
    }

    fn take_config(&mut self, seen: Seen<ConfigMap>) {
        match seen {
            Seen::Object(object) => {
                let text = object.data.as_ref().and_then(|data| data.get(CONFIG_KEY));
                let text = text.map(String::as_str);
                // Each complete list tells of it again.
                if !self.state.grants.set_text(text) {
                    return;
                }
                let parsed = config::config_text(text)
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
            Seen::Absent => {
                if self.state.grants.set_text(None) {
                    self.report.refused("it does not exist; create it");
                }
            }
            Seen::Failed(error) => {
                self.report.watch_failed("the configuration", &reason_of(&error));
            }
        }
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
        match self.state.grants.set_published(published, Instant::now()) {
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
                if self.state.grants.keep_sources(|name| listed.contains(name), Instant::now()) {
                    self.recheck_all();
                }
            }
            Ok(watcher::Event::Delete(secret)) => {
                if self.state.grants.remove_source(&secret.name_any(), Instant::now()) {
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
                let copy = Copy::of(&object.metadata);
                let is_undone = copy.is_ours() && copy.is_changed;
                if self.state.set_copy(&key, copy) && is_undone {
                    self.undone(&key);
                }
                self.recheck(key.namespace);
            }
            Ok(watcher::Event::InitDone) => {
                let listed = self.lists.copies.end();
                self.state.keep_copies(&listed);
                self.recheck_all();
            }
            Ok(watcher::Event::Delete(object)) => {
                let key = self.key_of(&object);
                if self.state.wanted(&key).is_some() {
                    self.undone(&key);
                }
                self.state.remove_copy(&key);
                self.recheck(key.namespace);
            }
            Err(error) => self.report.watch_failed("copies", &reason_of(&error)),
        }
    }

    fn key_of(&mut self, object: &PartialObjectMeta<Secret>) -> Key {
        self.state.once.key(&object.namespace().unwrap_or_default(), &object.name_any())
    }
}
