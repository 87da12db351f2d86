//! The answer to a ConfigMap that is about to be written: a broken one is refused before it is stored.

use super::review::{Request, Response};
use crate::{cluster::ObjectName, config};
use serde::Deserialize;
use std::borrow::Cow;

/// The API server's limit for the data of a ConfigMap (`MaxSecretSize` of the core API).
const MAX_CONFIG_MAP_BYTES: usize = 1024 * 1024;

/// What is read of a ConfigMap. Of other keys nothing is read: they are not ours.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConfigMapView<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow, rename = "config.yaml")]
    config: Option<Cow<'a, str>>,
}

/// Whether a ConfigMap is written in our namespace. Any other object, whatever its form, is allowed.
pub fn may_be_ours<O>(request: &Request<'_, O>, ours: &ObjectName) -> bool {
    matches!(&*request.operation, "CREATE" | "UPDATE")
        && request.resource.group.is_empty()
        && request.resource.resource == "configmaps"
        && request.sub_resource.as_deref().unwrap_or_default().is_empty()
        && request.namespace.as_deref() == Some(&*ours.namespace)
}

/// Allows every ConfigMap but ours, and ours if its configuration is in order.
pub fn answer<'a>(request: &'a Request<'a, ConfigMapView<'a>>, ours: &ObjectName) -> Response<'a> {
    let allowed = Response::allowed(&request.uid);
    let is_ours = |object: &&ConfigMapView<'_>| object.metadata.name.as_deref() == Some(&ours.name);
    let Some(object) = request.object.as_ref().filter(is_ours) else {
        return allowed;
    };
    match config::config_text(object.data.as_ref().and_then(|data| data.config.as_deref())) {
        Err(message) => Response::refused(&request.uid, message),
        Ok(text) if text.len() > MAX_CONFIG_MAP_BYTES => {
            let message = format!(
                "the configuration has {} bytes; a ConfigMap holds at most {MAX_CONFIG_MAP_BYTES}",
                text.len()
            );
            Response::refused(&request.uid, message)
        }
        Ok(text) => match config::parse(text) {
            Ok(parsed) => allowed.with_warnings(parsed.warnings.iter().map(ToString::to_string)),
            Err(error) => Response::refused(&request.uid, error.brief()),
        },
    }
}
