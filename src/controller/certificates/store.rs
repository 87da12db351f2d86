//! Reading and writing what certificates are made of. Every write names the version that it was decided
//! on, and fails if there is another by now.

use std::fmt::Debug;
use std::time::SystemTime;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ObjectMeta;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::bundles::{self, Configurations};
use super::secrets;
use crate::cluster::registration::RegistrationKind;
use crate::controller::CertificateOptions;
use crate::controller::request::{RequestError, bounded, exactly};
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
    pub async fn look(&self, at: SystemTime) -> Result<Look, RequestError> {
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
    pub async fn write(
        &self,
        read: Option<&Secret>,
        wanted: Secret,
    ) -> Result<Secret, RequestError> {
        let name = wanted.name_any();
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
        match read {
            Some(read) if secrets::is_changeable(read, &wanted) => {
                let replaced = self.secrets.replace(&name, &params, &wanted);
                bounded("update", &self.secret(&name), replaced).await
            }
            Some(read) => {
                let exactly = exactly(&read.metadata);
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
    ) -> Result<Secret, RequestError> {
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
    ) -> Result<(), RequestError> {
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

async fn get<K>(api: &Api<K>, name: &str) -> Result<Option<K>, RequestError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    bounded("get", &object::<K>(name), api.get_opt(name)).await
}
