//! The labels of namespaces: kept by a watch, fetched once where the watch has not come to them yet.

use super::single;
use crate::{
    config::{Labels, is_dns_label},
    server::{ReadyHandle, parse_duration},
    telemetry::{
        Metrics,
        metrics::{NamespaceLookup, Watch},
    },
};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    core::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

/// The timeout that the API server gives a webhook if the URL names none: its own default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest timeout that a webhook can be given.
const MAX_TIMEOUT: Duration = Duration::from_secs(30);
/// Most namespaces fetched at once. Anyone may call the webhook, and none of them is to load the
/// API server through it.
const MAX_FETCHES: usize = 16;

/// What is known of namespaces.
#[derive(Debug, Clone)]
pub enum Namespaces {
    /// There is no cluster to ask.
    NoCluster,
    /// Kept by a watch.
    Watched(Arc<NamespaceStore>),
}

/// What a look-up gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It makes no difference.
    NotNeeded,
    /// The labels.
    Known(Arc<Labels>),
    /// They are not known.
    Unknown,
}

impl Lookup {
    /// The labels, if they are known.
    pub fn labels(self) -> Option<Arc<Labels>> {
        match self {
            Self::Known(labels) => Some(labels),
            Self::NotNeeded | Self::Unknown => None,
        }
    }
}

impl Namespaces {
    /// The labels of a namespace; `within` bounds the one fetch that may be needed.
    pub async fn labels(&self, name: &str, within: Duration) -> Lookup {
        match self {
            Self::NoCluster => Lookup::Unknown,
            Self::Watched(store) => store.labels(name, within).await,
        }
    }
}

/// A quarter of the request's timeout, which the API server puts in the URL as `?timeout=5s`.
pub fn timeout_of_lookup(parameter: Option<&str>) -> Duration {
    let timeout = parameter.and_then(|text| parse_duration(text).ok()).unwrap_or(DEFAULT_TIMEOUT);
    timeout.min(MAX_TIMEOUT) / 4
}

type Fetch = Shared<BoxFuture<'static, Option<Arc<Labels>>>>;

/// The labels of every namespace that the watch has seen.
pub struct NamespaceStore {
    api: Api<PartialObjectMeta<Namespace>>,
    labels: papaya::HashMap<Box<str>, Arc<Labels>>,
    /// Fetches under way, one a namespace. Not touched for a namespace that the watch has seen.
    fetches: Mutex<HashMap<Box<str>, Fetch>>,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for NamespaceStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamespaceStore").field("known", &self.labels.len()).finish_non_exhaustive()
    }
}

impl NamespaceStore {
    /// An empty store; [`watch`] fills it.
    pub fn new(client: Client, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            api: Api::all(client),
            labels: papaya::HashMap::new(),
            fetches: Mutex::default(),
            places: Arc::new(Semaphore::new(MAX_FETCHES)),
            metrics,
        })
    }

    async fn labels(&self, name: &str, within: Duration) -> Lookup {
        let count = |result| self.metrics.admission.namespace_lookups.inc(result);
        if let Some(labels) = self.seen(name) {
            count(NamespaceLookup::Watched);
            return Lookup::Known(labels);
        }
        // Anyone may call the webhook, and the name becomes part of a URL.
        if !is_dns_label(name) {
            count(NamespaceLookup::Failed);
            return Lookup::Unknown;
        }
        let Some(fetch) = self.fetch(name) else {
            count(NamespaceLookup::Shed);
            return Lookup::Unknown;
        };
        match tokio::time::timeout(within, fetch).await {
            Ok(Some(labels)) => {
                count(NamespaceLookup::Fetched);
                Lookup::Known(labels)
            }
            // The watch may have come to it meanwhile.
            Ok(None) | Err(_) => match self.seen(name) {
                Some(labels) => {
                    count(NamespaceLookup::Watched);
                    Lookup::Known(labels)
                }
                None => {
                    count(NamespaceLookup::Failed);
                    Lookup::Unknown
                }
            },
        }
    }

    fn seen(&self, name: &str) -> Option<Arc<Labels>> {
        self.labels.pin().get(name).cloned()
    }

    /// The one fetch of a namespace that all who wait for it share; none if too many are under way.
    ///
    /// Its result is not kept: a namespace deleted meanwhile would stay for ever.
    fn fetch(&self, name: &str) -> Option<Fetch> {
        let mut fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fetch) = fetches.get(name).filter(|fetch| fetch.peek().is_none()) {
            return Some(fetch.clone());
        }
        fetches.retain(|_, fetch| fetch.peek().is_none());
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let (api, namespace) = (self.api.clone(), name.to_owned());
        let fetch = async move {
            let _place = place;
            match api.get_opt(&namespace).await {
                Ok(found) => found.map(|object| Arc::new(labels_of(object))),
                Err(error) => {
                    warn!(?namespace, %error, "failed to get the Namespace");
                    None
                }
            }
        };
        let fetch = tokio::time::timeout(DEFAULT_TIMEOUT, fetch)
            .map(Result::ok)
            .map(Option::flatten)
            .boxed()
            .shared();
        // Driven to its end even if the first who waits gives up.
        tokio::spawn(fetch.clone());
        fetches.insert(name.into(), fetch.clone());
        Some(fetch)
    }

    fn apply(&self, object: PartialObjectMeta<Namespace>) {
        let name = object.name_any();
        debug!(namespace = name, "Namespace seen");
        self.labels.pin().insert(name.into(), Arc::new(labels_of(object)));
    }

    fn forget(&self, name: &str) {
        self.labels.pin().remove(name);
    }

    /// Forgets what a complete list does not have.
    fn keep_only(&self, listed: &std::collections::HashSet<Box<str>>) {
        self.labels.pin().retain(|name, _| listed.contains(name));
    }
}

fn labels_of(object: PartialObjectMeta<Namespace>) -> Labels {
    object.metadata.labels.into_iter().flatten().collect()
}

/// Keeps the store true, for ever. Readiness waits for the first complete list.
pub async fn watch(store: Arc<NamespaceStore>, ready: ReadyHandle) {
    ready.not_ready("not listed yet");
    let events = watcher(store.api.clone(), watcher::Config::default()).default_backoff();
    let mut events = pin!(events);
    let mut listed = std::collections::HashSet::new();
    let mut is_synced = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => listed.clear(),
            Ok(watcher::Event::InitApply(object)) => {
                listed.insert(object.name_any().into());
                store.apply(object);
            }
            Ok(watcher::Event::InitDone) => {
                store.keep_only(&listed);
                info!(namespaces = listed.len(), "Namespaces listed");
                is_synced = true;
                ready.ready();
            }
            Ok(watcher::Event::Apply(object)) => store.apply(object),
            Ok(watcher::Event::Delete(object)) => store.forget(&object.name_any()),
            Err(error) => {
                store.metrics.admission.watch_errors.inc(Watch::Namespaces);
                let reason = single::reason_of(&error);
                warn!("the watch of Namespaces failed; trying again: {reason}");
                if !is_synced {
                    ready.not_ready(format!("failed to list the Namespaces: {reason}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Some("5s"), 1_250)]
    #[case(Some("1s"), 250)]
    #[case(Some("30s"), 7_500)]
    #[case(Some("4.8s"), 1_200)]
    #[case(Some("45s"), 7_500)]
    #[case(Some("-1s"), 2_500)]
    #[case(Some("soon"), 2_500)]
    #[case(None, 2_500)]
    fn a_lookup_takes_a_quarter_of_the_timeout(#[case] parameter: Option<&str>, #[case] ms: u64) {
        assert_eq!(timeout_of_lookup(parameter), Duration::from_millis(ms));
    }
}
