//! The keyring: which entries the kubelet tries for an image, and in which order.

use crate::config;
use pullpass::{credentials::Keyring, image::Reference};
use rstest::rstest;

/// The keys that are tried for an image, in order.
fn lookup(keys: &[&str], image: &str) -> Vec<String> {
    let config = config(keys);
    let image = Reference::parse(image).unwrap();
    Keyring::new(&config).lookup(&image).iter().map(|entry| entry.key().to_string()).collect()
}

#[rstest]
#[case("gcr.io", "gcr.io/p/a:1", true)]
#[case("gcr.io", "GCR.io/p/a", false)]
#[case("gcr.io", "eu.gcr.io/p/a", false)]
#[case("gcr.io", "gcr.io:443/p/a", false)]
#[case("gcr.io:443", "gcr.io:443/p/a", true)]
#[case("gcr.io:", "gcr.io/p/a", true)]
#[case("gcr.io/team", "gcr.io/team", true)]
#[case("gcr.io/team", "gcr.io/teamx/a", true)]
#[case("gcr.io/team/", "gcr.io/team", false)]
#[case("gcr.io/%74eam", "gcr.io/team/a", true)]
#[case("gcr.io/%2574eam", "gcr.io/team/a", true)]
#[case("gcr.io/te%3fx", "gcr.io/team/a", true)]
#[case("*.example.com", "reg.example.com/a", true)]
#[case("*.example.com", "example.com/a", false)]
#[case("*.example.com", "a.b.example.com/a", false)]
#[case("r*g.*.com", "rng.x.com/a", true)]
#[case("*", "localhost/a", true)]
#[case("*", "gcr.io/a", false)]
#[case("*:5000", "[fd00::1]:5000/a", true)]
#[case("[fd00::1]:5000", "[fd00::1]:5000/a", true)]
#[case("[fd00::1]", "[fd00::1]/a", false)] // the glob `[...]` is one character
#[case("[FD00::1]", "F/a", true)] // as here
#[case("a_b.io", "a_b.io/c", true)]
#[case("docker.io", "nginx", true)]
#[case("docker.io/library/nginx", "index.docker.io/nginx", true)]
#[case("https://index.docker.io/v1/", "nginx", true)]
#[case("index.docker.io", "docker.io/team/a", true)]
#[case("index.docker.io/v1", "nginx", false)]
#[case("index.docker.io/team", "docker.io/team/a", false)]
#[case("index.docker.io", "localhost/a", true)]
#[case("index.docker.io", "HOST/a", true)]
#[case("index.docker.io", "localhost:5000/a", false)]
#[case("*.docker.io", "nginx", false)]
#[case("*.io", "nginx", true)]
fn keys_match_as_the_kubelet_does(#[case] key: &str, #[case] image: &str, #[case] found: bool) {
    assert_eq!(!lookup(&[key], image).is_empty(), found, "{key} on {image}");
}

#[rstest]
#[case::longer_first(&["gcr.io", "gcr.io/p", "gcr.io/p/a"], "gcr.io/p/a", &["gcr.io/p/a", "gcr.io/p", "gcr.io"])]
#[case::a_letter_before_a_wildcard(&["*.io", "gcr.io"], "gcr.io/a", &["gcr.io", "*.io"])]
#[case::one_registry_in_two_spellings(&["https://gcr.io", "gcr.io"], "gcr.io/a", &["https://gcr.io", "gcr.io"])]
#[case::the_fallback_alone(&["index.docker.io", "gcr.io"], "nginx", &["index.docker.io"])]
#[case::no_fallback_beside_another(&["index.docker.io", "docker.io/library"], "nginx", &["docker.io/library"])]
fn the_kubelet_s_order(#[case] keys: &[&str], #[case] image: &str, #[case] expected: &[&str]) {
    assert_eq!(lookup(keys, image), expected, "{keys:?} on {image}");
}
