//! One write of a Secret that holds the credential of an entry.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;

use super::plan::Step;
use super::state::State;
use crate::cluster::credential_secret::FIELD_MANAGER;
use crate::controller::request::{RequestError, bounded, exactly};

/// What was done, and what there is since then.
pub enum Done {
    /// It was made.
    Created(Box<Secret>),
    /// It has another content.
    Updated(Box<Secret>),
    /// It is gone.
    Deleted(String),
    /// A finalizer of somebody else holds it.
    Ending(Box<Secret>),
}

impl Done {
    /// As the watch will tell it.
    pub fn into_state(self, state: &mut State) {
        match self {
            Self::Created(secret) | Self::Updated(secret) | Self::Ending(secret) => {
                state.set_secret(*secret);
            }
            Self::Deleted(name) => state.remove_secret(&name),
        }
    }
}

/// Carries out one step, in bounded time.
pub async fn carry_out(secrets: &Api<Secret>, step: Step) -> Result<Done, RequestError> {
    let object = |name: Option<&String>| format!("Secret {}", name.map_or("", String::as_str));
    let params =
        PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match step {
        Step::Create(secret) => {
            let object = object(secret.metadata.name.as_ref());
            let made = bounded("create", &object, secrets.create(&params, &secret)).await?;
            Ok(Done::Created(made.into()))
        }
        Step::Update(secret) => {
            let name = secret.metadata.name.clone().unwrap_or_default();
            let object = object(Some(&name));
            let made = bounded("update", &object, secrets.replace(&name, &params, &secret)).await?;
            Ok(Done::Updated(made.into()))
        }
        Step::Delete(metadata) => {
            let name = metadata.name.clone().unwrap_or_default();
            let object = object(Some(&name));
            let params = exactly(&metadata);
            match bounded("delete", &object, secrets.delete(&name, &params)).await {
                Ok(answer) => {
                    let ending =
                        answer.left().filter(|it| it.metadata.deletion_timestamp.is_some());
                    // A finalizer may hold it.
                    Ok(ending.map_or(Done::Deleted(name), |secret| Done::Ending(secret.into())))
                }
                Err(RequestError::Refused { code: 404, .. }) => Ok(Done::Deleted(name)),
                Err(error) => Err(error),
            }
        }
    }
}
