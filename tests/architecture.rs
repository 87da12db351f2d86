//! The layering of the house: pure modules touch neither the network, the disk, the clock nor a
//! runtime, data flows one way, and files stay small enough to read at a sitting.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Modules that take values and give values.
const PURE: &[&str] = &[
    "json",
    "glob.rs",
    "image",
    "credentials",
    "config",
    "sources",
    "inject",
    "pulls",
    "pki",
    "import",
];

/// What a pure module may not name.
const IMPURE: &[&str] = &[
    "kube::",
    "k8s_openapi",
    "axum",
    "axum_server",
    "tokio",
    "hyper",
    "hyper_util",
    "tower",
    "tower_http",
    "reqwest",
    "futures",
    "arc_swap",
    "tracing",
    "std::fs",
    "std::io",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "std::process",
    "std::env",
    "std::thread",
    "SystemTime::now",
    "Instant::now",
    "OffsetDateTime::now",
    "println!",
    "eprintln!",
];

/// The modules in the order in which data flows; none names a later one.
const ORDER: &[&str] = &[
    "json",
    "glob",
    "image",
    "credentials",
    "config",
    "sources",
    "inject",
    "pulls",
    "pki",
    "import",
    "files",
    "telemetry",
    "tls",
    "tokens",
    "registries",
    "server",
    "cluster",
    "webhook",
    "controller",
    "cli",
];

/// What no code outside tests may hold: input must not be able to stop the process.
const FORBIDDEN: &[&str] = &[
    ".unwrap()",
    ".expect(",
    "panic!(",
    "todo!(",
    "unimplemented!(",
    "dbg!(",
    "process::exit",
    "unsafe ",
];

/// Most lines of a file.
const MAX_LINES: usize = 350;

/// A line of code that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    line: usize,
    found: String,
}

/// The lines of code that hold one of `words`: comments, texts and tests are none.
fn find(source: &str, words: &[&str]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (line, code) in code_lines(source) {
        let found = words.iter().filter(|word| has_word(&code, word));
        violations.extend(found.map(|word| Violation { line, found: (*word).to_owned() }));
    }
    violations
}

/// Whether `word` stands in the code and is not the end of a longer name.
fn has_word(code: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back().filter(|_| word.starts_with(is_name));
        let after = code[at + word.len()..].chars().next().filter(|_| word.ends_with(is_name));
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

/// Numbered lines without comments and texts, up to the tests at the end of a file.
fn code_lines(source: &str) -> impl Iterator<Item = (usize, String)> {
    let lines = source.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    lines.map(|(i, line)| (i + 1, without_texts(line))).filter(|(_, code)| !code.trim().is_empty())
}

fn without_texts(line: &str) -> String {
    let (mut code, mut in_text, mut escaped) = (String::new(), false, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '/' if !in_text && chars.peek() == Some(&'/') => break,
            c if !in_text => code.push(c),
            _ => {}
        }
    }
    code
}

fn sources(of: &Path) -> Vec<PathBuf> {
    if of.is_file() {
        return vec![of.to_owned()];
    }
    let Ok(entries) = fs::read_dir(of) else { return Vec::new() };
    let mut files: Vec<_> = entries.flat_map(|entry| sources(&entry.unwrap().path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// `file:line: word` for each violation within a part of `src`.
fn violations(part: &str, words: &[&str]) -> Vec<String> {
    let of = |file: PathBuf| {
        let source = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(src()).unwrap().display().to_string();
        find(&source, words).into_iter().map(move |v| format!("{name}:{}: {}", v.line, v.found))
    };
    sources(&src().join(part)).into_iter().flat_map(of).collect()
}

#[test]
fn there_is_something_to_look_at() {
    for module in ["glob.rs", "image", "config", "inject"] {
        assert!(!sources(&src().join(module)).is_empty(), "{module}");
    }
}

#[test]
fn pure_modules_do_no_input_or_output() {
    for module in PURE {
        assert_eq!(violations(module, IMPURE), [""; 0], "src/{module} is pure");
    }
}

#[test]
fn data_flows_one_way() {
    for (position, module) in ORDER.iter().enumerate() {
        let later: Vec<_> =
            ORDER[position + 1..].iter().map(|later| format!("crate::{later}")).collect();
        let later: Vec<_> = later.iter().map(String::as_str).collect();
        for part in [(*module).to_owned(), format!("{module}.rs")] {
            assert_eq!(violations(&part, &later), [""; 0], "src/{module} comes before");
        }
    }
}

#[test]
fn no_input_can_stop_the_process() {
    assert_eq!(violations("", FORBIDDEN), [""; 0]);
}

#[test]
fn files_can_be_read_at_a_sitting() {
    for file in sources(&src()) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
    }
}

/// The scanner itself: what it must find, and what it must leave alone.
#[test]
fn the_scanner_finds_what_is_planted() {
    let planted = "use tokio::fs;\nlet x = y.unwrap();\nuse crate::inject::PodView;\n";
    assert_eq!(find(planted, IMPURE), [Violation { line: 1, found: "tokio".into() }]);
    assert_eq!(find(planted, FORBIDDEN), [Violation { line: 2, found: ".unwrap()".into() }]);
    assert_eq!(
        find(planted, &["crate::inject"]),
        [Violation { line: 3, found: "crate::inject".into() }]
    );
    for word in IMPURE.iter().chain(FORBIDDEN) {
        assert_eq!(
            find(&format!("let a = 1; {word}x"), &[word]).len(),
            usize::from(!word.ends_with(char::is_alphanumeric))
        );
        assert_eq!(find(&format!("    ({word}) "), &[word]).len(), 1, "{word}");
    }
    for innocent in [
        "// tokio and .unwrap()",
        "let x = \"tokio .unwrap()\"; // panic!(",
        "let x = \"an escaped \\\" tokio\";",
        "let my_tokio = tokio_like();",
        "x.unwrap_or_default(); y.expect_err(1); catch_panic!(1)",
        "#[cfg(test)]\nmod tests {\n    use tokio::fs;\n    x.unwrap();\n}",
    ] {
        assert_eq!(find(innocent, IMPURE), [], "{innocent}");
        assert_eq!(find(innocent, FORBIDDEN), [], "{innocent}");
    }
}
