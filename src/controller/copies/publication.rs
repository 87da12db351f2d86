//! What is shared by label, published for the webhook: names, patterns and namespaces.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use super::copy::FIELD_MANAGER;
use crate::cluster::ObjectName;
use crate::config::{SHARED_KEY, SharedSecret, SharedSecrets};
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
    /// What is to stand there, if it is not that. An empty ConfigMap is told that nothing is shared: the
    /// webhook takes nothing for that.
    pub fn other_than(&self, secrets: &[SharedSecret]) -> Option<String> {
        let published = match self {
            Self::Unknown => return None,
            Self::Absent if secrets.is_empty() => return None,
            Self::Absent | Self::Text(None) => None,
            Self::Text(Some(text)) => Some(text),
        };
        let text = SharedSecrets::new(secrets.to_vec()).to_yaml().ok()?;
        (published != Some(&text)).then_some(text)
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
        let pause = FIRST_RETRY.saturating_mul(1 << self.failures.min(10)).min(LONGEST_RETRY);
        self.after = Some(now + pause.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0));
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
