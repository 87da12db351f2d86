//! Docker configs, and what comes of them, in few words.

use base64::{Engine, engine::general_purpose::STANDARD};
use pullpass::import::{Grant, Plan, from_docker_config};
use serde_json::{Value, json};

/// The present of these tests.
pub const NOW: i64 = 1_700_000_000;

pub fn teams() -> Grant {
    Grant::new(vec!["team-*".into()], [], vec![])
}

/// `user:password` in base64.
pub fn auth(user: &str, password: &str) -> Value {
    json!({"auth": STANDARD.encode(format!("{user}:{password}"))})
}

pub fn imported(config: &str) -> Plan {
    from_docker_config(config.as_bytes(), &teams(), NOW).unwrap_or_else(|error| panic!("{error}"))
}

/// `NAME: PATTERN PATTERN`, an entry each.
pub fn entries(plan: &Plan) -> Vec<String> {
    let of = |entry: &pullpass::import::PlannedEntry| {
        format!("{}: {}", entry.name, entry.images.join(" "))
    };
    plan.entries.iter().map(of).collect()
}

/// `WHAT: REASON`.
pub fn left_out(plan: &Plan) -> Vec<String> {
    plan.left_out.iter().map(|it| format!("{}: {}", it.what, it.reason)).collect()
}

/// Whether each of the texts has its words, and there are no others.
pub fn told(found: &[String], expected: &[&str]) {
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

/// The docker config of the Secret of this name.
pub fn content(plan: &Plan, name: &str) -> Value {
    let secret = plan.secrets.iter().find(|secret| secret.name == name);
    serde_json::from_slice(&secret.expect("there is such a Secret").content).unwrap()
}
