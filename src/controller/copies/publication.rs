//! What is shared by label, published for the webhook: names, patterns and namespaces.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use super::copy::FIELD_MANAGER;
use crate::cluster::ObjectName;
use crate::cluster::chance::backoff;
use crate::config::SHARED_KEY;
use crate::controller::request::{RequestError, bounded};

/// The first wait after a failure; it doubles.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// What stands in the ConfigMap of shared Secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Published {
    /// It has not been read yet.
    #[default]
    Unknown,
    /// The ConfigMap is not there.
    Absent,
    /// This; nothing if it is as the manifests have it.
    Text(Option<String>),
}

impl Published {
    /// Whether this text is to be written. Into an empty ConfigMap it is even where nothing is shared: the
    /// webhook takes nothing for that.
    pub fn lacks(&self, text: &str, is_nothing_shared: bool) -> bool {
        match self {
            Self::Unknown => false,
            Self::Absent => !is_nothing_shared,
            Self::Text(published) => published.as_deref() != Some(text),
        }
    }
}

/// When it is published again after it has failed.
#[derive(Debug, Default)]
pub struct Retry {
    failures: u32,
    after: Option<Instant>,
}

impl Retry {
    /// Whether it is time.
    pub fn is_due(&self, now: Instant) -> bool {
        self.after.is_none_or(|after| after <= now)
    }

    /// It was published.
    pub fn done(&mut self) {
        *self = Self::default();
    }

    /// It failed. `chance` is any number from 0 to 1.
    pub fn failed(&mut self, now: Instant, chance: f64) {
        self.after = Some(now + backoff(FIRST_RETRY, LONGEST_RETRY, self.failures, chance));
        self.failures += 1;
    }
}

/// Writes it into the ConfigMap, which the manifests make: the right to make one would be the right to
/// make any.
///
/// # Errors
/// The request that failed.
pub async fn publish(
    client: Client,
    name: ObjectName,
    text: String,
) -> Result<String, RequestError> {
    let config_maps: Api<ConfigMap> = Api::namespaced(client, &name.namespace);
    let patch = Patch::Merge(json!({"data": {SHARED_KEY: text}}));
    let params =
        PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
    let patched = config_maps.patch(&name.name, &params, &patch);
    bounded("patch", &format!("ConfigMap {name}"), patched).await?;
    Ok(text)
}
