//! Events, which `kubectl describe` shows.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tracing::warn;

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
        if let Err(error) = self.0.publish(&event, &object.object_ref(&())).await {
            warn!(%error, "failed to write an Event on the ConfigMap");
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
