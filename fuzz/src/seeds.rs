//! The inputs that a run begins with: made from the tables of the tests, the same every time.

use crate::{admission_review::POD, review, webhook};
use serde_json::{Value, json};
use std::{env, fs, path::Path, process::exit};

const REFERENCES: &str = include_str!("../../tests/references.rs");
const PATTERNS: &str = include_str!("../../tests/patterns.rs");
const CONFIGURATIONS: &str = include_str!("../../tests/config.rs");
const PODS: &str = include_str!("../../tests/pod_view.rs");
const DOCKER_CONFIGS: [&str; 4] = [
    include_str!("../../tests/credentials/docker_config.rs"),
    include_str!("../../tests/credentials/keyring.rs"),
    include_str!("../../tests/credentials/derived.rs"),
    include_str!("../../tests/import/docker_config.rs"),
];
const EXAMPLE_CONFIG: &str = include_str!("../../examples/config.yaml");
const EXAMPLE_REVIEW: &str = include_str!("../../examples/admission-review.json");

/// Names the folder where a run wants them.
const FOLDER: &str = "FUZZ_SEEDS";

/// Writes the seeds of a target and ends, if that is what the process was started for.
pub fn write_if_asked(target: &str) {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let seeds = match target {
        "reference" => reference(),
        "pattern" => pattern(),
        "configuration" => configuration(),
        "credentials" => credentials(),
        "admission_review" => admission_review(),
        "http" => http(),
        other => panic!("there is no target {other}"),
    };
    assert!(seeds.len() > 10, "the tables of the tests are no longer found");
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("the folder can be made");
    for (i, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("{i:04}")), seed).expect("a seed can be written");
    }
    exit(0);
}

/// The texts that stand in a source file.
fn literals(source: &str) -> Vec<String> {
    let (mut texts, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let raw = rest[..at].chars().rev().take_while(|c| *c == '#').count();
        let is_raw = rest[..at - raw].ends_with('r');
        let after = &rest[at + 1..];
        rest = match (&rest[at..=at], is_raw) {
            ("\"", true) => {
                let end = format!("\"{}", "#".repeat(raw));
                let (text, after) = after.split_once(&end).expect("a raw text ends");
                texts.push(text.to_owned());
                after
            }
            ("\"", false) => {
                let (text, after) = unescaped(after);
                texts.push(text);
                after
            }
            ("'", _) if after.starts_with("\"'") => &after[2..],
            ("'", _) if after.starts_with("\\\"'") => &after[3..],
            ("/", _) if after.starts_with('/') => after.split_once('\n').map_or("", |(_, r)| r),
            _ => after,
        };
    }
    texts
}

/// A text up to the quote that ends it, and what follows.
fn unescaped(source: &str) -> (String, &str) {
    let (mut text, mut chars) = (String::new(), source.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                Some('u') => {
                    let (code, after) = chars.as_str()[1..].split_once('}').expect("a code ends");
                    text.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
                    chars = after.chars();
                }
                Some('\n') => chars = chars.as_str().trim_start().chars(),
                other => text.extend(other),
            },
            c => text.push(c),
        }
    }
    (text, chars.as_str())
}

fn bytes(texts: impl IntoIterator<Item = String>) -> Vec<Vec<u8>> {
    texts.into_iter().map(String::into_bytes).collect()
}

fn reference() -> Vec<Vec<u8>> {
    let digests = [("sha256", 64), ("sha384", 96), ("sha512", 128)];
    let digests =
        digests.map(|(name, length)| format!("gcr.io/a:v1@{name}:{}", "a".repeat(length)));
    let long = [255, 256].map(|length| format!("gcr.io/{}", "a/".repeat(length / 2)) + "a");
    let seeds = literals(REFERENCES).into_iter().chain(digests).chain(long);
    bytes(seeds)
}

fn pattern() -> Vec<Vec<u8>> {
    let texts = literals(PATTERNS);
    let one_by_one = texts.iter().map(|text| format!("{text}\n{text}"));
    let pairs = texts.windows(2).map(|pair| pair.join("\n"));
    let many = texts.chunks(8).map(|some| some.join("\n"));
    bytes(one_by_one.chain(pairs).chain(many))
}

fn configuration() -> Vec<Vec<u8>> {
    let head = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n";
    let shared = "apiVersion: pullpass.io/v1\nkind: SharedSecrets\nsecrets:\n- secret: hub\n  images: [docker.io/*]\n  namespaces: {names: [team-*]}\n";
    let texts = literals(CONFIGURATIONS);
    let entries =
        texts.iter().filter(|text| text.starts_with('-')).map(|text| format!("{head}{text}"));
    let sources = texts.iter().filter(|text| text.starts_with('{')).map(|source| {
        format!("{head}- {{name: a, images: [gcr.io/a/*], namespaces: {{names: [x]}}, source: {source}}}\n")
    });
    let whole = [EXAMPLE_CONFIG, shared, "{names: [team-*], except: [team-x]}"].map(str::to_owned);
    let seeds = entries.chain(sources).chain(whole).chain(texts.iter().cloned());
    bytes(seeds)
}

fn credentials() -> Vec<Vec<u8>> {
    let texts: Vec<_> = DOCKER_CONFIGS.iter().flat_map(|source| literals(source)).collect();
    let keys = texts.iter().filter(|text| !text.contains(['{', ' ', '"']));
    let of_keys = keys.map(|key| json!({"auths": {key: {"auth": "dTpw"}}}).to_string());
    let both = texts.windows(2).map(|pair| {
        json!({"auths": {&pair[0]: {"auth": "dTpw"}, &pair[1]: {"username": "u", "password": "p"}}}).to_string()
    });
    let written = texts.iter().filter(|text| text.trim_start().starts_with('{')).cloned();
    bytes(of_keys.chain(both).chain(written))
}

fn admission_review() -> Vec<Vec<u8>> {
    let pods = literals(PODS).into_iter().filter(|text| text.starts_with('{'));
    let pods = pods.chain(EXAMPLES.iter().map(|image| review::pod(image).to_string()));
    let pods = pods.map(|pod| [&[POD], pod.as_bytes()].concat());
    let whole = EXAMPLES.iter().map(|image| review::creation_of(review::pod(image)));
    let whole: Vec<Value> = whole
        .flat_map(|review| {
            let updated = review::with(review.clone(), "/request/operation", "UPDATE");
            let of_another = review::with(review.clone(), "/request/resource/resource", "services");
            let part = review::with(review.clone(), "/request/subResource", "ephemeralcontainers");
            [review, updated, of_another, part]
        })
        .collect();
    let whole = whole.iter().map(ToString::to_string).chain([EXAMPLE_REVIEW.to_owned()]);
    pods.chain(bytes(whole)).collect()
}

/// An image for each entry of the table, and others.
const EXAMPLES: [&str; 7] = [
    "gcr.io/p/a:1",
    "gcr.io/p/public/a",
    "quay.io/team/a:v1",
    "a.quay.io/b",
    "nginx",
    "registry:5000/a/app",
    "Not Valid",
];

fn http() -> Vec<Vec<u8>> {
    let review = webhook::review_of(review::pod(EXAMPLES[0]).to_string().as_bytes());
    let review = String::from_utf8(review).expect("JSON is text");
    let post = |path: &str, headers: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
    };
    let is_json = "Content-Type: application/json\r\n";
    let chunked = format!(
        "POST /mutate HTTP/1.1\r\nHost: x\r\n{is_json}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{review}\r\n0\r\nTrailer: x\r\n\r\n",
        review.len()
    );
    let whole = post("/mutate?timeout=5s", is_json, &review);
    let config_map = review::config_map_written(
        "pullpass-system",
        "pullpass",
        json!({"data": {"config.yaml": EXAMPLE_CONFIG}}),
    );
    let requests = [
        post("/validate-config", is_json, &config_map.to_string()),
        post("/mutate", "", &review),
        post("/mutate", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", &review),
        post("/mutate", "Content-Type: application/json\r\nExpect: 100-continue\r\n", &review),
        post("/mutate", "Content-Type: application/json\r\nConnection: close\r\n", &review),
        post("/mutate", "Content-Type: application/json\r\nContent-Length: 5\r\n", &review),
        post("/nowhere", is_json, "{}"),
        format!("{whole}{whole}{whole}"),
        format!("{chunked}{whole}"),
        whole[..whole.len() - 20].to_owned(),
        whole[..40].to_owned(),
        "GET /mutate HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "HEAD / HTTP/1.0\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(70)),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000)),
        "\u{16}\u{3}\u{1}\u{2}".to_owned(),
        whole,
    ];
    let seeds = requests
        .iter()
        .flat_map(|request| [0, 1, 7, 200].map(|size| [&[size], request.as_bytes()].concat()));
    seeds.collect()
}
