//! References are read exactly as the kubelet reads them: the same answers to thousands of texts.

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use pullpass::image::Reference;

use crate::oracle::{self, Reading};

const TEXTS_OF_EACH: usize = 2_500;
/// Near the edges of the grammar, and what an attacker would write.
#[rustfmt::skip]
const HOSTILE: &[&str] = &[
    "", " ", "a", "A", "-a", "a-", "a--b", "a__b", "a___b", "a..b", "a._b", "_", ".", "..", "a/",
    "/a", "a//b", "nginx", "nginx:1", "nginx:", "nginx:latest", "library/nginx", "docker.io/nginx",
    "docker.io", "docker.io/", "index.docker.io/nginx", "index.docker.io/a/b",
    "registry-1.docker.io/nginx", "DOCKER.IO/nginx", "Docker.io/nginx", "gcr.io.evil.com/p/a",
    "xgcr.io/p/a", "gcr.io@evil/p/a", "GCR.IO/p/a", "Gcr/p/a", "gcr.io:443/p/a", "gcr.io:/p/a",
    "gcr.io:0/p/a", "gcr.io:99999999/p/a", "gcr.io:a/p/a", "gcr.io./p/a", ".gcr.io/p/a",
    "gcr..io/p/a", "-gcr.io/p/a", "gcr-.io/p/a", "gcr_x.io/p/a", "gcr.io/../p/a", "gcr.io/p/..",
    "gcr.io/p/../q/a", "gcr.io/%70/a", "gcr.io/p%2fa", "gcr.io/p/a?x=1", "gcr.io/p/a#x",
    "gcr.io/p/a b", " gcr.io/p/a", "gcr.io/p/a ", "gcr.io/p/a\n", "\tgcr.io/p/a", "gcr.io/p/a\0",
    "gcr.io/p/a:gcr.io", "evil/a:gcr.io/p/a", "a:5000", "a:5000/b", "a:5000/b:c", "localhost",
    "localhost/a", "localhost:5000/a", "LOCALHOST/a", "LocalHost/a", "[::1]/a", "[::1]:5000/a",
    "[::1]:5000", "[::g]/a", "[fe80::1%eth0]:5000/a", "[]/a", "[::1/a", "127.0.0.1/a",
    "127.0.0.1:5000/a:b", "1.2.3.4.5/a", "https://gcr.io/p/a", "gcr.io://p/a", "user@gcr.io/p/a",
    "user:pw@gcr.io/p/a", "gcr.io/p/A", "gcr.io/P/a", "gcr.io/p/a:A", "gcr.io/p/a:-a",
    "gcr.io/p/a:.a", "gcr.io/p/a:_a", "gcr.io/p/a:a+b", "gcr.io/p/a:a:b", "ɢcr.io/p/a",
    "gcr.io/p/а", "gcr。io/p/a", "xn--gcr-xyz.io/p/a", "gcr.io/p/a@", "gcr.io/p/a@sha256:",
    "gcr.io/p/a@sha256:abc", "a@b", "a/b/c/d/e/f/g", "docker.io/library/nginx", "docker.io/library",
    "docker.io/a/b/c", "index.docker.io", "index.docker.io/", "a_b/c", "a_b.io/c", "a.b_c/d",
    "a-.b/c", "library/", "localhost/", "localhost:/a", "a.b", "a.b:1", "a.b:1/", "sha256:abc",
    "gcr.io/p/a:@sha256:abc",
];

#[test]
fn fault_35_hostile_references_are_read_as_the_kubelet_reads_them() {
    let hex = "0123456789abcdef".repeat(4);
    let long = "a".repeat(255);
    let mut texts: Vec<String> = HOSTILE.iter().copied().map(String::from).collect();
    texts.extend([
        hex.clone(),
        hex.to_uppercase(),
        hex[1..].to_owned(),
        format!("gcr.io/{hex}"),
        format!("docker.io/{hex}"),
        format!("{hex}:latest"),
        format!("gcr.io/p/a@sha256:{hex}"),
        format!("gcr.io/p/a:tag@sha256:{hex}"),
        format!("gcr.io/p/a@sha256:{hex}:tag"),
        format!("gcr.io/p/a@SHA256:{hex}"),
        format!("gcr.io/p/a@sha256:{}", hex.to_uppercase()),
        format!("gcr.io/p/a@sha512:{hex}{hex}"),
        format!("gcr.io/p/a@sha384:{hex}{}", &hex[..32]),
        format!("gcr.io/p/a@sha384:{hex}"),
        format!("gcr.io/p/a@md5:{}", &hex[..32]),
        format!("gcr.io/p/a@sha256:{hex}@sha256:{hex}"),
        format!("gcr.io/p/a@sha256+b64:{hex}"),
        format!("evil/a@sha256:{hex}/gcr.io/p"),
        format!("nginx@sha256:{hex}"),
        format!("a_b.io/{long}"),
        format!("gcr.io/{long}"),
        format!("gcr.io/{long}a"),
        format!("{}/a", "a.".repeat(200)),
        long.clone(),
        format!("library/{}", &long[..247]),
        long[..247].to_owned(),
        long[..248].to_owned(),
        format!("a/b:{}", &long[..128]),
        format!("a/b:{}", &long[..129]),
    ]);
    is_read_as_the_kubelet_does(&texts);
}

#[test]
fn generated_references_are_read_as_the_kubelet_reads_them() {
    let near_the_grammar = "[a-zA-Z0-9._:@/\\[\\]-]{0,40}";
    let few_characters = "[aA1._:@/-]{0,12}";
    let any = "\\PC{0,20}";
    let texts = [near_the_grammar, few_characters, any]
        .into_iter()
        .flat_map(|pattern| samples(pattern, TEXTS_OF_EACH))
        .chain(texts_of(&almost_reference(), 2 * TEXTS_OF_EACH));
    let texts: Vec<String> = texts.filter(|text| !text.contains(['\n', '\r'])).collect();

    let valid = is_read_as_the_kubelet_does(&texts);

    let wanted = texts.len() / 10;
    assert!(valid > wanted && texts.len() - valid > wanted, "{valid} of {}", texts.len());
}

/// Compares every reading, and says how many texts are references.
fn is_read_as_the_kubelet_does(texts: &[String]) -> usize {
    let answers = oracle::parse(texts);
    let mut differences = Vec::new();
    for (text, theirs) in texts.iter().zip(&answers) {
        let ours = Reference::parse(text).ok().map(|reference| Reading {
            domain: reference.domain().into(),
            path: reference.path().into(),
            tag: reference.tag().map(Into::into),
            digest: reference.digest().map(Into::into),
        });
        if ours.as_ref() != theirs.as_ref().ok() {
            differences.push(format!("{text:?}: ours {ours:?}, the kubelet's {theirs:?}"));
        }
    }
    let shown = &differences[..differences.len().min(20)];
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), shown.join("\n"));
    answers.iter().filter(|answer| answer.is_ok()).count()
}

/// References of every form, with at most one part spoilt.
fn almost_reference() -> impl Strategy<Value = String> {
    let domain = prop_oneof![
        "([a-zA-Z0-9-]{1,5}\\.){1,3}[a-z]{1,3}/",
        "[a-z]{1,8}:[0-9]{1,5}/",
        "(localhost|docker\\.io|index\\.docker\\.io|gcr\\.io|LOCALHOST)(:[0-9]{1,3})?/",
        "\\[[0-9a-f:]{2,6}\\](:5000)?/",
        "[a-zA-Z_]{1,4}/",
        "",
    ];
    let path = prop_oneof![
        4 => "[a-z0-9]{1,4}([._/-]|__|--)[a-z0-9]{1,4}",
        2 => "[a-z0-9]{1,6}",
        1 => "[a-zA-Z0-9._/-]{1,8}",
    ];
    let tag = prop_oneof![3 => "(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,5})?", 1 => "(:[a-z.-]{0,3}){0,2}"];
    let digest = prop_oneof![
        3 => Just(String::new()),
        2 => "@sha256:[0-9a-f]{64}",
        1 => "@(sha384:[0-9a-f]{95,97}|sha512:[0-9a-f]{128}|[a-z]{1,4}:[0-9a-f]{32})",
        1 => "@sha256:[0-9a-fA-F]{63,65}",
    ];
    (domain, path, tag, digest).prop_map(|(a, b, c, d)| format!("{a}{b}{c}{d}"))
}

fn samples(pattern: &'static str, count: usize) -> Vec<String> {
    let strategy = proptest::string::string_regex(pattern).expect("the pattern is valid");
    texts_of(&strategy, count)
}

/// The same texts in every run.
fn texts_of(strategy: &impl Strategy<Value = String>, count: usize) -> Vec<String> {
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let mut next = || strategy.new_tree(&mut runner).expect("a text is generated").current();
    (0..count).map(|_| next()).collect()
}
