//! Design section 2.2: what a pattern is, and what it matches. Each case goes through the single
//! pattern, the index, and the definition by configuration.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use proptest::prelude::*;
use pullpass::image::{Pattern, PatternError, PatternIndex, Reference, Scratch};
use rstest::rstest;

/// The answer of the pattern, after the index has given the same, alone and among others.
fn matches(pattern: &str, image: &str) -> bool {
    let compiled = Pattern::parse(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    let Ok(reference) = Reference::parse(image) else { return false };
    let single = compiled.matches(&reference);
    for others in [&[][..], &["*", "docker.io/*", "gcr.io/p/*", "*.example.com/x*:1*"]] {
        let mut all: Vec<_> = others.iter().map(|p| Pattern::parse(p).unwrap()).collect();
        all.push(compiled.clone());
        let position = u32::try_from(all.len() - 1).unwrap();
        let index = PatternIndex::new(all).unwrap();
        let mut scratch = Scratch::default();
        assert_eq!(
            index.matches(&reference, &mut scratch).contains(&position),
            single,
            "{pattern} on {image}"
        );
    }
    single
}

#[rstest]
// `*` alone
#[case("*", "nginx", true)]
#[case("*", "a_b.io/x", true)]
#[case(
    "*",
    "gcr.io/p/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    true
)]
#[case("*", "Not A Reference", false)]
// domain
#[case("gcr.io/p/*", "gcr.io/p/a", true)]
#[case("gcr.io/p/*", "gcr.io/p/a/b/c:1", true)]
#[case("gcr.io/p/*", "gcr.io/p", false)]
#[case("gcr.io/p/*", "gcr.io/pq/a", false)]
#[case("gcr.io/p*", "gcr.io/p-evil/x", true)]
#[case("*.gcr.io/p/*", "eu.gcr.io/p/a", true)]
#[case("*.gcr.io/p/*", "gcr.io/p/a", false)]
#[case("*.gcr.io/p/*", "a.b.gcr.io/p/a", false)]
#[case("123.dkr.ecr.*.amazonaws.com/*", "123.dkr.ecr.eu-west-1.amazonaws.com/app", true)]
#[case("123.dkr.ecr.*.amazonaws.com/*", "123.dkr.ecr.eu-west-1.amazonaws.com.cn/app", false)]
#[case("*-docker.pkg.dev/p/*", "europe-west1-docker.pkg.dev/p/a", true)]
#[case("*-docker.pkg.dev/p/*", "-docker.pkg.dev/p/a", false)]
#[case("reg*.example.com/*", "reg.example.com/a", true)]
#[case("GCR.io/p/*", "gcr.io/p/a", false)]
#[case("GCR.io/p/*", "GCR.io/p/a", true)]
#[case("localhost/*", "localhost/a", true)]
#[case("localhost/*", "localhost:5000/a", false)]
#[case("registry:5000/*", "registry:5000/a", true)]
#[case("registry:5000/*", "registry:5001/a", false)]
#[case("gcr.io/p/*", "gcr.io:443/p/a", false)]
#[case("gcr.io:443/p/*", "gcr.io/p/a", false)]
#[case("gcr.io:443/p/*", "gcr.io:443/p/a", true)]
#[case("gcr.io:0443/p/*", "gcr.io:443/p/a", false)]
#[case("*.example.com:5000/*", "a.example.com:5000/x", true)]
#[case("*.example.com:5000/*", "a.example.com/x", false)]
#[case("[::1]:5000/*", "[::1]:5000/a", true)]
#[case("[::1]:5000/*", "[0:0::1]:5000/a", false)]
#[case("[fd00::1]/team/*", "[fd00::1]/team/a", true)]
// Docker Hub
#[case("index.docker.io/my/*", "my/app", true)]
#[case("docker.io/my/*", "index.docker.io/my/app", true)]
#[case("docker.io/nginx", "nginx", true)]
#[case("docker.io/nginx", "docker.io/library/nginx:1.27", true)]
#[case("docker.io/nginx:1.*", "nginx:1.27", true)]
#[case("docker.io/nginx:1.*", "nginx", false)]
#[case("docker.io/nginx*", "nginx", false)]
#[case("docker.io/nginx*", "nginxinc/app", true)]
#[case("docker.io/*", "nginx", true)]
#[case("docker.io/*", "test_com/foo", true)]
#[case("index.docker.io:443/a/*", "docker.io/a/b", false)]
#[case("index.docker.io:443/a/*", "index.docker.io:443/a/b", true)]
// path
#[case("gcr.io/*/app", "gcr.io/p/app", true)]
#[case("gcr.io/*/app", "gcr.io/p/q/app", true)]
#[case("gcr.io/*/app", "gcr.io/app", false)]
#[case("gcr.io/p/*-dev", "gcr.io/p/a-dev", true)]
#[case("gcr.io/p/*-dev/*", "gcr.io/p/a/b-dev/c", true)]
#[case("gcr.io/p-*-x/a", "gcr.io/p--x/a", true)]
// tag
#[case(
    "gcr.io/p/a:*",
    "gcr.io/p/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    true
)]
#[case("gcr.io/p/a:latest", "gcr.io/p/a", true)]
#[case(
    "gcr.io/p/a:latest",
    "gcr.io/p/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    false
)]
#[case(
    "gcr.io/p/a:v1",
    "gcr.io/p/a:v1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    true
)]
#[case("gcr.io/p/a:v*", "gcr.io/p/a:v", true)]
#[case("gcr.io/p/a:v*", "gcr.io/p/a:1v", false)]
#[case("gcr.io/p/a:V1", "gcr.io/p/a:v1", false)]
#[case("gcr.io/p/*:1.*-alpine", "gcr.io/p/x/y:1.2-alpine", true)]
fn matching(#[case] pattern: &str, #[case] image: &str, #[case] expected: bool) {
    assert_eq!(matches(pattern, image), expected, "{pattern} on {image}");
}

/// fault 35: what looks alike is parsed first, and compared label by label.
#[rstest]
#[case("gcr.io.evil.com/p/a")]
#[case("xgcr.io/p/a")]
#[case("gcr.io@evil/p/a")]
#[case("GCR.IO/p/a")]
#[case("gcr.io:443/p/a")]
#[case("gcr.io/../gcr.io/p/a")]
#[case("gcr.io/x/../p/a")]
#[case("gcr.io%2Fp/a")]
#[case("evil.com/gcr.io/p/a")]
#[case("evil.com/a:gcr.io-p")]
#[case("gcr.io./p/a")]
#[case("gcr_io/p/a")]
#[case("gcr.io//p/a")]
#[case("gcr.io/P/a")]
#[case(" gcr.io/p/a")]
#[case("gcr.io/p/a ")]
#[case("https://gcr.io/p/a")]
#[case("evil.com@gcr.io/p/a")]
#[case("gcr.io\u{2024}/p/a")]
fn fault_35_look_alikes_do_not_match(#[case] image: &str) {
    for pattern in ["gcr.io/p/*", "gcr.io/*", "g*r.io/p/*"] {
        assert!(!matches(pattern, image), "{pattern} on {image}");
    }
}

#[rstest]
#[case("", "empty")]
#[case("gcr.io", "no repository path")]
#[case("gcr.io/", "no repository path")]
#[case("gcr.io/p/", "no repository path")]
#[case("localhost:5000", "no repository path")]
#[case("nginx", "names no registry")]
#[case("nginx:1.27", "names no registry")]
#[case("team/app", "names no registry")]
#[case("*/app", "names no registry")]
#[case("gcr.io/p /a", "white space")]
#[case("gcr.io/p\u{a0}/a", "white space")]
#[case("https://gcr.io/p/*", "scheme `https://`")]
#[case("gcr.io/p/**", "`**`")]
#[case("**", "`**`")]
#[case("gcr.io/p/a?", "`?` is not allowed")]
#[case("gcr.io/p/[ab]", "`[` is not allowed")]
#[case("gcr.io/p/a]", "`]` is not allowed")]
#[case("gcr.io/{a,b}/c", "`{` is not allowed")]
#[case("gcr.io/a}/c", "`}` is not allowed")]
#[case("gcr.io\\p/c", "`\\` is not allowed")]
#[case("gcr.io/p/a@sha256:abc", "digests are not matched")]
#[case("gcr.io//a", "empty component")]
#[case("gcr.io/P/a", "upper-case")]
#[case("g_cr.io/p/a", "`_` in its host")]
#[case("gcr.io/p/a:", "the tag is empty")]
#[case("gcr..io/p/a", "empty label")]
#[case(".gcr.io/p/a", "empty label")]
#[case("gcr.io./p/a", "empty label")]
#[case("-gcr.io/p/a", "begins or ends with `-`")]
#[case("gcr-.io/p/a", "begins or ends with `-`")]
#[case("*.*/p/a", "every label")]
#[case("*:5000/p/a", "every label")]
#[case("g*.i*/p/a", "every label")]
#[case("gcr.io:*/p/a", "takes no wildcard")]
#[case("gcr.io:50*/p/a", "takes no wildcard")]
#[case("gcr.io:/p/a", "the port ``")]
#[case("gcr.io:0/p/a", "the port `0`")]
#[case("gcr.io:65536/p/a", "the port `65536`")]
#[case("gcr.io:+80/p/a", "the port `+80`")]
#[case("gcr.io:80x/p/a", "the port `80x`")]
#[case("[::1:5000/p/a", "IPv6")]
#[case("[::g]:5000/p/a", "IPv6")]
#[case("[*::1]:5000/p/a", "IPv6")]
#[case("[fe80::1%eth0]:5000/p/a", "IPv6")]
#[case("[::ffff:1.2.3.4]:5000/p/a", "IPv6")]
#[case("[::1]:*/p/a", "takes no wildcard")]
#[case("gcr.io/p/-a", "no valid path component")]
#[case("gcr.io/p/a..b", "no valid path component")]
#[case("gcr.io/p/a___b", "no valid path component")]
#[case("gcr.io/p/ä", "`ä` is not allowed")]
#[case("gcr.io/p/a:b:c", "no valid tag")]
#[case("gcr.io/p/a:-b", "no valid tag")]
#[case("gcr.io/p/a:b/c", "no valid tag")]
#[case("gcr.io/p/a:*+", "no valid tag")]
#[case("ä.io/p/a", "`ä` is not allowed in a host")]
fn refused(#[case] pattern: &str, #[case] reason: &str) {
    let error = Pattern::parse(pattern).expect_err(pattern);
    assert!(error.to_string().contains(reason), "{pattern}: {error}");
    assert!(!error.hint().is_empty());
}

#[rstest]
#[case("nginx", "docker.io/nginx")]
#[case("team/app", "docker.io/team/app")]
#[case("gcr.io/p/", "gcr.io/p/*")]
#[case("https://gcr.io/p/*", "gcr.io/p/*")]
#[case("gcr.io/My-App", "my-app")]
#[case("gcr.io/p/a@sha256:abc", "gcr.io/p/a")]
fn hints_say_what_to_write(#[case] pattern: &str, #[case] hint: &str) {
    let error = Pattern::parse(pattern).expect_err(pattern);
    assert!(error.hint().contains(&format!("`{hint}`")), "{}", error.hint());
}

/// The other hints, and those that must not suggest what would be refused again.
#[rstest]
#[case("gcr.io/a/* gcr.io/b/*", "remove it; list several patterns one by one")]
#[case(" gcr.io/a/*\n", "write `gcr.io/a/*`")]
#[case(
    "gcr.io/p/a:v1@sha256:abc",
    "write `gcr.io/p/a`: without a tag, it matches every tag and digest"
)]
#[case(
    "gcr.io:80/a@sha256:abc",
    "write `gcr.io:80/a`: without a tag, it matches every tag and digest"
)]
#[case("@sha256:abc", "write a repository; without a tag, it matches every tag and digest")]
#[case("gcr.io/:v1", "write `gcr.io/*` for all of it")]
#[case("gcr.io/p/:v1", "write `gcr.io/p/*` for all of it")]
#[case("gcr.io", "write `gcr.io/*` for all of it")]
#[case("localhost:5000", "write `localhost:5000/*` for all of it")]
#[case("[::1]:5000", "write `[::1]:5000/*` for all of it")]
#[case(
    "nginx/",
    "for Docker Hub write `docker.io/nginx`; otherwise name the registry's host first"
)]
#[case("/", "write DOMAIN/PATH, for example `gcr.io/my-project/*`")]
#[case(
    "//gcr.io/p",
    "for Docker Hub write `docker.io/gcr.io/p`; otherwise name the registry's host first"
)]
#[case("gcr.io/p/**", "write one `*`: in the path it crosses `/` already")]
#[case("gcr.io/p/a?", "write one pattern for each alternative")]
#[case("g_cr.io/p", "check the host name; it has letters, digits, `-` and `.`")]
#[case("gcr.io:0/p", "write the port as images have it, or leave it out")]
#[case("gcr.io/p/a:", "remove the `:`; without a tag every tag and digest matches")]
fn hints(#[case] pattern: &str, #[case] hint: &str) {
    assert_eq!(Pattern::parse(pattern).expect_err(pattern).hint(), hint);
}

#[rstest]
#[case("*")]
#[case("gcr.io/*")]
#[case("gcr.io/a*b*c/*d")]
#[case("gcr.io/*/*")]
#[case("gcr.io/-*")]
#[case("gcr.io/*..*")]
#[case("gcr.io/a---b/c__d/e.f")]
#[case("gcr.io:1/a")]
#[case("gcr.io:65535/a")]
#[case("gcr.io:0443/a")]
#[case("GCR.io/a")]
#[case("a-*.io/x")]
#[case("-*-.io/x")]
#[case("1.2.3.4/x")]
#[case("*.*.io/x")]
#[case("localhost/x")]
#[case("registry:5000/x")]
#[case("[::1]/x")]
#[case("[FD00::1]:80/x")]
#[case("docker.io/nginx")]
#[case("gcr.io/a:*")]
#[case("gcr.io/a:-*")]
#[case("gcr.io/a:*.*_*")]
#[case("gcr.io/a:V1")]
fn accepted(#[case] pattern: &str) {
    assert_eq!(
        Pattern::parse(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}")).as_str(),
        pattern
    );
}

/// `covers` is what the warning about entries that can never match goes by.
#[rstest]
#[case("*", "*", true)]
#[case("*", "gcr.io/a", true)]
#[case("gcr.io/*", "*", false)]
#[case("gcr.io/*", "gcr.io/a*:v1", true)]
#[case("gcr.io/a*", "gcr.io/*", false)]
#[case("gcr.io/a:v*", "gcr.io/a:v1*", true)]
#[case("gcr.io/a:v*", "gcr.io/a", false)]
#[case("*.gcr.io/a", "eu.gcr.io/a", true)]
#[case("*.gcr.io/a", "e*.gcr.io/a", true)]
#[case("e*.gcr.io/a", "*.gcr.io/a", false)]
#[case("*.gcr.io/a", "*.*.gcr.io/a", false)]
#[case("*.gcr.io:80/a", "*.gcr.io/a", false)]
#[case("eu.gcr.io/a", "*.gcr.io/a", false)]
fn covering(#[case] outer: &str, #[case] inner: &str, #[case] expected: bool) {
    let parse = |text: &str| Pattern::parse(text).unwrap();
    assert_eq!(parse(outer).covers(&parse(inner)), expected);
    let index = PatternIndex::new(vec![parse("quay.io/x"), parse(outer)]).unwrap();
    let found = index.first_covering(&parse(inner), &mut Scratch::default());
    assert_eq!(found.map(Pattern::as_str), expected.then_some(outer));
}

#[test]
fn fault_32_lengths_are_capped() {
    let of_length = |n: usize| format!("gcr.io/{}", "a/".repeat(n)) + "*";
    assert!(Pattern::parse(&format!("gcr.io/{}", "a".repeat(255))).is_ok());
    assert_eq!(
        Pattern::parse(&format!("gcr.io/{}", "a".repeat(256))),
        Err(PatternError::PathTooLong)
    );
    assert!(Pattern::parse(&format!("docker.io/{}", "a".repeat(247))).is_ok());
    assert_eq!(
        Pattern::parse(&format!("docker.io/{}", "a".repeat(248))),
        Err(PatternError::PathTooLong)
    );
    let of_bytes = |n: usize| format!("gcr.io/{}", "a*".repeat(252) + &"a".repeat(n - 511));
    assert_eq!(of_bytes(512).len(), 512);
    assert!(Pattern::parse(&of_bytes(512)).is_ok());
    assert_eq!(Pattern::parse(&of_bytes(513)), Err(PatternError::TooLong { bytes: 513 }));
    assert!(matches!(Pattern::parse(&of_length(300)), Err(PatternError::TooLong { bytes: 608 })));
    assert!(Pattern::parse(&format!("gcr.io/a:{}", "t".repeat(128))).is_ok());
    assert!(Pattern::parse(&format!("gcr.io/a:{}", "t".repeat(129))).is_err());
}

#[test]
fn fault_36_pathological_wildcards_take_linear_time() {
    let pattern = format!("gcr.io/{}b", "*a".repeat(200));
    let image = format!("gcr.io/{}", "a".repeat(255));
    for _ in 0..1_000 {
        assert!(!matches(&pattern, &image));
    }
    let long_host = format!("{}.io/x", "a".repeat(1_000_000));
    assert!(!matches("*a*a*a*a*a*a*b.io/*", &long_host));
}

fn pattern() -> impl Strategy<Value = String> {
    let label =
        prop_oneof![Just("gcr"), Just("*"), Just("a*"), Just("*a"), Just("eu"), Just("x-*-y")];
    let host = prop_oneof![
        Just("gcr.io".to_owned()),
        Just("docker.io".to_owned()),
        Just("localhost:5000".to_owned()),
        prop::collection::vec(label, 1..3).prop_map(|l| l.join(".") + ".io"),
    ];
    (host, "[ab*]/[ab*/]{0,3}[ab*]|[ab*]{1,4}", "|:\\*|:[ab1*]{1,3}")
        .prop_map(|(host, path, tag)| format!("{host}/{path}{tag}"))
        .prop_filter("a pattern", |text| Pattern::parse(text).is_ok())
}

fn image() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just(""),
        Just("gcr.io/"),
        Just("localhost:5000/"),
        Just("a.io/"),
        Just("eu.gcr.io/"),
        Just("aa.io/"),
        Just("x--y.io/"),
        Just("a.gcr.io/"),
        Just("a_b.io/")
    ];
    (host, "[ab]{1,2}(/[ab]{1,2}){0,2}", "|:[ab1]{1,3}|@sha256:a{64}|:a@sha256:b{64}")
        .prop_map(|(host, path, tag)| format!("{host}{path}{tag}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Law: the index gives what each pattern gives by itself, in ascending order.
    #[test]
    fn index_equals_the_linear_definition(patterns in prop::collection::vec(prop_oneof![9 => pattern(), 1 => Just("*".to_owned())], 0..12), image in image()) {
        let patterns: Vec<_> = patterns.iter().map(|p| Pattern::parse(p).unwrap()).collect();
        let reference = Reference::parse(&image).unwrap();
        let linear: Vec<u32> = (0..).zip(&patterns).filter(|(_, p)| p.matches(&reference)).map(|(i, _)| i).collect();
        let index = PatternIndex::new(patterns).unwrap();
        let mut scratch = Scratch::default();
        prop_assert_eq!(index.matches(&reference, &mut scratch), &linear);
    }

    /// Law: no text makes the parser panic, and what it accepts prints as it was written.
    #[test]
    fn any_text_is_accepted_or_refused(text in "\\PC{0,40}|[a-z.:/*@\\[\\]]{0,20}") {
        match Pattern::parse(&text) {
            Ok(pattern) => prop_assert_eq!(pattern.as_str(), text),
            Err(error) => prop_assert!(!error.hint().is_empty() && !error.to_string().is_empty()),
        }
    }

    /// Law: what covers a pattern matches all that the pattern matches.
    #[test]
    fn covering_is_sound(outer in pattern(), inner in pattern(), image in image()) {
        let (outer, inner) = (Pattern::parse(&outer).unwrap(), Pattern::parse(&inner).unwrap());
        let reference = Reference::parse(&image).unwrap();
        prop_assert!(!outer.covers(&inner) || !inner.matches(&reference) || outer.matches(&reference));
        let index = PatternIndex::new(vec![outer.clone()]).unwrap();
        prop_assert_eq!(index.first_covering(&inner, &mut Scratch::default()).is_some(), outer.covers(&inner));
    }

    /// Law: a pattern without wildcards and with a tag matches the reference it spells.
    #[test]
    fn a_literal_pattern_matches_itself(path in "[a-z0-9]{1,5}(/[a-z0-9]{1,5}){1,3}", tag in "[a-z0-9]{1,5}") {
        let text = format!("gcr.io/{path}:{tag}");
        prop_assert!(matches(&text, &text));
    }
}
