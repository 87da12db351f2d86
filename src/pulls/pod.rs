//! What is read of a Pod that exists: which of its images the kubelet cannot pull. Everything else is
//! skipped.

use super::{message::shortened, refusal::Refusal};
use crate::inject::{ImagePlace, PodView};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// Pods of one answer of the API server.
#[derive(Debug)]
pub struct Page<'a> {
    /// Each as it stands there.
    pub pods: Vec<&'a RawValue>,
    /// By which the next ones are asked for.
    pub next: Option<String>,
}

impl<'a> Page<'a> {
    /// Reads a PodList.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(text: &'a str) -> serde_json::Result<Self> {
        let list: List<'a> = serde_json::from_str(text)?;
        let next = list.metadata.r#continue.filter(|token| !token.is_empty());
        Ok(Self { pods: list.items.unwrap_or_default(), next })
    }
}

/// A Pod of which an image cannot be pulled.
#[derive(Debug)]
pub struct StuckPod<'a> {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Since when it is not ready, in the words of the API server.
    pub not_ready_since: Option<String>,
    /// What the decision about it reads.
    pub view: PodView<'a>,
    /// The images.
    pub pulls: Vec<StuckPull>,
}

/// An image that cannot be pulled.
#[derive(Debug, PartialEq, Eq)]
pub struct StuckPull {
    /// Where it stands in the PodSpec.
    pub place: ImagePlace,
    /// The same in words, with the name: `container app`.
    pub title: String,
    /// As it is written.
    pub image: String,
    /// Why.
    pub refusal: Refusal,
    /// What the kubelet says, shortened.
    pub message: String,
}

impl<'a> StuckPod<'a> {
    /// Reads a Pod; none if nothing in it waits for an image, or if it is being deleted.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(pod: &'a RawValue) -> serde_json::Result<Option<Self>> {
        let Pod { metadata, spec, status } = serde_json::from_str(pod.get())?;
        let pulls = spec.stuck_pulls(&status);
        if pulls.is_empty() || metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let ready = status.conditions.into_iter().find(|it| it.r#type == "Ready");
        let since = ready.filter(|it| it.status == "False").and_then(|it| it.last_transition_time);
        Ok(Some(Self {
            namespace: metadata.namespace,
            name: metadata.name,
            not_ready_since: since,
            view: serde_json::from_str(pod.get())?,
            pulls,
        }))
    }
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(default)]
    metadata: ListMetadata,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListMetadata {
    r#continue: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    deletion_timestamp: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    init_containers: Vec<Container>,
    containers: Vec<Container>,
    ephemeral_containers: Vec<Container>,
    volumes: Vec<Volume>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    image: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Volume {
    name: String,
    image: Option<ImageVolume>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ImageVolume {
    reference: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    conditions: Vec<Condition>,
    init_container_statuses: Vec<ContainerStatus>,
    container_statuses: Vec<ContainerStatus>,
    ephemeral_container_statuses: Vec<ContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition {
    r#type: String,
    status: String,
    last_transition_time: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    name: String,
    state: State,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

impl Spec {
    fn stuck_pulls(&self, status: &Status) -> Vec<StuckPull> {
        type Place = fn(usize) -> ImagePlace;
        let kinds: [(&str, Place, _, _); 3] = [
            (
                "init container",
                ImagePlace::InitContainer,
                &self.init_containers,
                &status.init_container_statuses,
            ),
            ("container", ImagePlace::Container, &self.containers, &status.container_statuses),
            (
                "ephemeral container",
                ImagePlace::EphemeralContainer,
                &self.ephemeral_containers,
                &status.ephemeral_container_statuses,
            ),
        ];
        let mut pulls: Vec<StuckPull> = Vec::new();
        for (kind, place, containers, statuses) in kinds {
            for status in statuses {
                let Some(waiting) = &status.state.waiting else { continue };
                let refusal = Refusal::of(&waiting.reason, &waiting.message);
                let mut all = containers.iter().enumerate();
                let container = all.find(|(_, container)| container.name == status.name);
                let (Some(refusal), Some((at, container))) = (refusal, container) else {
                    continue;
                };
                let own = (place(at), format!("{kind} {}", status.name), &*container.image);
                let (place, title, image) =
                    self.volume_meant(&waiting.message, own.2).unwrap_or(own);
                // Several containers may mount one volume.
                if !pulls.iter().any(|pull| pull.place == place) {
                    let message = match &*waiting.message {
                        "" => waiting.reason.clone(),
                        message => shortened(message),
                    };
                    let image = image.to_owned();
                    pulls.push(StuckPull { place, title, image, refusal, message });
                }
            }
        }
        pulls
    }

    /// The image volume of which the message tells. A container that mounts one waits for it under the
    /// same reasons as for its own image, and only the message names the one that is meant.
    fn volume_meant(&self, message: &str, own: &str) -> Option<(ImagePlace, String, &str)> {
        let volumes = self.volumes.iter().enumerate().filter_map(|(at, volume)| {
            let image = &*volume.image.as_ref()?.reference;
            let title = format!("volume {}", volume.name);
            (!image.is_empty()).then_some((ImagePlace::Volume(at), title, image))
        });
        let named = volumes.filter(|(_, _, image)| message.contains(image));
        // One name may be the beginning of another.
        let longest = named.max_by_key(|(_, _, image)| image.len())?;
        let is_own = message.contains(own) && own.len() >= longest.2.len();
        (!is_own).then_some(longest)
    }
}
