//! Events, which `kubectl describe` shows.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use std::{collections::HashMap, time::Duration};
use tracing::warn;

/// How long the work that an Event is about waits for it to be written.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// The API server's limit for the note of an Event, in bytes.
const MAX_NOTE_BYTES: usize = 1_000;

/// Writes Events in the name of one process, on objects that it knows by name.
pub struct Events {
    client: Client,
    reporter: Reporter,
    last: HashMap<Subject, Written>,
}

/// Most subjects whose repetitions are counted.
const MAX_SUBJECTS: usize = 1_000;

/// What an Event is about.
#[derive(PartialEq, Eq, Hash)]
struct Subject {
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    reason: String,
}

/// The note written last about a subject, and who counts its repetitions.
struct Written {
    note: String,
    recorder: Recorder,
}

impl Events {
    /// Events of this controller, such as `pullpass-webhook`; nothing is asked of the API server.
    pub fn new(client: Client, controller: &str) -> Self {
        let instance = std::env::var("HOSTNAME").ok();
        let reporter = Reporter { controller: controller.to_owned(), instance };
        Self { client, reporter, last: HashMap::new() }
    }

    /// Writes an Event on the object, in bounded time; a note beyond the API's limit is cut. An
    /// Event that cannot be written is only logged: the log and the metrics say the same.
    pub async fn publish(
        &mut self,
        object: &ObjectReference,
        kind: EventType,
        reason: &str,
        action: &str,
        note: &str,
    ) {
        let note = shortened(note);
        let event = Event {
            type_: kind,
            reason: reason.to_owned(),
            note: Some(note.clone()),
            action: action.to_owned(),
            secondary: None,
        };
        let on = object.kind.as_deref().unwrap_or("object");
        let recorder = self.recorder_of(Subject::of(object, reason), note);
        match tokio::time::timeout(PUBLISH_TIMEOUT, recorder.publish(&event, object)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(reason, %error, "failed to write an Event on the {on}"),
            Err(_) => warn!(reason, "failed to write an Event on the {on} in time"),
        }
    }

    /// A recorder counts a repetition whatever its note, and keeps the first one: another note is
    /// for another recorder, so that it becomes an Event of its own.
    fn recorder_of(&mut self, subject: Subject, note: String) -> &Recorder {
        let last = self.last.remove(&subject).filter(|last| last.note == note);
        if self.last.len() >= MAX_SUBJECTS {
            // A repetition is then an Event of its own.
            self.last.clear();
        }
        let written = last.unwrap_or_else(|| Written {
            note,
            recorder: Recorder::new(self.client.clone(), self.reporter.clone()),
        });
        &self.last.entry(subject).or_insert(written).recorder
    }
}

impl Subject {
    fn of(object: &ObjectReference, reason: &str) -> Self {
        Self {
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            reason: reason.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_between_two_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"a".repeat(1_000)).len(), 1_000);
        let cut = shortened(&"ä".repeat(600));
        assert!(cut.len() <= MAX_NOTE_BYTES && cut.ends_with("ä ..."), "{cut}");
    }
}
