//! A watch of one object by its name, which is all that the webhook's rights on ConfigMaps and
//! Secrets allow.

use super::ObjectName;
use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, pin::pin};

/// What a watch of one object tells.
#[derive(Debug)]
pub enum Seen<'a, K> {
    /// The object as it is now.
    Object(&'a K),
    /// There is none.
    Absent,
    /// The watch failed and is tried again.
    Failed(&'a watcher::Error),
}

/// Watches the object for ever. The same state may be told more than once.
pub async fn watch<K>(client: Client, name: &ObjectName, mut tell: impl AsyncFnMut(Seen<'_, K>))
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(client, &name.namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={}", name.name));
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut listed = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => listed = false,
            Ok(watcher::Event::InitApply(object)) => {
                listed = true;
                tell(Seen::Object(&object)).await;
            }
            Ok(watcher::Event::Apply(object)) => tell(Seen::Object(&object)).await,
            Ok(watcher::Event::InitDone) if listed => {}
            Ok(watcher::Event::InitDone | watcher::Event::Delete(_)) => tell(Seen::Absent).await,
            Err(error) => tell(Seen::Failed(&error)).await,
        }
    }
}
