//! The layering of the house: the pure core reaches out to nothing, and data flows one way.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Rooms without I/O, clock and cluster.
const PURE: &[&str] = &["glob.rs", "image", "config", "inject", "pki"];
/// What no pure room may name.
const OUTSIDE: &[&str] = &[
    "kube::",
    "k8s_openapi::",
    "axum::",
    "axum_server::",
    "tokio::",
    "hyper::",
    "tower::",
    "reqwest::",
    "std::fs",
    "std::io",
    "std::env",
    "std::thread",
    "std::process",
    "net::Tcp",
    "net::Udp",
    "SystemTime::now",
    "Instant::now",
    "tracing::",
];
/// The rooms in the order in which data flows through them, and the rooms that each may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("glob.rs", &[]),
    ("image", &["glob"]),
    ("config", &["glob", "image"]),
    ("inject", &["config", "image"]),
    ("pki", &[]),
    ("files.rs", &[]),
    ("telemetry", &[]),
    ("tls", &["files", "telemetry"]),
    ("server", &["telemetry", "tls"]),
    ("cluster", &["config", "server", "telemetry"]),
    ("webhook", &["cluster", "config", "files", "inject", "pki", "server", "telemetry", "tls"]),
];
/// Lines of a file that can be read at a sitting, its tests counted.
const MOST_LINES: usize = 350;

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The lines of code: neither comments nor what follows `#[cfg(test)]`.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate();
        lines
            .map(|(i, line)| (i + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// `path:line` of every line of code that has one of the words.
    fn lines_with(&self, words: &[&str]) -> Vec<String> {
        self.code()
            .filter(|(_, line)| words.iter().any(|word| line.contains(word)))
            .map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim()))
            .collect()
    }

    /// The rooms of the crate that the code names.
    fn rooms_used(&self) -> Vec<(usize, String)> {
        let mut used = Vec::new();
        let mut is_in_list = false;
        for (number, line) in self.code() {
            let trimmed = line.trim();
            if let Some(rest) = trimmed.split("crate::").nth(1) {
                is_in_list = rest.starts_with('{') && !rest.contains('}');
                for item in rest.trim_start_matches('{').split(", ") {
                    used.push((number, first_word(item)));
                }
            } else if is_in_list {
                let is_top_level = line.starts_with("    ") && !line.starts_with("     ");
                if is_top_level {
                    used.push((number, first_word(trimmed)));
                }
                is_in_list = trimmed != "};";
            }
        }
        used.retain(|(_, room)| !room.is_empty());
        used
    }
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn sources_of(room: &str) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
    let mut files = Vec::new();
    collect(&top, &mut files);
    assert!(!files.is_empty(), "the room src/{room} has no files");
    files
        .into_iter()
        .map(|path| Source {
            text: fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string(),
        })
        .collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else if path.extension().is_some_and(|e| e == "rs") {
        files.push(path.to_owned());
    }
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn the_pure_core_reaches_out_to_nothing() {
    let found: Vec<_> =
        PURE.iter().flat_map(|room| sources_of(room)).flat_map(|s| s.lines_with(OUTSIDE)).collect();
    assert_none(&found, "a pure room names what is outside");
}

#[test]
fn data_flows_one_way() {
    let mut found = Vec::new();
    for (room, allowed) in MAY_USE {
        let own = room.trim_end_matches(".rs");
        for source in sources_of(room) {
            for (line, used) in source.rooms_used() {
                let is_room =
                    MAY_USE.iter().any(|(r, _)| r.trim_end_matches(".rs") == used) || used == "cli";
                if is_room && used != own && !allowed.contains(&&*used) {
                    found.push(format!("{}:{line}: {own} uses {used}", source.path));
                }
            }
        }
    }
    assert_none(&found, "a room uses one that it may not");
}

#[test]
fn no_code_panics_or_exits_on_purpose() {
    let words = [
        ".unwrap()",
        ".expect(",
        "panic!(",
        "unreachable!(",
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        "process::exit",
    ];
    let found: Vec<_> = sources_of("").iter().flat_map(|s| s.lines_with(&words)).collect();
    assert_none(&found, "code that can panic or end the process");
}

#[test]
fn files_are_read_at_a_sitting() {
    let long = sources_of("").into_iter().map(|s| (s.text.lines().count(), s.path));
    let found: Vec<_> = long
        .filter(|(n, _)| *n > MOST_LINES)
        .map(|(n, path)| format!("{path}: {n} lines"))
        .collect();
    assert_none(&found, "files that are too long");
}

/// The scanner itself: each rule finds what is planted.
#[test]
fn planted_violations_are_found() {
    let source = |text: &str| Source { path: "x.rs".into(), text: text.into() };
    let planted =
        source("// kube::Api in a comment\nuse tokio::net::TcpListener;\nlet a = b.unwrap();\n");
    assert_eq!(planted.lines_with(OUTSIDE), ["x.rs:2: use tokio::net::TcpListener;"]);
    assert_eq!(planted.lines_with(&[".unwrap()"]).len(), 1);
    let rooms =
        |text: &str| source(text).rooms_used().into_iter().map(|(_, r)| r).collect::<Vec<_>>();
    assert_eq!(rooms("use crate::webhook::router;\n"), ["webhook"]);
    assert_eq!(rooms("use crate::{config::Config, server};\n"), ["config", "server"]);
    assert_eq!(
        rooms("use crate::{\n    cluster::{\n        single,\n    },\n    tls,\n};\n"),
        ["cluster", "tls"]
    );
    assert_eq!(rooms("let a = crate::cluster::f();\n"), ["cluster"]);
    let with_tests = source("fn f() {}\n#[cfg(test)]\nmod tests { fn g() { x.unwrap() } }\n");
    assert!(with_tests.lines_with(&[".unwrap()"]).is_empty());
}
