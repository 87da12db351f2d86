//! Whether this machine can run a node.

use std::{env, process::Command};

const ABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/able");
const SKIP: &str = "PULLPASS_SKIP_NODE";

/// Whether whoever runs the tests has said that these are left out. It is told loudly.
pub fn is_skipped() -> bool {
    let is_skipped = env::var_os(SKIP).is_some_and(|value| value == "1");
    if is_skipped {
        eprintln!("\nLEFT OUT, because of {SKIP}=1: all tests on a real node.\n");
    }
    is_skipped
}

/// Panics, with the reason and what to do, if the machine cannot.
pub fn is_able() {
    let output = Command::new(ABLE).arg(env!("CARGO_TARGET_TMPDIR")).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {ABLE}: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
