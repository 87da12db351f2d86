//! `--sources`: check and explain look into the Secrets that entries copy.

use super::run::{Outcome, file, pullpass};
use serde_json::{Value, json};
use std::io::Write;
use tempfile::NamedTempFile;

const CONFIG: &str = "\
apiVersion: pullpass.io/v1
kind: Config
registries:
- {name: team, images: [gcr.io/team/*, quay.io/team/*], namespaces: {names: ['*']}, source: {secret: team}}
- {name: given, images: [gcr.io/given/*]}
";
const POD: &str = "\
{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {initContainers: [{name: i, image: quay.io/team/a}],
containers: [{name: c, image: gcr.io/team/a}, {name: d, image: docker.io/my-org/a}]}}
";
/// user:hidden-word, and a shared one for Docker Hub, as kubectl prints them.
fn secrets() -> Value {
    let auths =
        |key: &str| json!({"auths": {key: {"auth": "dXNlcjpoaWRkZW4td29yZA=="}}}).to_string();
    let secret = |name: &str, content: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "pullpass-system"},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": content},
        })
    };
    let mut shared = secret("hub", &auths("https://index.docker.io/v1/"));
    shared["metadata"]["labels"] = json!({"pullpass.io/share": "true"});
    let mut elsewhere = secret("team", "{}");
    elsewhere["metadata"]["namespace"] = json!("other");
    let list = [secret("team", &auths("gcr.io")), shared, elsewhere];
    json!({"apiVersion": "v1", "kind": "List", "items": list})
}

fn config_file() -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(CONFIG.as_bytes()).unwrap();
    file
}

fn check(secrets: &Value, args: &[&str]) -> Outcome {
    let config = config_file();
    let call = pullpass(&[&["check", "--sources", "-", "--config"], &[][..]].concat());
    let mut call = call.arg(config.path());
    for arg in args {
        call = call.arg(arg);
    }
    call.stdin(secrets.to_string()).run()
}

#[test]
fn patterns_that_no_credential_covers_are_warned_of() {
    let said = check(&secrets(), &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let warning = "sources: warning: the credentials in the Secret team cover no image of the pattern `quay.io/team/*`";
    assert!(said.stdout.contains(warning), "{said:?}");
    assert!(!said.stdout.contains("hidden"), "{said:?}");
}

#[test]
fn a_source_that_is_missing_or_broken_is_an_error() {
    let mut none = secrets();
    none["items"] = json!([]);
    let mut broken = secrets();
    broken["items"][0]["stringData"] =
        json!({".dockerconfigjson": "{\"auths\": {\"a\": {\"identitytoken\": \"hidden\"}}}"});
    let mut not_base64 = secrets();
    not_base64["items"][0]["stringData"] = json!({});
    not_base64["items"][0]["data"] = json!({".dockerconfigjson": "hidden?"});
    let mut opaque = secrets();
    opaque["items"][0]["type"] = json!("Opaque");
    let mut rule = secrets();
    rule["items"][1]["metadata"]["annotations"] = json!({"pullpass.io/namespaces": "{name: a}"});
    for (secrets, reason) in [
        (none, "copies the Secret team, which does not exist"),
        (broken, "cannot copy the Secret team: it holds no credential"),
        (not_base64, "cannot copy the Secret team: its key `.dockerconfigjson` is not base64"),
        (opaque, "cannot copy the Secret team: its type is Opaque"),
        (rule, "the Secret hub is labelled to be shared, but its annotation"),
    ] {
        let said = check(&secrets, &[]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.stdout.contains("valid"), "the configuration itself is: {said:?}");
        let error = said.stdout.lines().find(|line| line.starts_with("sources: error:"));
        assert!(error.is_some_and(|line| line.contains(reason)), "{reason}: {said:?}");
        assert!(!said.stdout.contains("hidden") && !said.stderr.contains("hidden"), "{said:?}");
    }
}

#[test]
fn programs_get_the_same_as_json() {
    let said = check(&secrets(), &["-o", "json"]);
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(report["valid"], true);
    let found = &report["sources"][0];
    assert_eq!((&found["reason"], &found["source"]), (&json!("ImagesNotCovered"), &json!("team")));
}

/// With or without the Secrets: what the credential is for stands in the configuration.
#[test]
fn what_the_settings_tell_is_said_once() {
    let config = "\
apiVersion: pullpass.io/v1
kind: Config
registries:
- {name: a, images: [quay.io/team/*], namespaces: {names: [x]}, source: {basic: {registry: gcr.io, username: u, passwordFrom: {secret: s, key: k}}}}
";
    let secret =
        "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {k: hidden-word}}";
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(config.as_bytes()).unwrap();
    for sources in [&[][..], &["--sources", "-"]] {
        let call = pullpass(&["check", "--config"]).arg(file.path());
        let call = sources.iter().fold(call, super::run::Call::arg);
        let said = call.stdin(secret).run();
        assert_eq!(said.code, 0, "{said:?}");
        let warning = "cover no image of the pattern `quay.io/team/*`, such as quay.io/team/x";
        assert_eq!(said.stdout.matches(warning).count(), 1, "{said:?}");
        assert!(said.stdout.contains(":4:22: warning: registries[0].images[0]"), "{said:?}");
    }
}

#[test]
fn what_is_no_manifest_is_refused() {
    let config = config_file();
    let call = || pullpass(&["check", "--sources", "-", "--config"]).arg(config.path());
    let said = call().stdin("a: [").run();
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("failed to read `<stdin>`: document 1, line 1"), "{said:?}");
    let said = call().stdin("kind: Secret\n").run();
    assert!(said.stderr.contains("document 1: a Secret has no metadata.name"), "{said:?}");
    let said = pullpass(&["check", "--config", "-", "--sources", "-"]).stdin(CONFIG).run();
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("cannot both come from standard input"), "{said:?}");
}

#[test]
fn explain_says_for_each_image_whether_there_is_a_credential() {
    let config = config_file();
    let mut pod = NamedTempFile::new().unwrap();
    pod.write_all(POD.as_bytes()).unwrap();
    let explain = |sources: &[&str]| {
        let call = pullpass(&["explain", "--config"]).arg(config.path()).arg("-f").arg(pod.path());
        let call = sources.iter().fold(call, super::run::Call::arg);
        call.stdin(secrets().to_string()).run().done()
    };
    let said = explain(&[]);
    assert!(said.contains("pull secret team: added, a copy of the Secret team"), "{said}");
    assert!(!said.contains("credential"), "{said}");
    assert!(said.contains("adds 1 pull secret: team"), "{said}");

    let said = explain(&["--sources", "-"]);
    for line in [
        "initContainers[0]: the Secret team has no credential for it: the kubelet pulls without one",
        "containers[0]: has a credential",
        "shared:hub applies",
        "pull secret hub: added, a copy of the Secret hub",
        "containers[1]: has a credential",
        "adds 2 pull secrets: team, hub",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let json: Value = serde_json::from_str(&explain(&["--sources", "-", "-o", "json"])).unwrap();
    let credentials = &json["pods"][0]["credentials"];
    let found: Vec<_> = credentials.as_array().unwrap().iter().map(|it| &it["found"]).collect();
    assert_eq!(found.iter().filter(|found| **found == &json!(true)).count(), 2, "{credentials}");
    assert_eq!(found.len(), 3, "{credentials}");
}

/// A password that nobody was asked about is not called good.
#[test]
fn a_credential_that_was_only_made_is_told_so() {
    let config = file(
        "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {name: a, images: [quay.io/x/*], namespaces: {names: [x]}, source: {basic: {registry: quay.io, username: u, passwordFrom: {secret: s, key: k}}}}\n",
    );
    let secrets =
        file("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: hunter2}\n");
    let told = pullpass(&["check", "--credentials", "--config"])
        .arg(config.path())
        .arg("--sources")
        .arg(secrets.path())
        .run()
        .done();
    assert!(
        told.ends_with("credentials: made: a: nobody was asked; try it with an image, --image\n"),
        "{told}"
    );
}
