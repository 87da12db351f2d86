//! What must be there before the process is ready, and what is not yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The registry of all that readiness depends on. Clones are the same registry.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    shutting_down: bool,
    next: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    name: &'static str,
    waiting_for: Option<String>,
}

impl Readiness {
    /// A registry of nothing yet, which is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds something that must become ready. Its owner keeps the handle.
    pub fn register(&self, name: &'static str) -> ReadyHandle {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.entries.push(Entry { id, name, waiting_for: Some("not started yet".to_owned()) });
        ReadyHandle { id, readiness: self.clone() }
    }

    /// Not ready from now on, whatever the handles say.
    pub fn begin_shutdown(&self) {
        self.state().shutting_down = true;
    }

    /// Whether nothing is missing.
    pub fn is_ready(&self) -> bool {
        let state = self.state();
        !state.shutting_down && state.entries.iter().all(|entry| entry.waiting_for.is_none())
    }

    /// One line for each thing that is not ready, as `name: reason`; empty when ready.
    pub fn missing(&self) -> Vec<String> {
        let state = self.state();
        let mut lines = Vec::new();
        if state.shutting_down {
            lines.push("process: shutting down".to_owned());
        }
        for entry in &state.entries {
            if let Some(reason) = &entry.waiting_for {
                lines.push(format!("{}: {reason}", entry.name));
            }
        }
        lines
    }

    fn set(&self, id: u64, waiting_for: Option<String>) {
        let mut state = self.state();
        if let Some(entry) = state.entries.iter_mut().find(|entry| entry.id == id) {
            entry.waiting_for = waiting_for;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thing that readiness depends on. Dropped, it counts as not ready.
#[derive(Debug)]
pub struct ReadyHandle {
    id: u64,
    readiness: Readiness,
}

impl ReadyHandle {
    /// It is ready.
    pub fn ready(&self) {
        self.readiness.set(self.id, None);
    }

    /// It is not, for a reason that `/readyz` shows.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.readiness.set(self.id, Some(reason.into()));
    }
}

impl Drop for ReadyHandle {
    fn drop(&mut self) {
        self.not_ready("its task has ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_every_handle_is() {
        let readiness = Readiness::new();
        let configuration = readiness.register("configuration");
        let certificate = readiness.register("certificate");
        certificate.ready();
        configuration.not_ready("no ConfigMap yet");
        assert_eq!(readiness.missing(), ["configuration: no ConfigMap yet"]);
        configuration.ready();
        assert!(readiness.is_ready() && readiness.missing().is_empty());
        drop(certificate);
        assert_eq!(readiness.missing(), ["certificate: its task has ended"]);
    }

    #[test]
    fn fault_19_shutting_down_is_not_ready() {
        let readiness = Readiness::new();
        readiness.register("configuration").ready();
        readiness.begin_shutdown();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.missing()[0], "process: shutting down");
    }
}
