//! `pullpass check --credentials`: credentials that are tried before anything is applied, with the Secrets of
//! the real API server and a real registry.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    docker_config::USER,
    issuer::Issuer,
    registry::Registry,
    run_folder::RunFolder,
};

const PASSWORD: &str = "right-password";

/// What `pullpass check --credentials` says of a table: its exit code and what it prints.
fn check(cluster: &Cluster, table: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = RunFolder::create().unwrap_or_else(|error| panic!("{error}"));
    let file = folder.path().join("config.yaml");
    fs::write(&file, table).expect("the table is written");
    let output = Command::new(env!("CARGO_BIN_EXE_pullpass"))
        .args(["check", "--credentials", "--config"])
        .arg(&file)
        .arg("--kubeconfig")
        .arg(cluster.control_plane().admin_kubeconfig())
        .args(arguments)
        .output()
        .expect("pullpass runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("it is UTF-8"))
}

async fn secret(cluster: &Cluster, password: &str) {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "robot", "namespace": SYSTEM_NAMESPACE},
        "stringData": {"token": password},
    });
    cluster.apply(&object).await;
}

fn table(host: &str) -> String {
    format!(
        "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n\
         - {{name: a, images: [\"{host}/*\"], namespaces: {{names: [x]}}, source: {{basic: {{registry: \"{host}\", username: {USER}, passwordFrom: {{secret: robot, key: token}}}}}}}}\n"
    )
}

#[tokio::test]
async fn an_image_is_found_with_the_right_password_and_not_with_another() {
    let registry = Registry::start(PASSWORD).await;
    let cluster = Cluster::exclusive().await;
    cluster.apply_default_overlay(1).await;
    secret(&cluster, PASSWORD).await;
    let (host, table) = (registry.host(), table(&registry.host()));
    let image = |name: &str| format!("--image={host}/{name}");
    let plain = format!("--plain-http={host}");

    let (code, told) = check(&cluster, &table, &[&plain, &image("team/app:1")]);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains(&format!("credentials: good: a\ncredentials: found: a: {host}/team/app:1\n")),
        "{told}"
    );

    let (code, told) =
        check(&cluster, &table, &[&plain, &image("team/other:1"), &image("team/app:1")]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("team/other:1: the registry has no such image"), "{told}");

    secret(&cluster, "wrong-password").await;
    let (code, told) = check(&cluster, &table, &[&plain, &image("team/app:1"), "-o", "json"]);
    assert_eq!(code, Some(1), "{told}");
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"));
    let reason = "the registry refuses the user name and the password";
    let images = json!([{"image": format!("{host}/team/app:1"), "found": false, "reason": reason}]);
    assert_eq!(told["credentials"], json!([{"entry": "a", "works": false, "images": images}]));

    // Whose certificate is none: it is plain HTTP.
    let (code, told) = check(&cluster, &table, &[&image("team/app:1")]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("the registry cannot be asked"), "{told}");
}

/// One entry's password is not taken for another's.
#[tokio::test]
async fn entries_of_one_registry_are_tried_each_with_its_own_password() {
    let registry = Registry::start(PASSWORD).await;
    let cluster = Cluster::exclusive().await;
    cluster.apply_default_overlay(1).await;
    secret(&cluster, PASSWORD).await;
    let wrong = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong", "namespace": SYSTEM_NAMESPACE},
        "stringData": {"token": "wrong-password"},
    });
    cluster.apply(&wrong).await;
    let host = registry.host();
    let good = table(&host);
    let line = good.lines().last().expect("it has an entry");
    let bad = line.replace("name: a", "name: b").replace("secret: robot", "secret: wrong");
    let image = format!("--image={host}/team/app:1");
    for table in [format!("{good}{bad}\n"), good.replace(line, &format!("{bad}\n{line}"))] {
        let (code, told) = check(&cluster, &table, &[&format!("--plain-http={host}"), &image]);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("found: a: "), "{told}");
        assert!(told.contains("error: b: ") && told.contains("refuses the user name"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_and_tokens_are_told() {
    let issuer = Issuer::start("a-token").await;
    let cluster = Cluster::exclusive().await;
    cluster.apply_default_overlay(1).await;
    let tokens = "- {name: t, images: [\"europe-docker.pkg.dev/p/*\"], namespaces: {names: [x]}, source: {gcp: {registries: [europe-docker.pkg.dev]}}}\n";
    let table = format!("{}{tokens}", table("registry.example.com"));
    let endpoint = format!("--token-endpoint=gcp-metadata={}", issuer.url());

    let (code, told) = check(&cluster, &table, &[&endpoint]);
    assert_eq!(code, Some(1), "{told}");
    let missing =
        "credentials: error: a: there is no Secret robot with the key `token`; create it\n";
    assert!(told.contains(missing), "{told}");
    assert!(told.contains("credentials: good: t: a token until 20"), "{told}");

    issuer.fails();
    let (code, told) = check(&cluster, &table, &[&endpoint]);
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("credentials: error: t: failed to ask the metadata server http://127.0.0.1:"),
        "{told}"
    );

    let (code, told) = check(&cluster, &table, &["--image", "quay.io/a/b"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--image quay.io/a/b: no entry that has a source matches it"), "{told}");

    let (code, told) = check(&cluster, &table, &["--image", "not an image"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--image `not an image` is no image"), "{told}");
}
