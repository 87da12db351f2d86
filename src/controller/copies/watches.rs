//! What the copies go by, watched.

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};

use super::copy::SELECTOR;
use super::options::CopyOptions;
use crate::cluster::single::{self, Seen};
use crate::controller::relisted::relisted;
use crate::telemetry::copies::CopyWatch;

/// Something was told.
#[derive(Debug)]
pub enum Input {
    /// Of the ConfigMap.
    Config(Seen<ConfigMap>),
    /// Of the ConfigMap in which the webhook finds what is shared by label.
    Shared(Seen<ConfigMap>),
    /// Of a Namespace.
    Namespace(Event<PartialObjectMeta<Namespace>>),
    /// Of a Secret of our own namespace.
    Source(Event<Secret>),
    /// Of a Secret under the label of copies, in any namespace.
    Copy(Event<PartialObjectMeta<Secret>>),
}

impl Input {
    /// Whose it is.
    pub fn watch(&self) -> CopyWatch {
        match self {
            Self::Config(_) => CopyWatch::Configuration,
            Self::Shared(_) => CopyWatch::Shared,
            Self::Namespace(_) => CopyWatch::Namespaces,
            Self::Source(_) => CopyWatch::Sources,
            Self::Copy(_) => CopyWatch::Copies,
        }
    }

    /// Why the watch failed, if that is what it tells.
    pub fn error(&self) -> Option<&watcher::Error> {
        match self {
            Self::Config(Seen::Failed(error)) | Self::Shared(Seen::Failed(error)) => Some(error),
            Self::Config(_) | Self::Shared(_) => None,
            Self::Namespace(event) => event.as_ref().err(),
            Self::Source(event) => event.as_ref().err(),
            Self::Copy(event) => event.as_ref().err(),
        }
    }
}

/// What a watch tells, or why it failed; it is tried again.
pub type Event<K> = Result<watcher::Event<K>, watcher::Error>;

/// All five watches.
pub fn all(client: &Client, options: &CopyOptions) -> impl Stream<Item = Input> + use<> {
    let sources: Api<Secret> = Api::namespaced(client.clone(), &options.namespace);
    let config_map = |name| {
        let client = client.clone();
        relisted(move || single::watch::<ConfigMap>(client.clone(), &name))
    };
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
    let copies: Api<PartialObjectMeta<Secret>> = Api::all(client.clone());
    let any = watcher::Config::default;
    let of_copies = any().labels(SELECTOR);
    let inputs: [BoxStream<'static, Input>; 5] = [
        config_map(options.config_map.clone()).map(Input::Config).boxed(),
        config_map(options.shared()).map(Input::Shared).boxed(),
        relisted(move || watcher(namespaces.clone(), any()).default_backoff())
            .map(Input::Namespace)
            .boxed(),
        relisted(move || watcher(sources.clone(), any()).default_backoff())
            .map(Input::Source)
            .boxed(),
        relisted(move || watcher(copies.clone(), of_copies.clone()).default_backoff())
            .map(Input::Copy)
            .boxed(),
    ];
    stream::select_all(inputs)
}
