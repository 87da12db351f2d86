//! A borrowed view of a Pod: only what the decision reads, everything else skipped.
//!
//! The API server has checked the Pod, so what this view skips is well-formed. Nothing is copied
//! out of the text unless it has escapes.

use crate::config::{INJECT_DISABLED, INJECT_LABEL};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// The annotation that the kubelet puts on the mirror of a static Pod.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// What is read of a Pod.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PodView<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    metadata: Metadata<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    spec: Spec<'a>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    /// The value of the label `pullpass.io/inject`.
    #[serde(borrow, rename = "labels", deserialize_with = "inject_label")]
    inject: Option<Cow<'a, str>>,
    #[serde(rename = "annotations", deserialize_with = "has_mirror_annotation")]
    is_mirror: bool,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    image_pull_secrets: Option<Vec<Named<'a>>>,
    #[serde(borrow, deserialize_with = "or_default")]
    init_containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    ephemeral_containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    volumes: Vec<Volume<'a>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Container<'a> {
    #[serde(borrow)]
    image: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Volume<'a> {
    #[serde(borrow)]
    image: Option<ImageVolume<'a>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct ImageVolume<'a> {
    #[serde(borrow)]
    reference: Option<Cow<'a, str>>,
}

/// An image that a Pod names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'p> {
    /// Where it stands.
    pub place: ImagePlace,
    /// The text, which need not be a valid reference.
    pub text: &'p str,
}

/// Where in a PodSpec an image stands, with its position in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImagePlace {
    /// `initContainers`, sidecars among them.
    InitContainer(usize),
    /// `containers`.
    Container(usize),
    /// `ephemeralContainers`.
    EphemeralContainer(usize),
    /// `volumes[].image.reference`.
    Volume(usize),
}

impl fmt::Display for ImagePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InitContainer(i) => write!(f, "initContainers[{i}]"),
            Self::Container(i) => write!(f, "containers[{i}]"),
            Self::EphemeralContainer(i) => write!(f, "ephemeralContainers[{i}]"),
            Self::Volume(i) => write!(f, "volumes[{i}].image"),
        }
    }
}

impl PodView<'_> {
    /// Whether this is the mirror of a static Pod.
    pub fn is_mirror(&self) -> bool {
        self.metadata.is_mirror
    }

    /// Whether the Pod is labelled `pullpass.io/inject: disabled`.
    pub fn is_opted_out(&self) -> bool {
        self.metadata.inject.as_deref() == Some(INJECT_DISABLED)
    }

    /// The names on `imagePullSecrets`, as they stand there.
    pub fn pull_secrets(&self) -> impl Iterator<Item = &str> {
        self.spec.image_pull_secrets.iter().flatten().filter_map(|secret| secret.name.as_deref())
    }

    /// Whether `imagePullSecrets` is absent, null or empty.
    pub fn has_no_pull_secrets(&self) -> bool {
        self.spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty)
    }

    /// Every image that is pulled with the Pod's pull secrets, in the order in which they start.
    pub fn images(&self) -> impl Iterator<Item = Image<'_>> {
        let spec = &self.spec;
        let volumes = spec.volumes.iter().map(|v| v.image.as_ref()?.reference.as_deref());
        placed(images_of(&spec.init_containers), ImagePlace::InitContainer)
            .chain(placed(images_of(&spec.containers), ImagePlace::Container))
            .chain(placed(images_of(&spec.ephemeral_containers), ImagePlace::EphemeralContainer))
            .chain(placed(volumes, ImagePlace::Volume))
    }
}

fn images_of<'p>(containers: &'p [Container<'_>]) -> impl Iterator<Item = Option<&'p str>> {
    containers.iter().map(|container| container.image.as_deref())
}

fn placed<'p>(
    texts: impl Iterator<Item = Option<&'p str>>,
    place: fn(usize) -> ImagePlace,
) -> impl Iterator<Item = Image<'p>> {
    let with_text = |(i, text): (usize, Option<&'p str>)| Some((i, text?));
    texts.enumerate().filter_map(with_text).map(move |(i, text)| Image { place: place(i), text })
}

/// As Go reads JSON: null is the same as absent.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The value of the one label that matters.
fn inject_label<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'de, str>>, D::Error> {
    deserializer
        .deserialize_option(OneKey::<Text<'de>>::new(INJECT_LABEL))
        .map(|found| found.and_then(|text| text.0))
}

/// Whether the one annotation that matters is there, whatever its value.
fn has_mirror_annotation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let found = deserializer.deserialize_option(OneKey::<IgnoredAny>::new(MIRROR_ANNOTATION))?;
    Ok(found.is_some())
}

/// A text or null, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Option<Cow<'a, str>>);

/// Reads one key of a map of strings, and skips the others.
struct OneKey<T> {
    key: &'static str,
    value: PhantomData<T>,
}

impl<T> OneKey<T> {
    fn new(key: &'static str) -> Self {
        Self { key, value: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneKey<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match *key.0 == *self.key {
                true => found = Some(map.next_value()?),
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
