//! `pullpass import`: what is printed, what is written, and what is not shown.

use super::run::{Outcome, file, pullpass};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use pullpass::{cli::manifests::Manifests, config};
use rstest::rstest;
use serde_json::{Map, Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const CANARY: &str = "canary-5up3r";

/// A docker config with the canary in every place where a password can stand.
fn planted() -> String {
    let auth = |text: &str| STANDARD.encode(text);
    json!({
        "auths": {
            "gcr.io": {"auth": auth(&format!("u:{CANARY}"))},
            "gcr.io/my-project": {"username": CANARY, "password": CANARY},
            "https://index.docker.io/v1/": {"auth": auth(&format!("{CANARY}:{CANARY}"))},
            "quay.io": {"auth": auth(&format!("u:{CANARY}")), "identitytoken": CANARY},
            "broken.io": {"auth": format!("%{CANARY}")},
            "no-colon.io": {"auth": auth(CANARY)},
            "token.io": {"identitytoken": CANARY, "registrytoken": CANARY},
            "colon.io": {"username": format!("{CANARY}:"), "password": CANARY},
            format!("https://u:{CANARY}@key.io"): {"auth": auth(&format!("u:{CANARY}"))},
            format!("https://key.io/?p={CANARY}"): {"auth": auth(&format!("u:{CANARY}"))},
        },
        "credHelpers": {format!("u:{CANARY}@helper.io"): CANARY, "ecr.io": CANARY},
        "credsStore": CANARY,
        "HttpHeaders": {"X-Token": CANARY},
    })
    .to_string()
}

fn import(config: &str, args: &[&str]) -> Outcome {
    let args = [&["import", "docker-config", "-", "--names", "team-*"], args].concat();
    pullpass(&args).stdin(config).run()
}

/// Whether a text has the canary, plain or encoded.
fn is_shown(said: &Outcome) -> bool {
    let all = format!("{}{}", said.stdout, said.stderr);
    let encoded = |text: String| STANDARD.encode(text).trim_end_matches('=').to_owned();
    let forms = [
        CANARY.to_owned(),
        encoded(CANARY.to_owned()),
        encoded(format!("u:{CANARY}")),
        encoded(format!("{CANARY}:{CANARY}")),
    ];
    forms.iter().any(|form| all.contains(form.as_str()))
}

#[rstest]
#[case(&[])]
#[case(&["-o", "json"])]
fn fault_51_nothing_secret_is_shown(#[case] args: &[&str]) {
    let said = import(&planted(), args);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("<hidden; "), "{said:?}");
    assert!(!is_shown(&said), "{said:?}");
    let shown = import(&planted(), &[args, &["--show-secrets"]].concat());
    let content = STANDARD.encode(format!(
        "{{\"auths\":{{\"gcr.io\":{{\"auth\":\"{}\"}}}}}}",
        STANDARD.encode(format!("u:{CANARY}"))
    ));
    assert!(shown.stdout.contains(&content), "{shown:?}");
    assert!(!shown.stderr.contains(CANARY), "{shown:?}");
}

#[rstest]
#[case("{\"auths\": {\"a.io\": \"canary-5up3r\"}}")]
#[case("{\"auths\": \"canary-5up3r")]
#[case("canary-5up3r")]
#[case("{\"auths\": {}}canary-5up3r")]
fn fault_51_no_error_shows_what_cannot_be_read(#[case] config: &str) {
    let said = import(config, &[]);
    assert_eq!((said.code, &*said.stdout), (1, ""), "{said:?}");
    assert!(
        said.stderr.starts_with("error: failed to import `<stdin>`: the docker config "),
        "{said:?}"
    );
    assert!(!is_shown(&said), "{said:?}");
}

#[test]
fn files_are_written_for_the_owner_and_never_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("made").join("here");
    let to = out.to_str().unwrap();
    let said = import(&planted(), &["--out", to]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!is_shown(&said), "{said:?}");
    let lines: Vec<_> = said.stdout.lines().collect();
    assert!(lines[0].starts_with(&format!("{to}/config.yaml ")), "{said:?}");
    assert!(lines[0].ends_with("  4 entries, for the table"), "{said:?}");
    assert!(lines[1].starts_with(&format!("{to}/secrets.yaml ")), "{said:?}");
    let secrets = out.join("secrets.yaml");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&secrets), 0o600);

    fs::write(out.join("config.yaml"), "mine").unwrap();
    let error = import(&planted(), &["--out", to]).stderr;
    assert!(error.contains("config.yaml` is there already; nothing was written"), "{error}");
    assert_eq!(fs::read_to_string(out.join("config.yaml")).unwrap(), "mine");
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(import(&planted(), &["--out", to, "--force"]).code, 0);
    assert_eq!(mode(&secrets), 0o600);
    assert_ne!(fs::read_to_string(out.join("config.yaml")).unwrap(), "mine");
}

#[test]
fn what_is_written_is_checked_and_matches() {
    let folder = tempfile::tempdir().unwrap();
    let said = import(&planted(), &["--out", folder.path().to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said:?}");
    let (config, secrets) = (folder.path().join("config.yaml"), folder.path().join("secrets.yaml"));
    let said =
        pullpass(&["check", "--config"]).arg(&config).arg("--sources").arg(&secrets).run().done();
    let expected =
        format!("{}: valid: 4 entries, 0 warnings\nsources: in order\n", config.display());
    assert_eq!(said, expected);
    for (image, pull_secrets) in [
        ("gcr.io/my-project/app:1", "gcr-io, gcr-io-my-project"),
        ("gcr.io/other/app:1", "gcr-io"),
        ("nginx", "docker-hub"),
        ("quay.io/team/app", "quay-io"),
    ] {
        let said = pullpass(&["match", image, "--config"]).arg(&config).run().done();
        assert!(said.contains(&format!("  pull secrets  {pull_secrets}\n")), "{said}");
    }
}

#[test]
fn the_table_and_the_secrets_are_documents_of_one_text() {
    let said = import(&planted(), &["--show-secrets"]);
    let manifests = Manifests::read(&said.stdout).unwrap();
    let kinds: Vec<_> = manifests.documents().iter().map(|it| it.value["kind"].clone()).collect();
    assert_eq!(kinds, ["Config", "Secret", "Secret", "Secret", "Secret"]);
    let table = said.stdout.split("---\n").next().unwrap();
    assert_eq!(config::parse(table).unwrap().config.entries().len(), 4);
}

#[test]
fn programs_get_the_same_as_json() {
    let report: Value = serde_json::from_str(&import(&planted(), &["-o", "json"]).stdout).unwrap();
    assert_eq!(report["registries"][0]["source"], json!({"secret": "gcr-io"}));
    assert_eq!(report["secrets"][0]["metadata"]["name"], "gcr-io");
    assert_eq!(report["leftOut"][0]["what"], "an entry that cannot be decoded");
    assert!(report["notes"].as_array().is_some_and(|notes| !notes.is_empty()), "{report}");
}

#[test]
fn where_nothing_is_left_the_exit_code_is_1() {
    let said = import(r#"{"credsStore": "desktop"}"#, &["--out", "/proc/never-made"]);
    assert_eq!((said.code, &*said.stdout), (1, ""), "{said:?}");
    assert!(said.stderr.contains("left out: `credsStore`"), "{said:?}");
    assert!(said.stderr.ends_with("nothing can be taken over\n"), "{said:?}");
}

#[test]
fn without_a_grant_it_says_what_to_write() {
    let said = pullpass(&["import", "docker-config", "-"]).stdin(planted()).run();
    assert_eq!((said.code, &*said.stdout), (2, ""), "{said:?}");
    for words in [
        "--names GLOB",
        "--names '*' says all",
        "--selector KEY=VALUE",
        "pullpass import docker-config",
    ] {
        assert!(said.stderr.contains(words), "{words}: {said:?}");
    }
}

/// Secrets as kubectl prints them: two of REANA's, one of which is labelled, and one elsewhere.
fn secrets() -> String {
    let secret = |namespace: &str, name: &str, key: &str| {
        let config = json!({"auths": {key: {"auth": STANDARD.encode(format!("u:{CANARY}"))}}});
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": STANDARD.encode(config.to_string())},
        })
    };
    let mut labelled = secret("reana", "docker-hub", "https://index.docker.io/v1/");
    labelled["metadata"]["labels"] = json!({"run.ai/cluster-wide": "true"});
    let items =
        [secret("reana", "gitlab", "registry.gitlab.com"), labelled, secret("x", "gone", "a.io")];
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn import_secrets(args: &[&str]) -> Outcome {
    let args = [&["import"], args, &["-n", "reana", "-f", "-"]].concat();
    pullpass(&args).stdin(secrets()).run()
}

#[test]
fn secrets_of_a_list_are_taken_from_manifests() {
    let args = [
        "secrets",
        "gitlab,docker-hub,gone,gitlab",
        "--selector",
        "app=reana,tier=jobs",
        "--except",
        "reana-x",
    ];
    let said = import_secrets(&args);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!is_shown(&said), "{said:?}");
    for line in [
        "left out: the Secret reana/gone: there is none of this name",
        "left out: the Secret reana/gitlab: the list names it twice",
        "taken over: entry `gitlab`: reana/gitlab",
    ] {
        assert!(said.stderr.contains(line), "{line}: {said:?}");
    }
    let table = config::parse(said.stdout.split("---\n").next().unwrap()).unwrap().config;
    let entries: Vec<_> =
        table.entries().iter().map(|it| (&*it.name, it.images[0].as_str())).collect();
    assert_eq!(entries, [("gitlab", "registry.gitlab.com/*"), ("docker-hub", "docker.io/*")]);
    let labels = |tier: &str| [("app", "reana"), ("tier", tier)].into_iter().collect();
    let rule = &table.entries()[0].namespaces;
    assert!(rule.decide("a", Some(&labels("jobs"))).is_ok());
    assert!(rule.decide("a", Some(&labels("web"))).is_err());
    assert!(rule.decide("reana-x", Some(&labels("jobs"))).is_err());
}

#[test]
fn labelled_secrets_are_entries_or_are_shared_by_label() {
    let said = import_secrets(&["labelled", "run.ai/cluster-wide=true", "--names", "runai-*"]);
    assert_eq!(said.code, 0, "{said:?}");
    let manifests = Manifests::read(&said.stdout).unwrap();
    let registries = &manifests.documents()[0].value["registries"];
    assert_eq!(
        (&registries[0]["name"], registries.as_array().map(Vec::len)),
        (&json!("docker-hub"), Some(1))
    );

    let said =
        import_secrets(&["labelled", "run.ai/cluster-wide", "--names", "runai-*", "--share"]);
    let manifests = Manifests::read(&said.stdout).unwrap();
    let secret = &manifests.documents()[0].value;
    assert_eq!((manifests.documents().len(), &secret["kind"]), (1, &json!("Secret")), "{said:?}");
    assert_eq!(secret["metadata"]["labels"]["pullpass.io/share"], "true");
    assert_eq!(
        secret["metadata"]["annotations"]["pullpass.io/namespaces"],
        r#"{"names":["runai-*"]}"#
    );

    let said = import_secrets(&["labelled", "run.ai/cluster-wide=false", "--names", "*"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stderr.contains("Secrets labelled run.ai/cluster-wide=false in reana: there are none"),
        "{said:?}"
    );
}

#[rstest]
#[case("kind: Secret\ndata: canary-5up3r\n")]
#[case("kind: Secret\ndata: {.dockerconfigjson: canary-5up3r}\n")]
#[case("kind: Secret\nmetadata: canary-5up3r\n")]
#[case("{\"kind\": \"Secret\", \"data\": {\"a\": 5, \"b\": \"canary-5up3r\"}}")]
#[case("a: [canary-5up3r\n")]
fn fault_51_no_error_about_manifests_shows_what_they_hold(#[case] manifests: &str) {
    let manifests = file(manifests);
    let call = pullpass(&["import", "secrets", "a", "-n", "b", "--names", "*", "-f"]);
    let said = call.arg(manifests.path()).run();
    assert_eq!((said.code, &*said.stdout), (1, ""), "{said:?}");
    assert!(!is_shown(&said), "{said:?}");
}

/// Whatever may stand in an entry of a docker config.
fn entry() -> impl Strategy<Value = Value> {
    let password = CANARY;
    let encoded = STANDARD.encode(format!("u:{password}"));
    prop_oneof![
        4 => Just(json!({"auth": encoded})),
        2 => Just(json!({"username": "u", "password": password})),
        1 => Just(json!({"auth": password})),
        1 => Just(json!({"username": password, "password": password})),
        1 => Just(json!({"identitytoken": password})),
        1 => Just(json!({"auth": encoded, password: password})),
        1 => Just(json!(password)),
        1 => Just(json!({"auth": [password]})),
    ]
}

fn key() -> impl Strategy<Value = String> {
    let host = "[a-z]{1,5}(\\.[a-z]{2,4}){0,2}(:[0-9]{2,4})?";
    prop_oneof![
        6 => host.prop_map(|host: String| host),
        4 => "(https?://)?[a-z*]{1,5}\\.[a-z]{2,3}(/[a-z0-9_.-]{1,6}){0,3}/?",
        2 => "(https://)?(index\\.)?docker\\.io(/v1/)?(/[a-z]{1,4})?",
        1 => "\\PC{0,20}",
        1 => "[A-Z]{1,3}\\.io",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Law: whatever the docker config, what is printed is a table that is not refused, and shows no
    /// password.
    #[test]
    fn fault_51_whatever_is_imported_parses_and_shows_nothing(
        keys in proptest::collection::vec(key(), 0..6),
        entries in proptest::collection::vec(entry(), 6),
        helper in proptest::option::of(key()),
    ) {
        let auths: Map<_, _> = keys.into_iter().zip(entries).collect();
        let helpers: Map<_, _> = helper.into_iter().map(|key| (key, json!("ecr-login"))).collect();
        let config = json!({"auths": auths, "credHelpers": helpers}).to_string();
        let said = import(&config, &[]);
        prop_assert!(!is_shown(&said), "{} {:?}", config, said);
        prop_assert!(matches!(said.code, 0 | 1), "{} {:?}", config, said);
        prop_assert!(!said.stderr.contains("error: the entries"), "{} {:?}", config, said);
        if said.code == 0 {
            let table = said.stdout.split("---\n").next().unwrap_or_default();
            prop_assert!(config::parse(table).is_ok(), "{} {:?}", config, said);
        }
    }
}
