//! A watch of one object by its name, which is all that the rights on most kinds allow.

use super::ObjectName;
use futures::{Stream, StreamExt};
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::{
    Api, Client, Resource,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// What a watch of one object tells.
#[derive(Debug)]
pub enum Seen<K> {
    /// The object as it is now.
    Object(K),
    /// There is none.
    Absent,
    /// The watch failed and is tried again.
    Failed(watcher::Error),
}

impl<K> Seen<K> {
    /// The same, with something else in the object's place.
    pub fn map<T>(self, change: impl FnOnce(K) -> T) -> Seen<T> {
        match self {
            Self::Object(object) => Seen::Object(change(object)),
            Self::Absent => Seen::Absent,
            Self::Failed(error) => Seen::Failed(error),
        }
    }
}

/// Why a watch failed, in the API server's own words where it had any.
pub fn reason_of(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => status.message.clone(),
        watcher::Error::InitialListFailed(kube::Error::SerdeError(error))
        | watcher::Error::WatchStartFailed(kube::Error::SerdeError(error))
        | watcher::Error::WatchFailed(kube::Error::SerdeError(error)) => unreadable(error),
        // What is wrong with a connection is told by the last of these.
        _ => chain(error),
    }
}

/// An answer that is not what it should be. serde names values, which may be those of a Secret.
pub fn unreadable(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!(
        "the answer cannot be parsed (line {line}, column {column}); look at what is between here and the API server"
    )
}

/// An error, and what it was caused by.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Watches the object for ever. The same state may be told more than once.
pub fn watch<K>(client: Client, name: &ObjectName) -> impl Stream<Item = Seen<K>> + Send + use<K>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
    K::DynamicType: Default,
{
    watch_in(Api::namespaced(client, &name.namespace), &name.name)
}

/// The same for an object that is in no namespace.
pub fn watch_cluster_scoped<K>(
    client: Client,
    name: &str,
) -> impl Stream<Item = Seen<K>> + Send + use<K>
where
    K: Resource<Scope = ClusterResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
    K::DynamicType: Default,
{
    watch_in(Api::all(client), name)
}

fn watch_in<K>(api: Api<K>, name: &str) -> impl Stream<Item = Seen<K>> + Send + use<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    K::DynamicType: Default,
{
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut is_listed = false;
    watcher(api, config).default_backoff().filter_map(move |event| {
        let seen = match event {
            Ok(watcher::Event::Init) => {
                is_listed = false;
                None
            }
            Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                is_listed = true;
                Some(Seen::Object(object))
            }
            Ok(watcher::Event::InitDone) if is_listed => None,
            Ok(watcher::Event::InitDone | watcher::Event::Delete(_)) => Some(Seen::Absent),
            Err(error) => Some(Seen::Failed(error)),
        };
        std::future::ready(seen)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_51_of_an_answer_that_cannot_be_parsed_only_the_place_is_told() {
        let error = || serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
        assert!(error().to_string().contains("hunter2"));
        for error in [
            watcher::Error::InitialListFailed(kube::Error::SerdeError(error())),
            watcher::Error::WatchStartFailed(kube::Error::SerdeError(error())),
            watcher::Error::WatchFailed(kube::Error::SerdeError(error())),
        ] {
            let told = reason_of(&error);
            assert!(told.starts_with("the answer cannot be parsed (line 1, column 9)"), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
