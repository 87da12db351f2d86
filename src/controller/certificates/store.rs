//! Reading and writing what certificates are made of. Every write names the version that it was decided
//! on, and fails if there is another by now.

use std::fmt::Debug;
use std::time::SystemTime;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::ObjectMeta;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::bundles::{self, Configurations};
use super::error::{REQUEST_TIMEOUT, StoreError};
use super::secrets;
use crate::cluster::registration::RegistrationKind;
use crate::controller::CertificateOptions;
use crate::pki::Bundle;

/// Who the managed fields say wrote.
pub const FIELD_MANAGER: &str = "pullpass-controller";
/// The objects as they are now.
pub struct Look {
    /// The authority's Secret.
    pub ca: Option<Secret>,
    /// The serving Secret.
    pub tls: Option<Secret>,
    /// Both webhook configurations.
    pub configurations: Configurations,
    /// When that was.
    pub at: SystemTime,
}

/// The API server, as far as certificates go.
pub struct Store {
    secrets: Api<Secret>,
    mutating: Api<MutatingWebhookConfiguration>,
    validating: Api<ValidatingWebhookConfiguration>,
    options: CertificateOptions,
}

impl Store {
    /// Nothing is asked of the API server yet.
    pub fn new(client: Client, options: CertificateOptions) -> Self {
        Self {
            secrets: Api::namespaced(client.clone(), &options.namespace),
            mutating: Api::all(client.clone()),
            validating: Api::all(client),
            options,
        }
    }

    /// Reads all four objects, each at its newest.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub async fn look(&self, at: SystemTime) -> Result<Look, StoreError> {
        let configuration = &self.options.webhook_configuration;
        Ok(Look {
            configurations: Configurations {
                mutating: get(&self.mutating, configuration).await?,
                validating: get(&self.validating, configuration).await?,
            },
            ca: get(&self.secrets, &self.options.ca_secret).await?,
            tls: get(&self.secrets, &self.options.tls_secret).await?,
            at,
        })
    }

    /// Writes a Secret in place of the one that was read. One that cannot be changed is deleted first.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn write(&self, read: Option<&Secret>, wanted: Secret) -> Result<Secret, StoreError> {
        let name = wanted.name_any();
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
        match read {
            Some(read) if secrets::is_changeable(read, &wanted) => {
                let replaced = self.secrets.replace(&name, &params, &wanted);
                bounded("update", &self.secret(&name), replaced).await
            }
            Some(read) => {
                let exactly = exactly(read);
                let deleted = self.secrets.delete(&name, &exactly);
                bounded("delete", &self.secret(&name), deleted).await?;
                self.create(&name, &params, wanted).await
            }
            None => self.create(&name, &params, wanted).await,
        }
    }

    async fn create(
        &self,
        name: &str,
        params: &PostParams,
        mut wanted: Secret,
    ) -> Result<Secret, StoreError> {
        wanted.metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(self.options.namespace.clone()),
            labels: wanted.metadata.labels,
            annotations: wanted.metadata.annotations,
            ..Default::default()
        };
        bounded("create", &self.secret(name), self.secrets.create(params, &wanted)).await
    }

    /// Sets caBundles of the configuration that was read, by the names of its webhooks.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn publish(
        &self,
        kind: RegistrationKind,
        read: &ObjectMeta,
        bundles: &[(String, Bundle)],
    ) -> Result<(), StoreError> {
        let body = Patch::Apply(bundles::apply(kind, read, bundles));
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let name = &self.options.webhook_configuration;
        match kind {
            RegistrationKind::Mutating => {
                let patched = self.mutating.patch(name, &params, &body);
                bounded("patch", &object::<MutatingWebhookConfiguration>(name), patched).await?;
            }
            RegistrationKind::Validating => {
                let patched = self.validating.patch(name, &params, &body);
                bounded("patch", &object::<ValidatingWebhookConfiguration>(name), patched).await?;
            }
        }
        Ok(())
    }

    fn secret(&self, name: &str) -> String {
        format!("Secret {}/{name}", self.options.namespace)
    }
}

fn object<K: Resource<DynamicType = ()>>(name: &str) -> String {
    format!("{} {name}", K::kind(&()))
}

/// Of this very version and no other.
fn exactly(read: &Secret) -> DeleteParams {
    DeleteParams {
        preconditions: Some(Preconditions {
            uid: read.uid(),
            resource_version: read.resource_version(),
        }),
        ..Default::default()
    }
}

async fn get<K>(api: &Api<K>, name: &str) -> Result<Option<K>, StoreError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    bounded("get", &object::<K>(name), api.get_opt(name)).await
}

async fn bounded<T>(
    act: &'static str,
    object: &str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, StoreError> {
    let object = object.to_owned();
    match timeout(REQUEST_TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
            Err(StoreError::Conflict { act, object })
        }
        Ok(Err(kube::Error::Api(status))) => {
            let (code, reason) = (status.code, status.message.clone());
            Err(StoreError::Refused { act, object, code, reason })
        }
        Ok(Err(error)) => {
            Err(StoreError::Refused { act, object, code: 0, reason: error.to_string() })
        }
        Err(_) => Err(StoreError::Timeout { act, object }),
    }
}
