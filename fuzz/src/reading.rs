//! A Pod as three readings see it, of which the product's is one.

use k8s_openapi::api::core::v1::Pod;
use pullpass::inject::{ImagePlace, PodView};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

/// All that the decision reads of a Pod.
#[derive(Debug, PartialEq)]
pub struct Seen {
    /// Whether it is the mirror of a static Pod.
    pub is_mirror: bool,
    /// Whether its label opts out.
    pub is_opted_out: bool,
    /// The names that it has; what has none is left out, as k8s-openapi reads it as an empty one.
    pub pull_secrets: Vec<String>,
    /// Its images.
    pub images: Vec<(ImagePlace, String)>,
}

const MIRROR: &str = "kubernetes.io/config.mirror";
const INJECT: &str = "pullpass.io/inject";

fn placed(
    texts: impl IntoIterator<Item = Option<String>>,
    place: fn(usize) -> ImagePlace,
) -> impl Iterator<Item = (ImagePlace, String)> {
    let texts = texts.into_iter().enumerate();
    texts.filter_map(move |(i, text)| Some((place(i), text?)))
}

/// What the product reads.
pub fn of_view(pod: &PodView<'_>) -> Seen {
    Seen {
        is_mirror: pod.is_mirror(),
        is_opted_out: pod.is_opted_out(),
        pull_secrets: pod.pull_secrets().filter(|n| !n.is_empty()).map(str::to_owned).collect(),
        images: pod.images().map(|image| (image.place, image.text.to_owned())).collect(),
    }
}

/// What k8s-openapi reads.
pub fn of_type(pod: &Pod) -> Seen {
    let has = |map: &Option<BTreeMap<String, String>>, key: &str, value: Option<&str>| {
        map.iter().flatten().any(|(k, v)| k == key && value.is_none_or(|value| value == v))
    };
    let spec = pod.spec.clone().unwrap_or_default();
    let init = spec.init_containers.unwrap_or_default().into_iter().map(|c| c.image);
    let main = spec.containers.into_iter().map(|c| c.image);
    let ephemeral = spec.ephemeral_containers.unwrap_or_default().into_iter().map(|c| c.image);
    let volumes = spec.volumes.unwrap_or_default().into_iter().map(|v| v.image?.reference);
    let secrets = spec.image_pull_secrets.unwrap_or_default().into_iter().map(|s| s.name);
    Seen {
        is_mirror: has(&pod.metadata.annotations, MIRROR, None),
        is_opted_out: has(&pod.metadata.labels, INJECT, Some("disabled")),
        pull_secrets: secrets.filter(|name| !name.is_empty()).collect(),
        images: placed(init, ImagePlace::InitContainer)
            .chain(placed(main, ImagePlace::Container))
            .chain(placed(ephemeral, ImagePlace::EphemeralContainer))
            .chain(placed(volumes, ImagePlace::Volume))
            .collect(),
    }
}

/// What the fields of a JSON value say; `None` where one has another type than in the API.
pub fn of_value(pod: &Value) -> Option<Seen> {
    let pod = object(Some(pod))?;
    let (metadata, spec) = (object(pod.get("metadata"))?, object(pod.get("spec"))?);
    let labels = object(metadata.get("labels"))?;
    let annotations = object(metadata.get("annotations"))?;
    let image = |item: &Value| text(item.as_object()?.get("image"));
    let reference = |item: &Value| text(object(item.as_object()?.get("image"))?.get("reference"));
    let images = |list: &str| list_of(spec.get(list), image);
    let names = list_of(spec.get("imagePullSecrets"), |item| text(item.as_object()?.get("name")));
    Some(Seen {
        is_mirror: annotations.contains_key(MIRROR),
        is_opted_out: text(labels.get(INJECT))?.is_some_and(|value| value == "disabled"),
        pull_secrets: names?.into_iter().flatten().filter(|name| !name.is_empty()).collect(),
        images: placed(images("initContainers")?, ImagePlace::InitContainer)
            .chain(placed(images("containers")?, ImagePlace::Container))
            .chain(placed(images("ephemeralContainers")?, ImagePlace::EphemeralContainer))
            .chain(placed(list_of(spec.get("volumes"), reference)?, ImagePlace::Volume))
            .collect(),
    })
}

/// An object; an empty one where nothing or null stands.
fn object(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(fields)) => Some(fields.clone()),
        Some(_) => None,
    }
}

/// A text, or that there is none; `None` where something else stands.
#[allow(clippy::option_option, reason = "the two say what is absent, and what is wrong")]
fn text(value: Option<&Value>) -> Option<Option<String>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone())),
        Some(_) => None,
    }
}

fn list_of(
    value: Option<&Value>,
    item: impl Fn(&Value) -> Option<Option<String>>,
) -> Option<Vec<Option<String>>> {
    match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(item).collect(),
        Some(_) => None,
    }
}

/// An AdmissionReview of a Pod by the types of the API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypedReview {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    request: Option<TypedRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypedRequest {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource: TypedResource,
    #[serde(default)]
    sub_resource: Option<String>,
    #[serde(default)]
    operation: String,
    #[serde(default, rename = "namespace")]
    _namespace: Option<String>,
    #[serde(default, rename = "name")]
    _name: Option<String>,
    #[serde(default)]
    object: Option<Pod>,
}

#[derive(Default, Deserialize)]
struct TypedResource {
    #[serde(default)]
    group: String,
    #[serde(default)]
    resource: String,
}

impl TypedReview {
    /// Whether it is one, with a request that has an identity.
    pub fn can_be_answered(&self) -> bool {
        self.api_version.as_deref() == Some("admission.k8s.io/v1")
            && self.kind.as_deref() == Some("AdmissionReview")
            && self.request.as_ref().is_some_and(|request| !request.uid.is_empty())
    }

    /// Whether a Pod is created.
    pub fn is_new_pod(&self) -> bool {
        self.request.as_ref().is_some_and(|request| {
            request.operation == "CREATE"
                && request.resource.group.is_empty()
                && request.resource.resource == "pods"
                && request.sub_resource.as_deref().unwrap_or_default().is_empty()
        })
    }

    /// The Pod.
    pub fn seen(&self) -> Seen {
        let pod = self.request.as_ref().and_then(|request| request.object.clone());
        of_type(&pod.unwrap_or_default())
    }
}

/// A JSON value in which no object has a key twice.
pub struct Unique(pub Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((key, Unique(value))) = map.next_entry::<String, _>()? {
            if fields.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(fields.into())
    }
}
