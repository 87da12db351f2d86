//! The panic hook is the process's, so this test has one to itself.

use std::io::Write;
use std::sync::{Arc, Mutex};

use pullpass::telemetry::logs::log_panics_by_place;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn fault_18_51_a_panic_is_logged_by_its_place_and_not_its_message() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let before = std::panic::take_hook();
    tracing::subscriber::with_default(subscriber, || {
        log_panics_by_place();
        std::panic::catch_unwind(|| panic!("hunter2")).unwrap_err();
    });
    std::panic::set_hook(before);
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("tests/panic_hook.rs:"), "{logged}");
    assert!(!logged.contains("hunter2"), "{logged}");
}
