//! By what copies are written, as the API server itself has it. A watch may lag, or stand still, while
//! another tells of a new content: what an administrator has withdrawn meanwhile must not get it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ListParams;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::options::CopyOptions;
use crate::cluster::source_secret::{share_of, source_of};
use crate::config::CONFIG_KEY;
use crate::controller::request::{RequestError, bounded};
use crate::sources::{Content, Share, Source};

/// What the watches have told of the configuration and the sources.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    /// Another one whenever a watch tells something else, or fails.
    pub version: u64,
    /// The text of the configuration that was told of last, whether it was taken or refused.
    pub text: Option<Arc<str>>,
}

/// Which bases the API server has confirmed: one look for each source and version, whatever the number of
/// copies.
pub struct Confirmations {
    client: Client,
    options: CopyOptions,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    version: u64,
    sources: HashMap<Arc<str>, Arc<OnceCell<()>>>,
}

impl Confirmations {
    /// Nothing is confirmed yet.
    pub fn new(client: Client, options: CopyOptions) -> Self {
        Self { client, options, known: Mutex::default() }
    }

    /// Looks whether the configuration and a source are what they are taken for.
    ///
    /// # Errors
    /// The request that failed, or what has been changed: the watch is about to tell of it.
    pub async fn confirm(
        &self,
        basis: &Basis,
        source: &Arc<str>,
        content: &Content,
        share: Option<&Share>,
    ) -> Result<(), RequestError> {
        let look = async || {
            self.confirm_config(basis).await?;
            self.confirm_source(source, content, share).await
        };
        match self.known(basis.version, source) {
            Some(known) => known.get_or_try_init(look).await.copied(),
            None => look().await,
        }
    }

    /// None for a version that is over.
    fn known(&self, version: u64, source: &Arc<str>) -> Option<Arc<OnceCell<()>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.version < version {
            *known = Known { version, ..Known::default() };
        }
        let is_current = known.version == version;
        is_current.then(|| Arc::clone(known.sources.entry(Arc::clone(source)).or_default()))
    }

    async fn confirm_config(&self, basis: &Basis) -> Result<(), RequestError> {
        let name = &self.options.config_map;
        let object = format!("ConfigMap {name}");
        let found: Option<ConfigMap> = self.find(&object, &name.namespace, &name.name).await?;
        let text = found.as_ref().and_then(|found| found.data.as_ref()?.get(CONFIG_KEY));
        match text.map(String::as_str) == basis.text.as_deref() {
            true => Ok(()),
            false => Err(RequestError::Outdated { object }),
        }
    }

    async fn confirm_source(
        &self,
        name: &str,
        content: &Content,
        share: Option<&Share>,
    ) -> Result<(), RequestError> {
        let namespace = &self.options.namespace;
        let object = format!("Secret {namespace}/{name}");
        let found: Option<Secret> = self.find(&object, namespace, name).await?;
        let is_so = found.is_some_and(|found| {
            source_of(&found) == Source::Good(content.clone()) && share_of(&found).as_ref() == share
        });
        match is_so {
            true => Ok(()),
            false => Err(RequestError::Outdated { object }),
        }
    }

    /// One object by its name. Listed, for that is the right that the watches need as well.
    async fn find<K>(
        &self,
        object: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<K>, RequestError>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K: Clone + std::fmt::Debug + DeserializeOwned,
        K::DynamicType: Default,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        let params = ListParams::default().fields(&format!("metadata.name={name}"));
        let found = bounded("list", object, api.list(&params)).await?;
        Ok(found.items.into_iter().next())
    }
}
