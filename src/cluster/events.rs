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
pub struct Events {
    client: Client,
    reporter: Reporter,
    last: Option<Written>,
}

/// The note written last, and who counts its repetitions.
struct Written {
    note: String,
    recorder: Recorder,
}

impl Events {
    /// Events in the name of this process.
    pub fn new(client: Client) -> Self {
        let instance = std::env::var("HOSTNAME").ok();
        let reporter = Reporter { controller: "pullpass-webhook".into(), instance };
        Self { client, reporter, last: None }
    }

    /// The configuration was refused; `note` says why, and what is in force. An Event that cannot be written is only logged: the log and
    /// the metrics say the same.
    pub async fn configuration_refused(&mut self, object: &ConfigMap, note: &str) {
        let note = shortened(note);
        let event = Event {
            type_: EventType::Warning,
            reason: "ConfigurationRefused".into(),
            note: Some(note.clone()),
            action: "LoadConfiguration".into(),
            secondary: None,
        };
        let reference = object.object_ref(&());
        let recorder = self.recorder_of(note);
        match tokio::time::timeout(PUBLISH_TIMEOUT, recorder.publish(&event, &reference)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "failed to write an Event on the ConfigMap"),
            Err(_) => warn!("failed to write an Event on the ConfigMap in time"),
        }
    }

    /// A recorder counts a repetition whatever its note, and keeps the first one: another note is
    /// for another recorder, so that it becomes an Event of its own.
    fn recorder_of(&mut self, note: String) -> &Recorder {
        let last = self.last.take().filter(|last| last.note == note);
        let written = last.unwrap_or_else(|| Written {
            note,
            recorder: Recorder::new(self.client.clone(), self.reporter.clone()),
        });
        &self.last.insert(written).recorder
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
