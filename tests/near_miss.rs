//! Which pattern an image that matched nothing was probably meant for, and what differs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use pullpass::image::{Pattern, Reference, near_miss};
use rstest::rstest;

/// The nearest of the patterns, with what differs.
fn nearest(image: &str, patterns: &[&str]) -> Option<String> {
    let patterns: Vec<_> = patterns.iter().map(|p| Pattern::parse(p).unwrap()).collect();
    let reference = Reference::parse(image).unwrap();
    let miss = near_miss(&reference, &patterns)?;
    Some(format!("{} {}", miss.pattern, miss.difference))
}

#[rstest]
#[case::case("GCR.io/p/a", "gcr.io/p/*", "differs in upper and lower case only")]
#[case::tag("gcr.io/p/a:v2", "gcr.io/p/a:v1*", "matches but for the tag")]
#[case::no_tag(
    "gcr.io/p/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "gcr.io/p/a:v1",
    "matches but for the tag"
)]
#[case::port_of_image(
    "gcr.io:443/p/a",
    "gcr.io/p/*",
    "matches but for the port, which is compared as written"
)]
#[case::port_of_pattern(
    "registry.example.com/p/a",
    "registry.example.com:5000/p/*",
    "matches but for the port, which is compared as written"
)]
#[case::other_port(
    "registry.example.com:80/p/a",
    "registry.example.com:5000/p/*",
    "matches but for the port, which is compared as written"
)]
#[case::official("nginx", "docker.io/nginx*", "misses the `library/` that official images have")]
#[case::registry("gcr.oi/p/a", "gcr.io/p/*", "matches but for the registry")]
#[case::registry_typo(
    "registry.gitlab.org/g/a",
    "registry.gitlab.com/g/*",
    "matches but for the registry"
)]
#[case::address("[fd00::2]:5000/a", "[fd00::1]:5000/*", "matches but for the registry")]
#[case::address_port(
    "[fd00::1]:5000/a",
    "[fd00::1]:5001/*",
    "matches but for the port, which is compared as written"
)]
#[case::path(
    "gcr.io/my-projcet/a",
    "gcr.io/my-project/*",
    "is of the same registry, with a similar path"
)]
fn one_pattern(#[case] image: &str, #[case] pattern: &str, #[case] difference: &str) {
    assert_eq!(nearest(image, &[pattern]), Some(format!("{pattern} {difference}")));
}

#[rstest]
#[case::other_registry("quay.io/p/a", "gcr.io/p/*")]
#[case::other_path("gcr.io/zzz/a", "gcr.io/my-project/*")]
#[case::both("gcr.oi/my-projcet/a", "gcr.io/my-project/*")]
#[case::tag_and_registry("quay.io/a:v2", "gcr.io/a:v1")]
#[case::tag_and_path("gcr.io/zzz:v2", "gcr.io/abc:v1")]
#[case::everything("gcr.io/p/a", "*")]
#[case::no_host("a_b.io/x", "gcr.io/x")]
#[case::not_official("quay.io/library/nginx", "docker.io/nginx*")]
fn too_far(#[case] image: &str, #[case] pattern: &str) {
    assert_eq!(nearest(image, &[pattern]), None);
}

#[test]
fn the_smallest_difference_is_named() {
    let patterns = ["gcr.io/my-projects/*", "gcr.io/my-project/a:v1", "gcr.ie/my-project/*"];
    assert_eq!(
        nearest("gcr.io/my-project/a:v2", &patterns),
        Some("gcr.io/my-project/a:v1 matches but for the tag".into())
    );
    assert_eq!(nearest("gcr.io/x", &[]), None);
}

#[test]
fn among_equals_the_likest_is_named() {
    let patterns = ["gcr.io/my-project-old/*", "gcr.io/my-project/*", "gcr.io/my-pro/*"];
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        assert_eq!(
            nearest("gcr.io/my-projekt/a", &order.map(|i| patterns[i])),
            Some("gcr.io/my-project/* is of the same registry, with a similar path".into())
        );
    }
}
