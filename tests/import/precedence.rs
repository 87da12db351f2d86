//! Which credential the kubelet shows first is the same before and after.

use crate::words::{auth, imported};
use proptest::prelude::*;
use pullpass::{
    config,
    credentials::{DockerConfig, Entry, Keyring, SecretKind},
    image::{Reference, Scratch},
    import::{Plan, config_text},
};
use rstest::rstest;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

fn read(text: &str) -> DockerConfig {
    DockerConfig::parse(SecretKind::DockerConfigJson, text.as_bytes()).unwrap()
}

fn shown(entry: &Entry) -> String {
    String::from_utf8_lossy(entry.password().expose()).into_owned()
}

/// The passwords that the kubelet shows for an image, in its order, with a docker config of all.
fn before(config: &str, image: &str) -> Vec<String> {
    let config = read(config);
    Keyring::new(&config).lookup(&Reference::parse(image).unwrap()).into_iter().map(shown).collect()
}

/// The same, with the Secrets that the entries give a Pod with this image.
fn after(plan: &Plan, image: &str) -> Vec<String> {
    let reference = Reference::parse(image).unwrap();
    let config = config::parse(&config_text(&plan.entries).unwrap()).unwrap().config;
    let mut scratch = Scratch::default();
    let hits: BTreeSet<_> = config.hits(&reference, &mut scratch).map(|hit| hit.entry).collect();
    let mut auths = Map::new();
    for position in hits {
        let secret = &config.entries()[position].source.as_ref().unwrap().secret;
        let content = plan.secrets.iter().find(|it| *it.name == **secret).unwrap();
        let content: Value = serde_json::from_slice(&content.content).unwrap();
        auths.extend(content["auths"].as_object().unwrap().clone());
    }
    before(&json!({ "auths": auths }).to_string(), image)
}

/// Most specific first, as GitLab's manual has it for the runner.
#[rstest]
#[case("registry.example.com/group/project/app:1", &["project", "group", "host"])]
#[case("registry.example.com/group/other:1", &["group", "host"])]
#[case("registry.example.com/elsewhere/app:1", &["host"])]
#[case("registry.example.com/group:1", &["group", "host"])]
#[case("registry.example.com:5000/group/app:1", &["port"])]
#[case("my-org/app:1", &["my-org"])]
#[case("nginx:1", &["hub"])]
#[case("quay.io/app:1", &[])]
fn the_most_specific_path_comes_first(#[case] image: &str, #[case] expected: &[&str]) {
    let config = json!({"auths": {
        "registry.example.com": auth("u", "host"),
        "registry.example.com/group": auth("u", "group"),
        "registry.example.com/group/project": auth("u", "project"),
        "registry.example.com:5000": auth("u", "port"),
        "https://index.docker.io/v1/": auth("u", "hub"),
        "docker.io/my-org": auth("u", "my-org"),
    }})
    .to_string();
    assert_eq!(before(&config, image), expected);
    assert_eq!(after(&imported(&config), image), expected);
}

#[test]
fn a_longer_name_is_another_one() {
    let config = json!({"auths": {"a.io/team": auth("u", "team"), "a.io": auth("u", "host")}});
    let config = config.to_string();
    let image = "a.io/team-other/app:1";
    assert_eq!(before(&config, image), ["team", "host"], "the kubelet compares text");
    assert_eq!(after(&imported(&config), image), ["host"], "the entries keep to the `/`");
}

const KEYS: [&str; 14] = [
    "a.example",
    "https://a.example/v2/",
    "a.example/team",
    "a.example/team/",
    "a.example/team/app",
    "https://a.example/other",
    "*.example",
    "a.example:5000",
    "docker.io",
    "index.docker.io",
    "https://index.docker.io/v1/",
    "docker.io/my-org",
    "docker.io/library",
    "A.example",
];
const IMAGES: [&str; 9] = [
    "a.example/team/app:1",
    "a.example/team/app/deeper:1",
    "a.example/team/lib:1",
    "a.example/other:1",
    "a.example/free/app:1",
    "b.example/app:1",
    "a.example:5000/team/app:1",
    "my-org/app:1",
    "nginx:1",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Law: with the entries and Secrets that come of a docker config, the kubelet shows the registry the
    /// same credentials in the same order as with the docker config itself.
    #[test]
    fn the_kubelet_shows_the_same(keys in proptest::sample::subsequence(&KEYS[..], 1..8)) {
        let auths: Map<_, _> =
            keys.iter().map(|key| (key.to_string(), auth("u", &format!("of {key}")))).collect();
        let config = json!({ "auths": auths }).to_string();
        let plan = imported(&config);
        prop_assume!(!plan.entries.is_empty());
        for image in IMAGES {
            prop_assert_eq!(after(&plan, image), before(&config, image), "{} {:?}", image, keys);
        }
    }
}
