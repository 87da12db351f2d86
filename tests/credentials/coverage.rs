//! Coverage: for which of a pattern's images a docker config has a credential.

use crate::config;
use proptest::prelude::*;
use pullpass::{
    credentials::{Coverage, Keyring},
    image::{Pattern, Reference},
};
use rstest::rstest;

fn coverage(pattern: &str, keys: &[&str]) -> Coverage {
    let config = config(keys);
    Keyring::new(&config).coverage(&Pattern::parse(pattern).unwrap())
}

#[rstest]
#[case::host("gcr.io/*", &["gcr.io"])]
#[case::host_for_one_image("gcr.io/p/a:v*", &["gcr.io"])]
#[case::path("gcr.io/p/*", &["gcr.io/p"])]
#[case::path_with_its_slash("gcr.io/p/*", &["gcr.io/p/"])]
#[case::a_key_path_is_a_prefix_of_text("gcr.io/project/*", &["gcr.io/pro"])]
#[case::the_wildcard_after_the_prefix("gcr.io/pro*", &["gcr.io/pro"])]
#[case::as_docker_login_writes_it("reg.example.com/*", &["https://reg.example.com/v2/"])]
#[case::glob_in_the_key("reg.example.com/*", &["*.example.com"])]
#[case::the_same_globs("*.example.com/*", &["*.example.com"])]
#[case::a_wider_glob("a*.example.com/*", &["*.example.com"])]
#[case::a_wider_glob_with_a_port("reg-*.example.com:5000/*", &["r*.*.com:5000"])]
#[case::two_keys_for_one_label("a*b.io/*", &["a*", "*b.io"])]
#[case::docker_hub_by_its_old_name("docker.io/*", &["https://index.docker.io/v1/"])]
#[case::docker_hub_by_its_new_name("docker.io/*", &["docker.io"])]
#[case::official_images("docker.io/nginx", &["docker.io/library"])]
#[case::fallback_beside_a_path("docker.io/*", &["docker.io/team", "index.docker.io"])]
#[case::localhost_falls_back_as_well("localhost/*", &["index.docker.io"])]
#[case::ipv6_with_a_port("[fd00::1]:5000/*", &["[fd00::1]:5000"])]
#[case::ipv6_is_one_label("[fd00::1]:5000/*", &["*:5000"])]
#[case::one_of_many("gcr.io/*", &["quay.io", "!gcr.io/p", "gcr.io"])]
#[case::a_pattern_without_images("gcr.io/*:-*", &[])]
fn covered(#[case] pattern: &str, #[case] keys: &[&str]) {
    assert_eq!(coverage(pattern, keys), Coverage::Covered, "{pattern} by {keys:?}");
}

#[rstest]
#[case::one_project("gcr.io/*", &["gcr.io/p"], "gcr.io/x")]
#[case::one_repository("gcr.io/p/*", &["gcr.io/p/a"], "gcr.io/p/x")]
#[case::a_tag("gcr.io/p/*:v*", &["gcr.io/p/a"], "gcr.io/p/x:v")]
#[case::a_slash_in_the_key("gcr.io/p*", &["gcr.io/p/"], "gcr.io/p")]
#[case::one_host("*.example.com/*", &["reg.example.com"], "x.example.com/x")]
#[case::a_host_and_a_path("*.example.com/*", &["*.example.com/team"], "x.example.com/x")]
#[case::a_narrower_glob("*.example.com/*", &["*.example.com/xa", "a*.example.com"], "x.example.com/x")]
#[case::docker_hub_path("docker.io/*", &["docker.io/team"], "docker.io/x/x")]
#[case::official_images("docker.io/*", &["docker.io/library"], "docker.io/x/x")]
#[case::everything("*", &["gcr.io"], "registry.example.com/team/image")]
#[case::everything_more("*", &["*.*.*"], "X/x")]
#[case::everything_but_one("*", &["!gcr.io/p", "gcr.io/p/a"], "registry.example.com/team/image")]
#[case::no_credential_in_the_way("docker.io/*", &["!docker.io/team", "index.docker.io"], "docker.io/team/x")]
fn partly(#[case] pattern: &str, #[case] keys: &[&str], #[case] without: &str) {
    let expected = Coverage::Partly { without: Some(without.into()) };
    assert_eq!(coverage(pattern, keys), expected, "{pattern} by {keys:?}");
}

#[rstest]
#[case::no_keys("gcr.io/p/*", &[], "gcr.io/p/x")]
#[case::another_host("gcr.io/p/*", &["eu.gcr.io", "xgcr.io", "gcr.io.evil.com"], "gcr.io/p/x")]
#[case::the_port_is_compared_as_written("gcr.io/*", &["gcr.io:443"], "gcr.io/x")]
#[case::fewer_labels("a.b.example.com/*", &["*.example.com", "*.*"], "a.b.example.com/x")]
#[case::more_labels("example.com/*", &["*.example.com"], "example.com/x")]
#[case::another_case("gcr.io/*", &["GCR.io"], "gcr.io/x")]
#[case::another_project("gcr.io/p/*", &["gcr.io/q"], "gcr.io/p/x")]
#[case::no_credential("gcr.io/p/*", &["!gcr.io"], "gcr.io/p/x")]
#[case::no_credential_suppresses_the_fallback("docker.io/a/b", &["!docker.io", "index.docker.io"], "docker.io/a/b")]
#[case::the_old_name_with_a_path("docker.io/*", &["index.docker.io/team"], "docker.io/x/x")]
#[case::the_api_host_of_docker_hub("docker.io/*", &["registry-1.docker.io"], "docker.io/x/x")]
#[case::the_old_name_with_a_version("docker.io/nginx:1.*", &["https://index.docker.io/v1"], "docker.io/library/nginx:1.")]
#[case::wildcards_are_for_hosts("gcr.io/p*/a", &["gcr.io/p*"], "gcr.io/p/a")]
#[case::ipv6_without_a_port_is_a_glob("[fd00::1]/*", &["[fd00::1]"], "[fd00::1]/x")]
#[case::everything("*", &["!gcr.io", "index.docker.io/team"], "registry.example.com/team/image")]
#[case::a_path_that_no_image_has("reg.io/*", &["reg.io/Team", "reg.io/a..b", "reg.io/-"], "reg.io/x")]
fn uncovered(#[case] pattern: &str, #[case] keys: &[&str], #[case] without: &str) {
    let expected = Coverage::Uncovered { without: Some(without.into()) };
    assert_eq!(coverage(pattern, keys), expected, "{pattern} by {keys:?}");
}

#[test]
fn fault_36_pathological_globs_end() {
    let labels = "*a*b".repeat(30);
    let keys: Vec<_> = (0..200).map(|i| format!("{}*{i}.io/{i}", "*a*b".repeat(i))).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let path = "*a".repeat(100);
    let pattern = format!("{labels}.io/{path}*b*");
    assert!(matches!(coverage(&pattern, &keys), Coverage::Partly { .. }));
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "(a|b|ab|\\*|a\\*|\\*b|a\\*b)\\.(io|\\*o|i)(:1)?",
        2 => "(docker|index\\.docker|\\*\\.docker|\\*)\\.io",
        1 => "(localhost|a\\.b\\.io|[aA*]|\\*:1|\\[::1\\](:1)?)",
    ]
}

fn key() -> impl Strategy<Value = String> {
    let path = "(/|/v1/|/v2/|/a|/a/|/b|/ab|/a/b|/library|/A|/a\\*)?";
    ("(!)?(https://)?", host(), path)
        .prop_map(|(before, host, path)| format!("{before}{host}{path}"))
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let path = "(\\*|a|a\\*|\\*b|a/\\*|a/b|b/\\*|library/\\*|a\\*/\\*b)";
    let text = (host(), path, "(:\\*a|:1)?").prop_map(|(h, p, t)| format!("{h}/{p}{t}"));
    let pattern = prop_oneof![9 => text, 1 => Just("*".to_owned())];
    pattern.prop_filter_map("a pattern", |text| Pattern::parse(&text).ok())
}

fn image() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        3 => "(a|b|ab|aab)\\.(io|o|i)(:1)?/",
        2 => "(docker\\.io|index\\.docker\\.io|x\\.docker\\.io|localhost|A)/",
        1 => "(a\\.b\\.io|\\[::1\\](:1)?|a:1|a_b\\.io)/",
        1 => "",
    ];
    (host, "[ab]{1,3}(/[ab]{1,2})?|library/a", "(:1|:a|:ba)?").prop_map(|(h, p, t)| h + &p + &t)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The law, on whatever images come along; and the example is what it says.
    #[test]
    fn coverage_holds_for_every_image(
        pattern in pattern(),
        keys in prop::collection::vec(key(), 0..4),
        images in prop::collection::vec(image(), 50),
    ) {
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let config = config(&keys);
        let keyring = Keyring::new(&config);
        let coverage = keyring.coverage(&pattern);
        for image in &images {
            let image = Reference::parse(image).unwrap();
            if pattern.matches(&image) {
                match coverage {
                    Coverage::Covered => prop_assert!(keyring.serves(&image), "{image}"),
                    Coverage::Uncovered { .. } => prop_assert!(!keyring.serves(&image), "{image}"),
                    Coverage::Partly { .. } => {}
                }
            }
        }
        match coverage.without() {
            Some(example) => {
                let image = Reference::parse(example).unwrap();
                prop_assert!(pattern.matches(&image) && !keyring.serves(&image), "{}", example);
            }
            None => prop_assert_eq!(coverage, Coverage::Covered),
        }
    }
}
