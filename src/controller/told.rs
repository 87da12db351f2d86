//! What is told by Events, beside the work that it is about.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::EventType;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::warn;

use crate::cluster::events::Events;

/// Events that wait to be written; of more only log and metrics tell.
const WAITING: usize = 256;

/// Tells by log and Events.
#[derive(Debug)]
pub struct Telling(Sender<Told>);

/// An Event to be written.
#[derive(Debug)]
pub struct Told {
    object: ObjectReference,
    reason: &'static str,
    note: String,
}

/// What is told by Events comes out of the other end, for [`publish`].
pub fn telling() -> (Telling, Receiver<Told>) {
    let (events, told) = channel(WAITING);
    (Telling(events), told)
}

/// Writes the Events in the name of a controller, for ever.
pub async fn publish(client: Client, controller: &str, action: &str, mut told: Receiver<Told>) {
    let mut events = Events::new(client, controller);
    while let Some(Told { object, reason, note }) = told.recv().await {
        events.publish(&object, EventType::Warning, reason, action, &note).await;
    }
}

impl Telling {
    /// A warning on these objects.
    pub fn warn<const N: usize>(&self, on: [ObjectReference; N], reason: &'static str, note: &str) {
        warn!("{note}");
        for object in on {
            // If there is no room, the log has said it.
            let _ = self.0.try_send(Told { object, reason, note: note.to_owned() });
        }
    }
}

/// An object of the core group.
pub fn reference(kind: &str, namespace: &str, name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some(kind.to_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        ..Default::default()
    }
}
