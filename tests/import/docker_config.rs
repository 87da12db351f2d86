//! A docker config, split by registry.

use crate::words::{NOW, auth, content, entries, imported, left_out, teams, told};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pullpass::import::{config_text, from_docker_config};
use rstest::rstest;
use serde_json::json;

/// What GitLab's manual has under "Access an image from a private container registry", and the login of
/// Docker Hub.
#[rstest]
#[case::one(
    r#"{"auths": {"registry.example.com:5000": {"auth": "bXlfdXNlcm5hbWU6bXlfcGFzc3dvcmQ="}}}"#,
    &["registry-example-com-5000: registry.example.com:5000/*"],
    &[]
)]
#[case::docker_hub(
    r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bXlfdXNlcm5hbWU6bXlfcGFzc3dvcmQ="}}}"#,
    &["docker-hub: docker.io/*"],
    &[]
)]
#[case::several(
    r#"{"auths": {"registry.example.com:5000": {"auth": "bXlfdXNlcm5hbWU6bXlfcGFzc3dvcmQ="},
        "registry.example.com/namespace": {"auth": "dTpw"}}}"#,
    &["registry-example-com-5000: registry.example.com:5000/*",
      "registry-example-com-namespace: registry.example.com/namespace registry.example.com/namespace/*"],
    &[]
)]
#[case::creds_store(r#"{"credsStore": "osxkeychain"}"#, &[], &["`credsStore`: the kubelet asks no keychain"])]
#[case::a_store_for_ecr(r#"{"credsStore": "ecr-login"}"#, &[], &["`credsStore`: the kubelet runs no helper such as `ecr-login`: write an entry whose source is of the kind `ecr`"])]
#[case::cred_helpers(
    r#"{"credHelpers": {"registry.example.com:5000": "osxkeychain"}}"#,
    &[],
    &["`credHelpers` of the registry `registry.example.com:5000`: the kubelet asks no keychain"]
)]
#[case::a_helper_for_ecr(
    r#"{"credHelpers": {"123456789012.dkr.ecr.eu-west-1.amazonaws.com": "ecr-login"}}"#,
    &[],
    &["with this entry Pullpass fetches the tokens itself, once it has an identity that may ask Amazon ECR"]
)]
fn the_examples_of_gitlab(
    #[case] config: &str,
    #[case] expected: &[&str],
    #[case] not_taken: &[&str],
) {
    let plan = imported(config);
    assert_eq!(entries(&plan), expected);
    told(&left_out(&plan), not_taken);
}

#[rstest]
#[case::broken_base64("a.io", json!({"auth": "%%"}), "is not base64")]
#[case::no_colon("a.io", json!({"auth": "dXA="}), "has no `:`")]
#[case::identity_token("a.io", json!({"auth": "dTo=", "identitytoken": "t"}), "an `identitytoken`, which the kubelet ignores")]
#[case::nothing("a.io", json!({}), "neither a user name nor a password")]
#[case::a_colon_in_the_user("a.io", json!({"username": "a:b", "password": "c"}), "its user name has a `:`")]
#[case::upper_case(
    "A.io/team",
    auth("u", "p"),
    "GitLab's runner takes it for `a.io/team`: write that"
)]
#[case::a_scheme_in_capitals("HTTPS://a.io", auth("u", "p"), "no image can be of the registry")]
#[case::docker_hub_by_another_name(
    "registry-1.docker.io",
    auth("u", "p"),
    "write `https://index.docker.io/v1/`"
)]
#[case::docker_hub_with_a_port(
    "docker.io:443",
    auth("u", "p"),
    "write `https://index.docker.io/v1/`"
)]
#[case::token_of_docker_desktop(
    "https://index.docker.io/v1/access-token",
    auth("u", "p"),
    "the registry `https://index.docker.io/v1/access-token`"
)]
#[case::no_host("registry", auth("u", "p"), "no image can be of the registry `registry`")]
#[case::a_bad_port("a.io:x", auth("u", "p"), "no image can be of the registry")]
#[case::a_user_in_the_key(
    "https://u:hunter2@a.io",
    auth("u", "p"),
    "the registry `<redacted>@a.io`: the key holds more"
)]
fn what_the_kubelet_ignores_is_left_out(
    #[case] key: &str,
    #[case] entry: serde_json::Value,
    #[case] reason: &str,
) {
    let config = json!({"auths": {"good.io": auth("u", "p"), key: entry}}).to_string();
    let plan = imported(&config);
    assert_eq!(entries(&plan), ["good-io: good.io/*"], "one does not spoil the others");
    told(&left_out(&plan), &[reason]);
    assert!(!format!("{plan:?}").contains("hunter2"), "{plan:?}");
}

#[test]
fn what_is_left_out_for_a_helper_has_the_entry_that_would_do() {
    let config = json!({
        "auths": {"kept.io": {}, "https://index.docker.io/v1/": {}, "own.io": auth("u", "p")},
        "credHelpers": {
            "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com": "ecr-login",
            "eu.gcr.io": "gcloud",
            "team.azurecr.io": "acr-env",
            "registry.example.com": "gcloud",
            "u:hunter2@x.io": "pass",
        },
        "credsStore": "desktop",
    });
    let plan = imported(&config.to_string());
    assert_eq!(entries(&plan), ["own-io: own.io/*"]);
    told(
        &left_out(&plan),
        &[
            "ecr-fips.us-east-1.amazonaws.com`: the kubelet runs no helper such as `ecr-login`",
            "`credHelpers` of the registry `eu.gcr.io`: the kubelet runs no helper such as `gcloud`",
            "once it has an identity that may ask Azure for them",
            "such as `gcloud`, and the host is none of Google: make the Secret registry-example-com",
            "`credHelpers` of the registry `<redacted>@x.io`: the kubelet asks no keychain",
            "the registry `kept.io`, kept in `credsStore`: the kubelet asks no keychain: make the Secret kept-io",
            "make the Secret docker-hub",
        ],
    );
    let instead = plan.left_out.iter().map(|it| Some(it.instead.as_ref()?.to_line()));
    let instead: Vec<_> = instead.collect();
    let with = |name: &str, image: &str, source: &str| {
        Some(format!(
            r#"{{"name":"{name}","images":["{image}"],"namespaces":{{"names":["team-*"]}},"source":{source}}}"#
        ))
    };
    let of = |name: &str, image: &str| with(name, image, &format!(r#"{{"secret":"{name}"}}"#));
    assert_eq!(
        instead,
        [
            with(
                "123456789012-dkr-ecr-fips-us-east-1-amazonaws-com",
                "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/*",
                r#"{"ecr":{"accounts":["123456789012"],"region":"us-east-1","fips":true}}"#,
            ),
            with("eu-gcr-io", "eu.gcr.io/*", r#"{"gcp":{"registries":["eu.gcr.io"]}}"#),
            with(
                "team-azurecr-io",
                "team.azurecr.io/*",
                r#"{"acr":{"registries":["team.azurecr.io"]}}"#,
            ),
            of("registry-example-com", "registry.example.com/*"),
            None,
            of("kept-io", "kept.io/*"),
            of("docker-hub", "docker.io/*"),
        ]
    );
    told(&plan.notes, &["`own.io`: docker and GitLab's runner take what `credsStore` has before"]);
    let tokens: Vec<_> = plan.left_out.iter().filter_map(|it| it.instead.clone()).collect();
    let table = config_text(&tokens).unwrap();
    let parsed = pullpass::config::parse(&table).unwrap();
    assert_eq!(parsed.warnings, [], "each credential covers the images of its entry: {table}");
}

#[test]
fn a_registry_that_is_written_in_several_ways_is_one() {
    let same = json!({"auths": {
        "https://a.io/v2/": auth("u", "p"), "http://a.io": auth("u", "p"), "a.io": auth("u", "p"),
    }});
    let plan = imported(&same.to_string());
    assert_eq!(entries(&plan), ["a-io: a.io/*"]);
    assert_eq!(content(&plan, "a-io"), json!({"auths": {"a.io": auth("u", "p")}}));
    told(
        &plan.notes,
        &[
            "`https://a.io/v2/`, `http://a.io`, `a.io` are one registry to the kubelet, with one credential",
        ],
    );

    let others = json!({"auths": {"https://a.io": auth("u", "p"), "a.io": auth("u", "q")}});
    let plan = imported(&others.to_string());
    assert_eq!(entries(&plan), ["a-io: a.io/*"]);
    assert_eq!(content(&plan, "a-io"), others, "the kubelet tries both");
    told(&plan.notes, &["with several credentials: it tries them all"]);
}

#[test]
fn of_a_key_that_is_written_twice_the_last_counts() {
    let config = r#"{"auths": {"a.io": {"auth": "dTpw"}, "a.io": {"auth": "dTpx"}, "b.io": {"auth": "%"}, "b.io": {"auth": "dTpw"}}}"#;
    let plan = imported(config);
    assert_eq!(entries(&plan), ["a-io: a.io/*", "b-io: b.io/*"]);
    assert_eq!(content(&plan, "a-io"), json!({"auths": {"a.io": {"auth": "dTpx"}}}));
    told(&left_out(&plan), &["`b.io` is not base64", "an earlier entry of the registry `a.io`"]);
}

#[test]
fn beside_docker_io_the_fallback_is_never_used() {
    let hub = |key: &str| json!({"auths": {"https://index.docker.io/v1/": auth("u", "p"), key: auth("u", "q")}});
    let plan = imported(&hub("docker.io").to_string());
    assert_eq!(entries(&plan), ["docker-hub: docker.io/*"]);
    assert_eq!(content(&plan, "docker-hub"), json!({"auths": {"docker.io": auth("u", "q")}}));
    told(&left_out(&plan), &["only where nothing else matches"]);
    let plan = imported(&hub("docker.io/my-org").to_string());
    assert_eq!(
        entries(&plan),
        ["docker-hub: docker.io/*", "docker-hub-my-org: docker.io/my-org/*"]
    );
}

#[test]
fn a_token_that_has_ended_is_left_out_and_one_that_will_is_told() {
    let jwt =
        |exp: i64| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{exp}}}"#)));
    let user = "00000000-0000-0000-0000-000000000000";
    let config = json!({"auths": {
        "old.azurecr.io": auth(user, &jwt(NOW)),
        "new.azurecr.io": auth(user, &jwt(NOW + 1)),
        "1.dkr.ecr.eu-west-1.amazonaws.com": auth("AWS", "p"),
    }});
    let plan = imported(&config.to_string());
    assert_eq!(plan.entries.len(), 2);
    told(
        &left_out(&plan),
        &[
            "the registry `old.azurecr.io`: its password is a token that ended at 2023-11-14T22:13:20Z",
        ],
    );
    told(
        &plan.notes,
        &[
            "that ends at 2023-11-14T22:13:21Z: a source of the kind `ecr`, `gcp` or `acr` fetches",
            "a token of ECR, which lives 12 hours",
        ],
    );
}

#[test]
fn where_gitlabs_runner_differs_it_is_said() {
    let config = json!({"auths": {
        "https://a.io/team": auth("u", "1"), "b.io": auth("u", "2"), "b.io/team": auth("u", "3"),
        "*.c.io": auth("u", "4"), "index.docker.io": auth("u", "5"),
    }});
    told(
        &imported(&config.to_string()).notes,
        &[
            "the registry `https://a.io/team`: GitLab's runner takes it for `a.io`, the kubelet for `a.io/team`",
            "the registry `*.c.io`: for the kubelet `*` stands for a part of the host",
            "images of `b.io/team`: the kubelet tries the credential of `b.io/team` first, as GitLab's runner does, and then, if the registry refuses it, that of `b.io`",
            "a Pod that has the Secret of `a.io/team`, `b.io/team` tries it for images of a longer name",
        ],
    );
}

#[rstest]
#[case("", "the docker config is empty")]
#[case("not json hunter2", "is not JSON: there is a slip at line 1")]
#[case(r#"{"auths": {"a.io": "hunter2"}}"#, "the registry `a.io` must have an object")]
#[case(r#"{"auths": ["hunter2"]}"#, "`auths` must be an object")]
fn what_is_no_docker_config_is_refused(#[case] config: &str, #[case] reason: &str) {
    let error = from_docker_config(config.as_bytes(), &teams(), NOW).unwrap_err().to_string();
    assert!(error.contains(reason) && !error.contains("hunter2"), "{error}");
}

#[test]
fn what_else_a_docker_config_has_is_told() {
    let plan = imported(r#"{"HttpHeaders": {"a": "b"}, "currentContext": "c"}"#);
    assert!(plan.is_empty());
    told(&plan.notes, &["no entry", "`HttpHeaders`", "`currentContext`"]);
}
