//! Pods of the tests.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ImageVolumeSource, LocalObjectReference, Pod, PodSpec, Volume,
};
use kube::api::ObjectMeta;

/// A Pod without containers yet.
pub fn pod(name: &str) -> PodBuilder {
    PodBuilder {
        metadata: ObjectMeta { name: Some(name.into()), ..Default::default() },
        spec: PodSpec::default(),
    }
}

/// The names in `spec.imagePullSecrets`, in order.
pub fn pull_secrets(pod: &Pod) -> Vec<String> {
    let secrets = pod.spec.iter().flat_map(|spec| &spec.image_pull_secrets);
    secrets.flatten().map(|secret| secret.name.clone()).collect()
}

/// The images of its containers, in order.
pub fn images(pod: &Pod) -> Vec<String> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.filter_map(|container| container.image.clone()).collect()
}

/// A Pod in the making.
#[derive(Debug, Clone)]
pub struct PodBuilder {
    metadata: ObjectMeta,
    spec: PodSpec,
}

impl PodBuilder {
    /// One more container.
    pub fn image(mut self, image: &str) -> Self {
        let name = format!("main-{}", self.spec.containers.len());
        self.spec.containers.push(container(name, image));
        self
    }

    /// One more init container.
    pub fn init_image(mut self, image: &str) -> Self {
        let others = self.spec.init_containers.get_or_insert_default();
        others.push(container(format!("init-{}", others.len()), image));
        self
    }

    /// One more volume that is an image.
    pub fn image_volume(mut self, reference: &str) -> Self {
        let volumes = self.spec.volumes.get_or_insert_default();
        volumes.push(Volume {
            name: format!("volume-{}", volumes.len()),
            image: Some(ImageVolumeSource { reference: Some(reference.into()), pull_policy: None }),
            ..Default::default()
        });
        self
    }

    /// One more pull secret.
    pub fn secret(mut self, name: &str) -> Self {
        let secrets = self.spec.image_pull_secrets.get_or_insert_default();
        secrets.push(LocalObjectReference { name: name.into() });
        self
    }

    /// One more label.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        insert(&mut self.metadata.labels, key, value);
        self
    }

    /// One more annotation.
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        insert(&mut self.metadata.annotations, key, value);
        self
    }

    /// Under this ServiceAccount.
    pub fn service_account(mut self, name: &str) -> Self {
        self.spec.service_account_name = Some(name.into());
        self
    }

    /// On this node.
    pub fn node(mut self, name: &str) -> Self {
        self.spec.node_name = Some(name.into());
        self
    }

    /// The Pod.
    pub fn build(self) -> Pod {
        Pod { metadata: self.metadata, spec: Some(self.spec), status: None }
    }
}

fn container(name: String, image: &str) -> Container {
    Container { name, image: Some(image.into()), ..Default::default() }
}

fn insert(map: &mut Option<BTreeMap<String, String>>, key: &str, value: &str) {
    map.get_or_insert_default().insert(key.into(), value.into());
}
