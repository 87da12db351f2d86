//! Design section 2.1: references are what the kubelet reads. Every row was compared with
//! `ParseImageName` of Kubernetes 1.37.1, over distribution/reference.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use proptest::prelude::*;
use pullpass::image::{Reference, ReferenceError};
use rstest::rstest;
use std::time::{Duration, Instant};

const SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Domain, path, tag and digest, with nothing for what is absent.
fn read(text: &str) -> Result<[String; 4], ReferenceError> {
    let reference = Reference::parse(text)?;
    let optional = |part: Option<&str>| part.unwrap_or_default().to_owned();
    Ok([
        reference.domain().to_owned(),
        reference.path().to_owned(),
        optional(reference.tag()),
        optional(reference.digest()),
    ])
}

#[rstest]
// Docker Hub
#[case("nginx", ["docker.io", "library/nginx", "latest", ""])]
#[case("nginx:1.27", ["docker.io", "library/nginx", "1.27", ""])]
#[case("localhost:5000", ["docker.io", "library/localhost", "5000", ""])]
#[case("localhost", ["docker.io", "library/localhost", "latest", ""])]
#[case("gcr.io", ["docker.io", "library/gcr.io", "latest", ""])]
#[case("a_b.io", ["docker.io", "library/a_b.io", "latest", ""])]
#[case("team/app", ["docker.io", "team/app", "latest", ""])]
#[case("test_com/foo", ["docker.io", "test_com/foo", "latest", ""])]
#[case("docker---rules/x", ["docker.io", "docker---rules/x", "latest", ""])]
#[case("dock__er/x", ["docker.io", "dock__er/x", "latest", ""])]
#[case("docker.io/nginx", ["docker.io", "library/nginx", "latest", ""])]
#[case("docker.io/library/nginx", ["docker.io", "library/nginx", "latest", ""])]
#[case("index.docker.io/nginx", ["docker.io", "library/nginx", "latest", ""])]
#[case("index.docker.io/a/b:c", ["docker.io", "a/b", "c", ""])]
#[case("library/nginx", ["docker.io", "library/nginx", "latest", ""])]
#[case("a/b/c/d", ["docker.io", "a/b/c/d", "latest", ""])]
// other names of Docker Hub are registries of their own
#[case("docker.io:443/nginx", ["docker.io:443", "nginx", "latest", ""])]
#[case("index.docker.io:443/nginx", ["index.docker.io:443", "nginx", "latest", ""])]
#[case("Docker.io/nginx", ["Docker.io", "nginx", "latest", ""])]
#[case("registry-1.docker.io/a", ["registry-1.docker.io", "a", "latest", ""])]
// domains
#[case("localhost/x", ["localhost", "x", "latest", ""])]
#[case("localhost:5000/x", ["localhost:5000", "x", "latest", ""])]
#[case("registry:5000/x:y", ["registry:5000", "x", "y", ""])]
#[case("Docker/docker", ["Docker", "docker", "latest", ""])]
#[case("GCR.IO/p/a", ["GCR.IO", "p/a", "latest", ""])]
#[case("1.2.3.4/x", ["1.2.3.4", "x", "latest", ""])]
#[case("x--y.z/a", ["x--y.z", "a", "latest", ""])]
#[case("gcr.io:0/a", ["gcr.io:0", "a", "latest", ""])]
#[case("gcr.io:99999999999/a", ["gcr.io:99999999999", "a", "latest", ""])]
#[case("[::1]/x", ["[::1]", "x", "latest", ""])]
#[case("[fc00::1]:5000/x", ["[fc00::1]:5000", "x", "latest", ""])]
#[case("[FC00::1]:5000/x", ["[FC00::1]:5000", "x", "latest", ""])]
#[case("[:]/x", ["[:]", "x", "latest", ""])]
// a first part that looks like a host and is none belongs to the path
#[case("a_b.io/x", ["", "a_b.io/x", "latest", ""])]
#[case("a__b.c/x/y:1", ["", "a__b.c/x/y", "1", ""])]
// tags
#[case("gcr.io/a:_", ["gcr.io", "a", "_", ""])]
#[case("gcr.io/a:V1.2-x_y", ["gcr.io", "a", "V1.2-x_y", ""])]
fn valid(#[case] text: &str, #[case] expected: [&str; 4]) {
    assert_eq!(read(text), Ok(expected.map(str::to_owned)), "{text}");
}

#[rstest]
#[case("sha256", 64)]
#[case("sha384", 96)]
#[case("sha512", 128)]
fn digests(#[case] algorithm: &str, #[case] length: usize) {
    let digest = format!("{algorithm}:{}", "a".repeat(length));
    let alone = read(&format!("gcr.io/a@{digest}")).unwrap();
    assert_eq!(alone, ["gcr.io", "a", "", &digest], "no tag is made up beside a digest");
    let tagged = read(&format!("gcr.io/a:v1@{digest}")).unwrap();
    assert_eq!(tagged, ["gcr.io", "a", "v1", &digest]);
    for wrong in [
        format!("{algorithm}:{}", "a".repeat(length - 1)),
        format!("{algorithm}:{}", "a".repeat(length + 1)),
        format!("{algorithm}:{}", "A".repeat(length)),
        format!("{algorithm}:{}", "g".repeat(length)),
        format!("{}:{}", algorithm.to_uppercase(), "a".repeat(length)),
        format!("{algorithm}+b64:{}", "a".repeat(length)),
        format!("{algorithm}{}", "a".repeat(length)),
        format!("{algorithm}::{}", "a".repeat(length)),
        format!("{digest}@{digest}"),
        format!("{digest}:v1"),
        format!("{digest}/x"),
    ] {
        assert!(read(&format!("gcr.io/a@{wrong}")).is_err(), "{wrong}");
    }
}

#[rstest]
#[case("", ReferenceError::Empty)]
#[case(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ReferenceError::Identifier
)]
#[case("https://gcr.io/a", ReferenceError::Scheme)]
#[case("docker://gcr.io/a", ReferenceError::Scheme)]
#[case("gcr.io/A", ReferenceError::Uppercase)]
#[case("Nginx", ReferenceError::Uppercase)]
#[case("docker.io/Nginx/x", ReferenceError::Uppercase)]
#[case("gcr.io/a/", ReferenceError::Path)]
#[case("gcr.io//a", ReferenceError::Path)]
#[case("/a", ReferenceError::Path)]
#[case("gcr.io/", ReferenceError::Path)]
#[case("gcr.io/-a", ReferenceError::Path)]
#[case("gcr.io/a-", ReferenceError::Path)]
#[case("gcr.io/a..b", ReferenceError::Path)]
#[case("gcr.io/a_.b", ReferenceError::Path)]
#[case("gcr.io/a._b", ReferenceError::Path)]
#[case("gcr.io/a___b", ReferenceError::Path)]
#[case("gcr.io/a-_b", ReferenceError::Path)]
#[case("gcr.io/../a", ReferenceError::Path)]
#[case("gcr.io/a b", ReferenceError::Path)]
#[case(" nginx", ReferenceError::Path)]
#[case("nginx\n", ReferenceError::Path)]
#[case("nginx ", ReferenceError::Path)]
#[case("gcr.io/%61", ReferenceError::Path)]
#[case("gcr.io/ä", ReferenceError::Path)]
#[case("gcr.io/a*", ReferenceError::Path)]
#[case("-", ReferenceError::Path)]
#[case(":tag", ReferenceError::Path)]
#[case("@", ReferenceError::Path)]
#[case("gcr.io/a:", ReferenceError::Tag)]
#[case("gcr.io/a:-x", ReferenceError::Tag)]
#[case("gcr.io/a:.x", ReferenceError::Tag)]
#[case("gcr.io/a:b:c", ReferenceError::Tag)]
#[case("gcr.io/a:b/c", ReferenceError::Tag)]
#[case("gcr.io/a:b+c", ReferenceError::Tag)]
#[case("gcr.io/a:ä", ReferenceError::Tag)]
#[case("gcr.io/a@", ReferenceError::Digest)]
#[case("gcr.io/a@sha256:abc", ReferenceError::Digest)]
#[case("gcr.io/a@md5:d41d8cd98f00b204e9800998ecf8427e", ReferenceError::Digest)]
#[case("[fe80::1%25eth0]:5000/x", ReferenceError::Domain)]
#[case("[::ffff:1.2.3.4]:5000/x", ReferenceError::Domain)]
#[case("[::1/x", ReferenceError::Domain)]
#[case("[]/x", ReferenceError::Path)]
#[case("[]:80/x", ReferenceError::Domain)]
#[case("[::1]x/y", ReferenceError::Domain)]
#[case("::1/x", ReferenceError::Domain)]
#[case("-a.io/x", ReferenceError::Domain)]
#[case("a-.io/x", ReferenceError::Domain)]
#[case("a..io/x", ReferenceError::Domain)]
#[case("gcr.io./x", ReferenceError::Domain)]
#[case(".gcr.io/x", ReferenceError::Domain)]
#[case("gcr.io:/x", ReferenceError::Domain)]
#[case("gcr.io:x/y", ReferenceError::Domain)]
#[case("gcr.io:-1/y", ReferenceError::Domain)]
#[case("a_b:80/y", ReferenceError::Domain)]
#[case("user@gcr.io/a", ReferenceError::Domain)]
#[case("gcr.io@sha256/a", ReferenceError::Domain)]
fn invalid(#[case] text: &str, #[case] expected: ReferenceError) {
    assert_eq!(read(text), Err(expected), "{text:?}");
    assert!(!expected.to_string().is_empty());
}

#[test]
fn paths_have_at_most_255_bytes() {
    let ends_at = |prefix: &str, longest: usize| {
        let of = |n: usize| read(&format!("{prefix}{}", "a".repeat(n)));
        assert!(of(longest).is_ok(), "{prefix} {longest}");
        assert_eq!(of(longest + 1), Err(ReferenceError::PathTooLong), "{prefix} {longest}");
    };
    ends_at("gcr.io/", 255);
    ends_at("gcr.io/a/", 253);
    ends_at("", 247);
    ends_at("docker.io/", 247);
    ends_at("docker.io/a/", 253);
    ends_at("a_b.io/", 248);
}

#[test]
fn tags_have_at_most_128_bytes() {
    assert!(read(&format!("gcr.io/a:{}", "t".repeat(128))).is_ok());
    assert_eq!(read(&format!("gcr.io/a:{}", "t".repeat(129))), Err(ReferenceError::Tag));
}

#[test]
fn sixty_four_hex_digits_are_an_identifier_only_alone() {
    let hex = &SHA256["sha256:".len()..];
    assert_eq!(read(hex), Err(ReferenceError::Identifier));
    assert_eq!(read(&hex[1..]).unwrap()[1], format!("library/{}", &hex[1..]));
    assert_eq!(read(&format!("{hex}0")).unwrap()[1], format!("library/{hex}0"));
    assert_eq!(read(&format!("{hex}:v1")).unwrap()[2], "v1");
    assert_eq!(read(&format!("docker.io/{hex}")).unwrap()[1], format!("library/{hex}"));
    assert_eq!(read(&hex.to_uppercase()), Err(ReferenceError::Uppercase));
}

#[rstest]
#[case("nginx", "docker.io/library/nginx:latest")]
#[case("index.docker.io/a/b:c", "docker.io/a/b:c")]
#[case("a_b.io/x", "a_b.io/x:latest")]
#[case(
    "gcr.io/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "gcr.io/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)]
fn printed_in_full(#[case] text: &str, #[case] printed: &str) {
    assert_eq!(Reference::parse(text).unwrap().to_string(), printed);
}

/// Faults 35 and 36: whatever a Pod's author writes, the parser ends at once.
#[test]
fn fault_36_megabytes_take_linear_time() {
    let started = Instant::now();
    for part in
        ["a", "a/", "a.", "a-", "-", "_", "/", ":", "@", ".", "[", "]", "A", "ä", "a:5/", "[:"]
    {
        let text = part.repeat(3_000_000 / part.len());
        for text in
            [text.clone(), format!("gcr.io/{text}"), format!("{text}/a"), format!("a@{text}")]
        {
            let _ = Reference::parse(&text);
        }
    }
    // 64 texts of 3 MB: a quadratic parser would need days.
    assert!(started.elapsed() < Duration::from_mins(2));
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "(localhost|docker\\.io|index\\.docker\\.io|Docker|a_b\\.io)/",
        "[a-zA-Z0-9]{1,3}(-{1,2}[a-z0-9]{1,2})?(\\.[a-zA-Z0-9]{1,3}){1,2}(:[0-9]{1,6})?/",
        "\\[[0-9a-fA-F]{0,3}:[0-9a-fA-F:]{0,5}\\](:[0-9]{1,5})?/",
    ]
}

fn reference() -> impl Strategy<Value = String> {
    let path = "[a-z0-9]{1,3}((\\.|_|__|-{1,3})[a-z0-9]{1,2}){0,2}(/[a-z0-9]{1,3}){0,3}";
    let end = "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,5})?(@sha256:[0-9a-f]{64})?";
    (host(), path, end).prop_map(|(host, path, end)| format!("{host}{path}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Law: what is printed is read back as the same reference, and prints the same again.
    #[test]
    fn parse_of_print_is_the_same(text in reference()) {
        let reference = Reference::parse(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let printed = reference.to_string();
        let again = Reference::parse(&printed).unwrap_or_else(|e| panic!("{printed}: {e}"));
        prop_assert_eq!(&again, &reference);
        prop_assert_eq!(again.to_string(), printed);
    }

    /// Law: no text makes the parser panic, and what it accepts prints and reads the same.
    #[test]
    fn any_text_is_accepted_or_refused(text in "\\PC{0,30}|[aA1.:/@\\[\\]_-]{0,12}") {
        if let Ok(reference) = Reference::parse(&text) {
            let printed = reference.to_string();
            prop_assert_eq!(Reference::parse(&printed), Ok(reference));
        }
    }

    /// Law: one more character within a valid reference gives an answer that prints and reads the same.
    #[test]
    fn near_misses_are_accepted_or_refused(text in reference(), at in 0.0..1.0, c in "[a-zA-Z0-9./:@_\\[\\]-]") {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = (text.len() as f64 * at) as usize;
        let text = format!("{}{c}{}", &text[..at], &text[at..]);
        if let Ok(reference) = Reference::parse(&text) {
            let printed = reference.to_string();
            prop_assert_eq!(Reference::parse(&printed), Ok(reference));
        }
    }
}
