//! What a watch of the copies sees, and when.

use std::{
    collections::HashMap,
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    core::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{
    sync::watch::{Receiver, Sender, channel},
    task::JoinHandle,
    time::timeout,
};

const SELECTOR: &str = "pullpass.io/copy=true";
const MARK: &str = "pullpass.io/content";

/// A watch of all copies, by the administrator.
pub struct Observer {
    seen: Receiver<Seen>,
    watch: JoinHandle<()>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Seen {
    /// The mark of each copy, by namespace and name.
    marks: HashMap<(String, String), String>,
    /// How many copies have a mark, and when the last one got it.
    by_mark: HashMap<String, (usize, Option<Instant>)>,
    /// How many copies a namespace has, and when it got the last one.
    by_namespace: HashMap<String, (usize, Option<Instant>)>,
}

impl Observer {
    /// Starts it.
    pub fn start(client: Client) -> Self {
        let (sender, seen) = channel(Seen::default());
        let watch = tokio::spawn(observe(client, sender));
        Self { seen, watch }
    }

    /// Waits until all copies are that many.
    pub async fn copies(&mut self, count: usize, deadline: Duration) -> Result<()> {
        self.wait(deadline, |seen| seen.marks.len() == count).await.with_context(|| {
            format!("there are {} of {count} copies", self.seen.borrow().marks.len())
        })
    }

    /// Waits until that many copies have this mark; gives when the last one got it.
    pub async fn marked(
        &mut self,
        mark: &str,
        count: usize,
        deadline: Duration,
    ) -> Result<Instant> {
        let found = |seen: &Seen| seen.by_mark.get(mark).copied().unwrap_or_default();
        self.wait(deadline, |seen| found(seen).0 == count).await.with_context(|| {
            format!("{} of {count} copies have the new content", found(&self.seen.borrow()).0)
        })?;
        found(&self.seen.borrow()).1.context("no copy has the new content")
    }

    /// Waits until a namespace has that many copies; gives when it got the last one.
    pub async fn complete(
        &mut self,
        namespace: &str,
        count: usize,
        deadline: Duration,
    ) -> Result<Instant> {
        let found = |seen: &Seen| seen.by_namespace.get(namespace).copied().unwrap_or_default();
        self.wait(deadline, |seen| found(seen).0 == count).await.with_context(|| {
            format!("{namespace} has {} of {count} copies", found(&self.seen.borrow()).0)
        })?;
        found(&self.seen.borrow()).1.with_context(|| format!("{namespace} has no copy"))
    }

    /// How many copies have this mark.
    pub fn count(&self, mark: &str) -> usize {
        self.seen.borrow().by_mark.get(mark).copied().unwrap_or_default().0
    }

    async fn wait(&mut self, deadline: Duration, is_so: impl FnMut(&Seen) -> bool) -> Result<()> {
        let waited = timeout(deadline, self.seen.wait_for(is_so)).await;
        let waited = waited.with_context(|| format!("waited {deadline:?}"))?;
        waited.map(drop).context("the watch of copies has ended")
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

async fn observe(client: Client, sender: Sender<Seen>) {
    let copies: Api<PartialObjectMeta<Secret>> = Api::all(client);
    let events = watcher(copies, watcher::Config::default().labels(SELECTOR)).default_backoff();
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        let now = Instant::now();
        match event {
            Ok(watcher::Event::Apply(copy) | watcher::Event::InitApply(copy)) => {
                sender.send_modify(|seen| seen.take(&copy, now));
            }
            Ok(watcher::Event::Delete(copy)) => eprintln!("deleted: {:?}", copy.metadata.name),
            Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) => eprintln!("the watch of copies is begun anew: {error}"),
        }
    }
}

impl Seen {
    fn take(&mut self, copy: &PartialObjectMeta<Secret>, now: Instant) {
        let namespace = copy.namespace().unwrap_or_default();
        let mark = copy.annotations().get(MARK).cloned().unwrap_or_default();
        let before = self.marks.insert((namespace.clone(), copy.name_any()), mark.clone());
        if before.as_ref() == Some(&mark) {
            return;
        }
        match before {
            Some(before) => self.by_mark.entry(before).or_default().0 -= 1,
            None => add(self.by_namespace.entry(namespace).or_default(), now),
        }
        add(self.by_mark.entry(mark).or_default(), now);
    }
}

fn add((count, last): &mut (usize, Option<Instant>), now: Instant) {
    *count += 1;
    *last = Some(now);
}
