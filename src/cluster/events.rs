//! Events, which `kubectl describe` shows.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use std::time::Duration;
use tracing::warn;

/// How long the next version of the configuration waits for an Event about the last.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// The API server's limit for the note of an Event, in bytes.
const MAX_NOTE_BYTES: usize = 1_000;

/// Writes Events on the webhook's own ConfigMap.
pub struct Events(Recorder);

impl Events {
    /// Events in the name of this process.
    pub fn new(client: Client) -> Self {
        let instance = std::env::var("HOSTNAME").ok();
        Self(Recorder::new(client, Reporter { controller: "pullpass-webhook".into(), instance }))
    }

    /// The configuration was refused. An Event that cannot be written is only logged: the log and
    /// the metrics say the same.
    pub async fn configuration_refused(&self, object: &ConfigMap, reason: &str) {
        let event = Event {
            type_: EventType::Warning,
            reason: "ConfigurationRefused".into(),
            note: Some(shortened(&format!("The last good configuration stays in force: {reason}"))),
            action: "LoadConfiguration".into(),
            secondary: None,
        };
        let reference = object.object_ref(&());
        match tokio::time::timeout(PUBLISH_TIMEOUT, self.0.publish(&event, &reference)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "failed to write an Event on the ConfigMap"),
            Err(_) => warn!("failed to write an Event on the ConfigMap in time"),
        }
    }
}

fn shortened(note: &str) -> String {
    match note.len() <= MAX_NOTE_BYTES {
        true => note.to_owned(),
        false => {
            let end = note.floor_char_boundary(MAX_NOTE_BYTES - 4);
            format!("{} ...", &note[..end])
        }
    }
}
