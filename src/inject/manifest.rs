//! Pods and workloads as they stand in manifests.

use super::{Decision, Namespace, PodView, decide, patch};
use crate::config::{Config, Labels};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Where the Pod, or its template, is within a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Kind and name, for messages: `Deployment web`.
    pub title: String,
    /// The namespace that the manifest names.
    pub namespace: Option<String>,
    /// The JSON pointer to the Pod or its template.
    pub pointer: String,
}

/// Why a manifest cannot be read.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The Pod or template has a field of a type that no Pod has.
    #[error("failed to read the Pod of {title}: {error}")]
    Pod {
        /// Kind and name.
        title: String,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// The patch does not apply; the Pod's `spec` is not what it was read as.
    #[error("failed to patch {title}: {error}")]
    Patch {
        /// Kind and name.
        title: String,
        /// What is wrong.
        error: json_patch::PatchError,
    },
}

/// Every Pod and Pod template of a manifest, those within a List too. Other kinds have none.
pub fn pod_templates(manifest: &Value) -> Vec<Workload> {
    let mut workloads = Vec::new();
    collect(manifest, "", &mut workloads);
    workloads
}

fn collect(manifest: &Value, at: &str, workloads: &mut Vec<Workload>) {
    let kind = manifest.get("kind").and_then(Value::as_str).unwrap_or_default();
    let items = manifest.get("items").and_then(Value::as_array);
    if let (true, Some(items)) = (kind.ends_with("List"), items) {
        for (i, item) in items.iter().enumerate() {
            collect(item, &format!("{at}/items/{i}"), workloads);
        }
        return;
    }
    let Some(template) = template_pointer(kind) else { return };
    let metadata =
        |field| manifest.get("metadata").and_then(|m| m.get(field)).and_then(Value::as_str);
    let name = metadata("name").or_else(|| metadata("generateName")).unwrap_or("(unnamed)");
    workloads.push(Workload {
        title: format!("{kind} {name}"),
        namespace: metadata("namespace").map(str::to_owned),
        pointer: format!("{at}{template}"),
    });
}

fn template_pointer(kind: &str) -> Option<&'static str> {
    match kind {
        "Pod" => Some(""),
        "PodTemplate" => Some("/template"),
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job" => Some("/spec/template"),
        "CronJob" => Some("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

impl Workload {
    /// The view of the Pod in its manifest.
    ///
    /// # Errors
    /// If a field that is read has another type than Pods have.
    pub fn pod<'m>(&self, manifest: &'m Value) -> Result<PodView<'m>, ManifestError> {
        match manifest.pointer(&self.pointer) {
            None | Some(Value::Null) => Ok(PodView::default()),
            Some(pod) => PodView::deserialize(pod)
                .map_err(|error| ManifestError::Pod { title: self.title.clone(), error }),
        }
    }

    /// The namespace of the Pod: the manifest's, else the one given.
    pub fn namespace_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(default)
    }

    /// Decides about the Pod and adds its pull secrets to the manifest.
    /// Says whether anything was added.
    ///
    /// # Errors
    /// If the Pod cannot be read; the manifest is then as it was.
    pub fn inject(
        &self,
        manifest: &mut Value,
        config: &Config,
        default_namespace: &str,
        labels: Option<&Labels>,
    ) -> Result<bool, ManifestError> {
        let pod = self.pod(manifest)?;
        let namespace = Namespace { name: self.namespace_or(default_namespace), labels };
        let decision: Decision<'_> = decide(config, &pod, namespace);
        let patch = patch(&pod, &decision.additions());
        let Some(template) = manifest.pointer_mut(&self.pointer).filter(|_| !patch.is_empty())
        else {
            return Ok(false);
        };
        json_patch::patch(template, &patch)
            .map_err(|error| ManifestError::Patch { title: self.title.clone(), error })?;
        Ok(true)
    }
}
