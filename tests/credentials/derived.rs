//! The patterns that follow from a docker config that is shared by label.

use crate::config;
use proptest::prelude::*;
use pullpass::{
    credentials::{Keyring, NotDerivedReason, derive},
    image::Reference,
};
use rstest::rstest;

fn patterns_of(keys: &[&str]) -> Vec<String> {
    derive(&config(keys)).patterns.iter().map(ToString::to_string).collect()
}

#[rstest]
#[case::host(&["gcr.io"], &["gcr.io/*"])]
#[case::path(&["gcr.io/p"], &["gcr.io/p", "gcr.io/p/*"])]
#[case::path_with_its_slash(&["gcr.io/p/"], &["gcr.io/p/*"])]
#[case::as_docker_login_writes_it(&["https://reg.example.com:5000/v2/"], &["reg.example.com:5000/*"])]
#[case::empty_port(&["gcr.io:"], &["gcr.io/*"])]
#[case::glob(&["*.example.com/team"], &["*.example.com/team", "*.example.com/team/*"])]
#[case::docker_hub_by_its_old_name(&["https://index.docker.io/v1/"], &["docker.io/*"])]
#[case::docker_hub_by_its_new_name(&["docker.io"], &["docker.io/*"])]
#[case::both_names_at_once(&["docker.io", "index.docker.io"], &["docker.io/*"])]
#[case::a_name_of_docker_hub(&["docker.io/team"], &["docker.io/team/*"])]
#[case::localhost(&["localhost"], &["localhost/*"])]
#[case::ipv6(&["[fd00::1]:5000"], &["[fd00::1]:5000/*"])]
#[case::order(&["b.io", "a.io"], &["b.io/*", "a.io/*"])]
fn patterns_follow_from_keys(#[case] keys: &[&str], #[case] expected: &[&str]) {
    assert_eq!(patterns_of(keys), expected, "{keys:?}");
    assert_eq!(derive(&config(keys)).not_derived, [], "{keys:?}");
}

#[rstest]
#[case("!gcr.io", "its entry has no user name with a password")]
#[case("reg:abc", "no image can be of it")]
#[case("[fd00::1]", "no image can be of it")]
#[case("index.docker.io/team", "no image can be of it")]
#[case("gcr.io/p*", "no image can be of it")]
#[case(
    "*",
    "the pattern names no registry: the part before the first `/` has no `.`, no port, and is not `localhost`; write an entry with patterns of your own"
)]
#[case("*.*", "every label of the host has a wildcard; write an entry with patterns of your own")]
#[case(
    "gcr.io/Team",
    "the path has an upper-case letter; repositories are lower case; write an entry with patterns of your own"
)]
#[case(
    "gcr.io/team-",
    "`team-` is no valid path component: it starts or ends with a separator, or has two in a row; write an entry with patterns of your own"
)]
fn a_key_without_a_pattern_is_reported(#[case] key: &str, #[case] reason: &str) {
    let derived = derive(&config(&[key]));
    let shown = key.trim_start_matches('!');
    let reported: Vec<_> = derived.not_derived.iter().map(ToString::to_string).collect();
    assert_eq!(reported, [format!("no pattern follows from the registry `{shown}`: {reason}")]);
    assert_eq!(derived.patterns, []);
}

#[test]
fn a_fallback_that_an_entry_without_a_credential_takes_away_is_reported() {
    let derived = derive(&config(&["!docker.io/team", "index.docker.io"]));
    assert_eq!(derived.patterns, []);
    assert_eq!(
        derived.not_derived[1].reason,
        NotDerivedReason::NotServed { pattern: "docker.io/*".into() }
    );
}

/// What is worked out for all keys together is bounded, and none of these takes any of it.
#[rstest]
#[case::hosts(|i| format!("r{i}.example.com"), 1)]
#[case::paths(|i| format!("gcr.io/p{i}"), 2)]
#[case::names_of_docker_hub(|i| format!("docker.io/team{i}"), 1)]
#[case::wildcards(|i| format!("*{i}*.*a*.example.com"), 1)]
#[case::wildcards_and_a_path(|i| format!("*a*.*b*.example.com/p{i}"), 2)]
fn thousands_of_keys_have_their_patterns(#[case] key: fn(usize) -> String, #[case] of_each: usize) {
    let keys: Vec<_> = (0..2_500).map(key).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let derived = derive(&config(&keys));
    assert_eq!(derived.not_derived, []);
    assert_eq!(derived.patterns.len(), 2_500 * of_each);
}

#[test]
fn keys_that_take_too_long_are_reported_and_the_others_have_their_patterns() {
    // No image has `//`: whether other keys have all images of the pattern is looked for.
    let slow = (0..100).map(|i| format!("*{i}a*.*b{i}*.*c*d*.example.com/p//"));
    let keys: Vec<_> = slow.chain(["gcr.io".into()]).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let derived = derive(&config(&keys));
    assert_eq!(derived.patterns.iter().map(ToString::to_string).collect::<Vec<_>>(), ["gcr.io/*"]);
    let last = derived.not_derived.last().map(|not| not.reason.clone());
    let pattern = "*99a*.*b99*.*c*d*.example.com/p/*".into();
    assert_eq!(last, Some(NotDerivedReason::TooMany { pattern }));
}

proptest! {
    /// The law: for whatever a derived pattern matches there is a credential.
    #[test]
    fn what_a_derived_pattern_matches_is_covered(
        keys in prop::collection::vec(
            "!?(https://)?(a\\.io|\\*\\.io|\\*a\\.io:1|docker\\.io|index\\.docker\\.io|localhost|[a:\\[\\]*.]{1,6})(/|/v1/|/a|/a/|/a\\*|/%61|/library|/[a/%.-]{1,5})?",
            1..4,
        ),
        images in prop::collection::vec(
            "((a\\.io|b\\.io|ba\\.io:1|localhost)/)?(a|b|ab|a/a|a/b|library/a|team/a)",
            20,
        ),
    ) {
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let config = config(&keys);
        let keyring = Keyring::new(&config);
        for pattern in derive(&config).patterns {
            for image in &images {
                let image = Reference::parse(image).unwrap();
                prop_assert!(!pattern.matches(&image) || keyring.serves(&image), "{pattern} {image}");
            }
        }
    }
}
