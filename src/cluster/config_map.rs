//! The configuration from its ConfigMap.

use super::{
    ObjectName,
    events::Events,
    single::{self, Seen},
};
use crate::{
    config::CONFIG_KEY,
    webhook::{ConfigKeeper, config_text},
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use std::pin::pin;

/// Keeps the configuration as the ConfigMap has it, for ever. What is refused is told by an Event
/// on the ConfigMap too.
pub async fn watch(client: Client, name: ObjectName, mut keeper: ConfigKeeper) {
    let mut events = Events::new(client.clone());
    let origin = format!("ConfigMap {name}");
    let mut seen = pin!(single::watch::<ConfigMap>(client, &name));
    while let Some(seen) = seen.next().await {
        match seen {
            Seen::Object(object) => {
                let text = object.data.as_ref().and_then(|data| data.get(CONFIG_KEY));
                if let Err(refused) = keeper.offer(&origin, config_text(text.map(String::as_str))) {
                    events.configuration_refused(&object, &refused, keeper.in_force()).await;
                }
            }
            Seen::Absent => keeper.absent(&origin, "it does not exist; create it"),
            Seen::Failed(error) => keeper.absent(&origin, &error.to_string()),
        }
    }
}
