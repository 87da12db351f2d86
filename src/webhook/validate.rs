//! The answer to a ConfigMap that is about to be written: a broken one is refused before it is stored.

use super::review::{Request, Response};
use crate::{
    cluster::ObjectName,
    config::{self, CONFIG_KEY},
};
use serde::Deserialize;
use std::{borrow::Cow, collections::BTreeMap};

/// What is read of a ConfigMap.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConfigMapView<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    data: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// Allows every ConfigMap but ours, and ours if its configuration is in order.
pub fn answer<'a>(request: &'a Request<'a, ConfigMapView<'a>>, ours: &ObjectName) -> Response<'a> {
    let allowed = Response::allowed(&request.uid);
    let Some(object) = request.object.as_ref().filter(|object| is_ours(request, object, ours))
    else {
        return allowed;
    };
    match config_text(object.data.as_ref().and_then(|data| data.get(CONFIG_KEY)).map(|t| &**t)) {
        Err(message) => Response::refused(&request.uid, message),
        Ok(text) => match config::parse(text) {
            Ok(parsed) => allowed.with_warnings(parsed.warnings.iter().map(ToString::to_string)),
            Err(error) => Response::refused(&request.uid, error.to_string()),
        },
    }
}

fn is_ours(
    request: &Request<'_, ConfigMapView<'_>>,
    object: &ConfigMapView<'_>,
    ours: &ObjectName,
) -> bool {
    let is_written = matches!(&*request.operation, "CREATE" | "UPDATE");
    is_written
        && request.resource.resource == "configmaps"
        && request.namespace.as_deref() == Some(&*ours.namespace)
        && object.metadata.name == *ours.name
}

/// The text of the configuration, or what to do if the ConfigMap has none.
pub fn config_text(text: Option<&str>) -> Result<&str, String> {
    text.ok_or_else(|| {
        format!("the ConfigMap has no key `{CONFIG_KEY}` in `data`; put the configuration there")
    })
}
