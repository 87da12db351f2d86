//! A borrowed view of a Pod: only what the decision reads, everything else skipped.
//!
//! The API server has checked the Pod, so what this view skips is well-formed. Nothing is copied
//! out of the text unless it has escapes.

use crate::config::{INJECT_DISABLED, INJECT_LABEL};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// The annotation that the kubelet puts on the mirror of a static Pod.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// What is read of a Pod.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PodView<'a> {
    metadata: Metadata<'a>,
    spec: Spec<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for PodView<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(Pod { metadata, spec }) = Object::deserialize(deserializer)?;
        Ok(Self { metadata: or_default(metadata), spec: or_default(spec) })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod<'a> {
    #[serde(borrow)]
    metadata: Option<Object<Metadata<'a>>>,
    #[serde(borrow)]
    spec: Option<Object<Spec<'a>>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    /// The value of the label `pullpass.io/inject`.
    #[serde(borrow, rename = "labels", deserialize_with = "inject_label")]
    inject: Option<Text<'a>>,
    #[serde(rename = "annotations", deserialize_with = "has_mirror_annotation")]
    is_mirror: bool,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    image_pull_secrets: List<Named<'a>>,
    #[serde(borrow)]
    init_containers: List<Container<'a>>,
    #[serde(borrow)]
    containers: List<Container<'a>>,
    #[serde(borrow)]
    ephemeral_containers: List<Container<'a>>,
    #[serde(borrow)]
    volumes: List<Volume<'a>>,
}

/// As Go reads JSON: null is the same as absent.
type List<T> = Option<Vec<Object<T>>>;

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Container<'a> {
    #[serde(borrow)]
    image: Option<Text<'a>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Volume<'a> {
    #[serde(borrow)]
    image: Option<Object<ImageVolume<'a>>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct ImageVolume<'a> {
    #[serde(borrow)]
    reference: Option<Text<'a>>,
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
        self.metadata.inject.as_ref().is_some_and(|label| label.0 == INJECT_DISABLED)
    }

    /// The names on `imagePullSecrets`, as they stand there.
    pub fn pull_secrets(&self) -> impl Iterator<Item = &str> {
        self.spec
            .image_pull_secrets
            .iter()
            .flatten()
            .filter_map(|secret| text(secret.0.name.as_ref()))
    }

    /// Whether `imagePullSecrets` is absent, null or empty.
    pub fn has_no_pull_secrets(&self) -> bool {
        self.spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty)
    }

    /// Every image that is pulled with the Pod's pull secrets, in the order in which they start.
    pub fn images(&self) -> impl Iterator<Item = Image<'_>> {
        let spec = &self.spec;
        let volumes = spec.volumes.iter().flatten();
        let volumes = volumes.map(|v| text(v.0.image.as_ref()?.0.reference.as_ref()));
        placed(images_of(spec.init_containers.as_deref()), ImagePlace::InitContainer)
            .chain(placed(images_of(spec.containers.as_deref()), ImagePlace::Container))
            .chain(placed(
                images_of(spec.ephemeral_containers.as_deref()),
                ImagePlace::EphemeralContainer,
            ))
            .chain(placed(volumes, ImagePlace::Volume))
    }
}

fn images_of<'p>(
    containers: Option<&'p [Object<Container<'_>>]>,
) -> impl Iterator<Item = Option<&'p str>> {
    containers.into_iter().flatten().map(|container| text(container.0.image.as_ref()))
}

fn text<'p>(text: Option<&'p Text<'_>>) -> Option<&'p str> {
    text.map(|text| &*text.0)
}

fn or_default<T: Default>(object: Option<Object<T>>) -> T {
    object.map_or_else(T::default, |object| object.0)
}

fn placed<'p>(
    texts: impl Iterator<Item = Option<&'p str>>,
    place: fn(usize) -> ImagePlace,
) -> impl Iterator<Item = Image<'p>> {
    let with_text = |(i, text): (usize, Option<&'p str>)| Some((i, text?));
    texts.enumerate().filter_map(with_text).map(move |(i, text)| Image { place: place(i), text })
}

/// The value of the one label that matters.
fn inject_label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text<'de>>, D::Error> {
    let found = deserializer.deserialize_option(OneKey::<Option<Text<'de>>>::new(INJECT_LABEL))?;
    Ok(found.flatten())
}

/// Whether the one annotation that matters is there, whatever its value.
fn has_mirror_annotation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let found = deserializer.deserialize_option(OneKey::<IgnoredAny>::new(MIRROR_ANNOTATION))?;
    Ok(found.is_some())
}

/// A text, borrowed where it has no escapes. serde borrows a `Cow` only as the field itself, not
/// within an `Option`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A JSON object. A derived struct would take an array as well, field by field.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

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
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match *key.0 == *self.key {
                true => found = Some(map.next_value()?),
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}
