//! Sources that the controller makes itself: from a user name and a password, and from a docker config as
//! people have it.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::{
    cluster::SYSTEM_NAMESPACE,
    copying::{Copying, data},
    docker_config::{USER, docker_config},
    eventually::eventually,
    managed::SOON,
    registry::Registry,
};

const FIRST: &str = "first password";
const SECOND: &str = "second password";

fn config(source: &str, host: &str) -> String {
    format!(
        "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n\
         - name: team\n  images: [\"{host}/*\"]\n  namespaces: {{names: [team-*]}}\n  source: {source}\n"
    )
}

fn basic(host: &str) -> String {
    let source = format!(
        "{{basic: {{registry: \"{host}\", usernameFrom: {{secret: robot, key: user}}, passwordFrom: {{secret: robot, key: token}}}}}}"
    );
    config(&source, host)
}

/// The name of the Secret that is made by this table.
fn made(table: &str) -> String {
    let parsed = pullpass::config::parse(table).expect("the table is in order");
    let source = parsed.config.entries()[0].source.as_ref();
    source.expect("the entry has a source").secret.to_string()
}

impl Copying {
    /// Writes an opaque Secret of our own namespace.
    pub async fn values(&self, name: &str, values: Value) {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": SYSTEM_NAMESPACE},
            "stringData": values,
        });
        self.cluster.apply(&object).await;
    }

    /// Waits until a namespace has a copy that opens the registry.
    async fn opens(&self, namespace: &str, registry: &Registry) -> Secret {
        let secrets = self.secrets(namespace);
        eventually("a copy that opens the registry", SOON, async || {
            let copy = secrets.get("team").await.map_err(|error| error.to_string())?;
            registry.pull(data(&copy)).map(|()| copy)
        })
        .await
    }
}

#[tokio::test]
async fn a_user_name_and_a_password_open_the_registry_and_can_be_changed() {
    let registry = Registry::start(FIRST).await;
    let copying = Copying::start(&basic(&registry.host())).await;
    let team = copying.cluster.namespace("team").create().await;
    // As `echo` writes them into a file.
    let robot =
        |password: &str| json!({"user": format!("{USER}\n"), "token": format!("{password}\n")});
    copying.values("robot", robot(FIRST)).await;

    let first = copying.opens(&team.name, &registry).await;

    registry.change_password(SECOND);
    registry.refuses(data(&first));
    copying.values("robot", robot(SECOND)).await;
    let second = copying.opens(&team.name, &registry).await;
    assert_eq!(first.uid(), second.uid(), "in place");
    let made = copying
        .secrets(SYSTEM_NAMESPACE)
        .get(&made(&basic(&registry.host())))
        .await
        .expect("it is made");
    assert_eq!(data(&made), data(&second));
}

#[tokio::test]
async fn of_a_docker_config_a_namespace_gets_what_the_entry_is_for() {
    let source = "{dockerConfig: {secret: ci, key: DOCKER_AUTH_CONFIG}}";
    let copying = Copying::start(&config(source, "registry.example.com/team")).await;
    let team = copying.cluster.namespace("team").create().await;
    let of = |host: &str| -> Value {
        let config: Value = serde_json::from_str(&docker_config(host, FIRST)).expect("it is JSON");
        config["auths"][host].clone()
    };
    let ours = "registry.example.com/team";
    let text = json!({
        "auths": {ours: of(ours), "quay.io": of("quay.io"), "registry.example.com/other": of("x")},
        "credHelpers": {"1.dkr.ecr.eu-west-1.amazonaws.com": "ecr-login"},
    });

    copying.values("ci", json!({"DOCKER_AUTH_CONFIG": text.to_string()})).await;

    let copy = copying.copied(&team.name, "team", &docker_config(ours, FIRST)).await;
    assert_eq!(data(&copy), docker_config(ours, FIRST).as_bytes());
}

#[tokio::test]
async fn what_cannot_be_made_is_told_and_the_last_good_one_stays() {
    let host = "registry.example.com";
    let copying = Copying::start(&basic(host)).await;
    let team = copying.cluster.namespace("team").create().await;
    let broken = ["pullpass-system", "CredentialNotMade", "pullpass"];
    let told = async |words: &str| copying.told(&[&broken[..], &[words]].concat()).await;
    told("there is no Secret robot with the key `user`; create it").await;
    let (code, status) = copying.status();
    assert_eq!(code, Some(1));
    assert!(status.contains("which the controller has not made"), "{status}");

    copying.values("robot", json!({"user": USER, "token": FIRST})).await;
    let good = copying.copied(&team.name, "team", &docker_config(host, FIRST)).await;

    copying.values("robot", json!({"user": USER, "token": "two\nlines-of-it"})).await;
    told("has a line break").await;
    let of_entry = copying.secrets(SYSTEM_NAMESPACE).get(&made(&basic(host))).await;
    assert_eq!(data(&of_entry.expect("it stays")), docker_config(host, FIRST).as_bytes());
    let kept = copying.secrets(&team.name).get("team").await.expect("the copy is there");
    assert_eq!(kept.resource_version(), good.resource_version());
    assert!(!copying.controller.log().contains("lines-of-it"), "{}", copying.controller.log());
}

#[tokio::test]
async fn a_secret_in_the_way_is_left_alone_and_an_entry_that_goes_takes_its_own_along() {
    let host = "registry.example.com";
    let copying = Copying::start(&basic(host)).await;
    let team = copying.cluster.namespace("team").create().await;
    let made = made(&basic(host));
    copying.source(&made, &docker_config("quay.io", "theirs")).await;
    copying.values("robot", json!({"user": USER, "token": FIRST})).await;

    copying.told(&["SecretInTheWay", "is in the way of the credential of the entry team"]).await;
    let secrets = copying.secrets(SYSTEM_NAMESPACE);
    let theirs = secrets.get(&made).await.expect("theirs is there");
    assert_eq!(data(&theirs), docker_config("quay.io", "theirs").as_bytes());
    let found = copying.secrets(&team.name).get_opt("team").await.expect("Secrets can be read");
    assert!(found.is_none(), "nobody gets what somebody else has put there");
    copying.delete(SYSTEM_NAMESPACE, &made).await;
    copying.copied(&team.name, "team", &docker_config(host, FIRST)).await;

    let other = config("{secret: another}", host);
    copying.cluster.configure(&other).await.expect_success();
    copying.revoked(SYSTEM_NAMESPACE, &made).await;
}

/// Neither is the old password for those who are granted now, nor is there another yet.
#[tokio::test]
async fn with_other_settings_nobody_is_given_what_was_made_before() {
    let host = "registry.example.com";
    let copying = Copying::start(&basic(host)).await;
    let team = copying.cluster.namespace("team").create().await;
    let other = copying.cluster.namespace("everybody").create().await;
    copying.values("robot", json!({"user": USER, "token": FIRST})).await;
    copying.copied(&team.name, "team", &docker_config(host, FIRST)).await;
    let before = made(&basic(host));

    // In one step: another password, which is not there yet, for all namespaces.
    let next = basic(host).replace("key: token", "key: public").replace("[team-*]", "['*']");
    copying.cluster.configure(&next).await.expect_success();
    copying.told(&["CredentialNotMade", "with the key `public`"]).await;
    copying.revoked(SYSTEM_NAMESPACE, &before).await;
    let given = copying.secrets(&other.name).get_opt("team").await.expect("Secrets can be read");
    assert!(given.is_none(), "the password of before is given to all");

    let both = json!({"user": USER, "token": FIRST, "public": SECOND});
    copying.values("robot", both).await;
    for namespace in [&team.name, &other.name] {
        copying.copied(namespace, "team", &docker_config(host, SECOND)).await;
    }
}

/// One that the API server refuses holds up no other.
#[tokio::test]
async fn a_credential_that_cannot_be_stored_holds_up_no_other() {
    let host = "registry.example.com";
    let big = basic(host).replace("robot, key: token", "big, key: token");
    let second = basic(host).replace("name: team\n", "name: zulu\n");
    let (_, second) = second.split_once("registries:\n").expect("a table");
    let copying = Copying::start(&format!("{big}{second}")).await;
    let team = copying.cluster.namespace("team").create().await;
    copying.values("big", json!({"token": "x".repeat(900_000)})).await;

    copying.values("robot", json!({"user": USER, "token": FIRST})).await;

    copying.copied(&team.name, "zulu", &docker_config(host, FIRST)).await;
    eventually("the failure to be counted", SOON, async || {
        let failures = copying.controller.metric("pullpass_credential_failures_total").await;
        let is_counted = failures.is_some_and(|failures| failures > 0.0);
        is_counted.then_some(()).ok_or_else(|| copying.controller.log())
    })
    .await;
}

/// A label that somebody has put on all Secrets does not keep a password from being changed.
#[tokio::test]
async fn a_label_to_share_is_taken_off() {
    let host = "registry.example.com";
    let copying = Copying::start(&basic(host)).await;
    let team = copying.cluster.namespace("team").create().await;
    copying.values("robot", json!({"user": USER, "token": FIRST})).await;
    copying.copied(&team.name, "team", &docker_config(host, FIRST)).await;
    let made = made(&basic(host));

    let label = ["-n", SYSTEM_NAMESPACE, "label", "secret", &made, "pullpass.io/share=true"];
    copying.cluster.kubectl(&label, None).await.expect_success();

    let secrets = copying.secrets(SYSTEM_NAMESPACE);
    eventually("the label to be gone", SOON, async || {
        let found = secrets.get(&made).await.map_err(|error| error.to_string())?;
        let is_gone = !found.labels().contains_key("pullpass.io/share");
        is_gone.then_some(()).ok_or_else(|| copying.controller.log())
    })
    .await;
    copying.values("robot", json!({"user": USER, "token": SECOND})).await;
    copying.copied(&team.name, "team", &docker_config(host, SECOND)).await;
}
