//! The requests that one copy takes. Each write follows a look at what it goes by, so that a watch that
//! lags neither discloses nor destroys anything.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::PostParams;
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::{Api, Client, ResourceExt};

use super::basis::{Basis, Confirmations};
use super::copy::{self, Copy, FIELD_MANAGER, Wanted};
use super::queue::Key;
use crate::config::Config;
use crate::controller::request::{RequestError, bounded, exactly};
use crate::sources::{Content, Share};

/// What is to be done, with all that it takes.
#[derive(Clone, Debug)]
pub enum Job {
    /// To be made.
    Create(Grant),
    /// To be looked at, and written if it differs.
    Update(Grant),
    /// To be deleted, by this configuration.
    Delete(Arc<Config>),
}

/// By what a copy is written.
#[derive(Clone, Debug)]
pub struct Grant {
    /// What is granted.
    pub wanted: Wanted,
    /// The content.
    pub content: Content,
    /// The configuration that says so.
    pub config: Arc<Config>,
    /// How the source is shared by label.
    pub share: Option<Share>,
    /// What both are known by.
    pub basis: Basis,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// It was made.
    Created(Copy),
    /// It was put right.
    Updated(Copy),
    /// It was right.
    Unchanged(Copy),
    /// It was deleted.
    Deleted,
    /// There is none.
    Absent,
    /// A Secret that is not ours has the name.
    Foreign,
    /// The namespace is not what it was when this was decided; this is what it is now, if it exists.
    NamespaceChanged(Option<Box<ObjectMeta>>),
}

/// Does it.
///
/// # Errors
/// The request that failed.
pub async fn run(
    client: &Client,
    confirmations: &Confirmations,
    key: &Key,
    job: Job,
) -> Result<Outcome, RequestError> {
    let requests = Requests::new(client, confirmations, key);
    match job {
        Job::Create(grant) => requests.create(&grant).await,
        Job::Update(grant) => requests.update(&grant).await,
        Job::Delete(config) => requests.delete(&config).await,
    }
}

struct Requests<'k> {
    key: &'k Key,
    confirmations: &'k Confirmations,
    secrets: Api<Secret>,
    namespaces: Api<Namespace>,
    object: String,
}

impl<'k> Requests<'k> {
    fn new(client: &Client, confirmations: &'k Confirmations, key: &'k Key) -> Self {
        Self {
            confirmations,
            secrets: Api::namespaced(client.clone(), &key.namespace),
            namespaces: Api::all(client.clone()),
            object: format!("Secret {}/{}", key.namespace, key.name),
            key,
        }
    }

    async fn create(&self, grant: &Grant) -> Result<Outcome, RequestError> {
        let namespace_uid = match self.granted(grant).await? {
            Granted::Yes { uid } => uid,
            Granted::No(found) => return Ok(Outcome::NamespaceChanged(found)),
        };
        match self.post(grant, &namespace_uid).await {
            Ok(made) => Ok(Outcome::Created(Copy::of(&made.metadata))),
            // Something has the name: ours, of which the watch has not told, or somebody else's.
            Err(error @ RequestError::Exists { .. }) => match self.look().await? {
                // Not at once again: an admission webhook may say so for ever.
                None => Err(error),
                Some(found) => Ok(match Copy::of(&found.metadata) {
                    found if found.is_ours() => Outcome::Unchanged(found),
                    _ => Outcome::Foreign,
                }),
            },
            Err(error) => Err(error),
        }
    }

    async fn update(&self, grant: &Grant) -> Result<Outcome, RequestError> {
        let namespace_uid = match self.granted(grant).await? {
            Granted::Yes { uid } => uid,
            Granted::No(found) => return Ok(Outcome::NamespaceChanged(found)),
        };
        let read = bounded("get", &self.object, self.secrets.get_opt(&self.key.name)).await?;
        let Some(read) = read else { return Ok(Outcome::Absent) };
        if !Copy::of(&read.metadata).is_ours() {
            return Ok(Outcome::Foreign);
        }
        let wanted = copy::filled(read.clone(), &grant.wanted, &grant.content, &namespace_uid);
        if wanted == read {
            let mut right = Copy::of(&read.metadata);
            right.is_changed = false;
            return Ok(Outcome::Unchanged(right));
        }
        if !copy::is_changeable(&read) {
            let params = exactly(&read.metadata);
            let deleted = self.secrets.delete(&self.key.name, &params);
            bounded("delete", &self.object, deleted).await?;
            let made = self.post(grant, &namespace_uid).await?;
            return Ok(Outcome::Updated(Copy::of(&made.metadata)));
        }
        let params = ours();
        let replaced = self.secrets.replace(&self.key.name, &params, &wanted);
        let replaced = bounded("update", &self.object, replaced).await?;
        let mut right = Copy::of(&replaced.metadata);
        right.is_changed = false;
        Ok(Outcome::Updated(right))
    }

    async fn delete(&self, config: &Config) -> Result<Outcome, RequestError> {
        let Some(namespace) = self.namespace().await? else {
            return Ok(Outcome::NamespaceChanged(None));
        };
        let labels = namespace.labels().into();
        let mut granted = config.granted_copies(&self.key.namespace, &labels);
        if granted.any(|granted| granted.pull_secret == &*self.key.name) {
            return Ok(Outcome::NamespaceChanged(Some(Box::new(namespace.metadata.clone()))));
        }
        let Some(found) = self.look().await? else { return Ok(Outcome::Absent) };
        if !Copy::of(&found.metadata).is_ours() {
            return Ok(Outcome::Foreign);
        }
        let params = exactly(&found.metadata);
        let deleted = self.secrets.delete(&self.key.name, &params);
        match bounded("delete", &self.object, deleted).await {
            Ok(_) => Ok(Outcome::Deleted),
            Err(RequestError::Refused { code: 404, .. }) => Ok(Outcome::Absent),
            Err(error) => Err(error),
        }
    }

    /// Looks at the namespace itself: it may have been made anew since the watch told of it.
    async fn namespace(&self) -> Result<Option<PartialObjectMeta<Namespace>>, RequestError> {
        let name = &*self.key.namespace;
        bounded("get", &format!("Namespace {name}"), self.namespaces.get_metadata_opt(name)).await
    }

    async fn granted(&self, grant: &Grant) -> Result<Granted, RequestError> {
        let Grant { basis, wanted, content, share, .. } = grant;
        self.confirmations.confirm(basis, &wanted.source, content, share.as_ref()).await?;
        let name = &*self.key.namespace;
        let Some(found) = self.namespace().await? else { return Ok(Granted::No(None)) };
        let labels = found.labels().into();
        let is_granted = found.metadata.deletion_timestamp.is_none()
            && grant.config.granted_copies(name, &labels).any(|granted| {
                granted.pull_secret == &*self.key.name
                    && *granted.source.secret == *grant.wanted.source
            });
        Ok(match is_granted {
            true => Granted::Yes { uid: found.uid().unwrap_or_default() },
            false => Granted::No(Some(Box::new(found.metadata))),
        })
    }

    async fn look(&self) -> Result<Option<PartialObjectMeta<Secret>>, RequestError> {
        bounded("get", &self.object, self.secrets.get_metadata_opt(&self.key.name)).await
    }

    async fn post(&self, grant: &Grant, namespace_uid: &str) -> Result<Secret, RequestError> {
        let new = copy::new(&self.key.name, &grant.wanted, &grant.content, namespace_uid);
        bounded("create", &self.object, self.secrets.create(&ours(), &new)).await
    }
}

/// Whether the namespace still gets the copy.
enum Granted {
    Yes {
        uid: String,
    },
    /// This is what it is now, if it exists.
    No(Option<Box<ObjectMeta>>),
}

fn ours() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() }
}
