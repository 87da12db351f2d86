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
const MADE: &str = "pullpass-credential-team";

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

impl Copying {
    /// Writes an opaque Secret of our own namespace.
    async fn values(&self, name: &str, values: Value) {
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
    let made = copying.secrets(SYSTEM_NAMESPACE).get(MADE).await.expect("it is made");
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
    let kept = copying.secrets(&team.name).get("team").await.expect("the copy is there");
    assert_eq!(kept.resource_version(), good.resource_version());
    assert!(!copying.controller.log().contains("lines-of-it"), "{}", copying.controller.log());
}

#[tokio::test]
async fn a_secret_in_the_way_is_left_alone_and_an_entry_that_goes_takes_its_own_along() {
    let host = "registry.example.com";
    let copying = Copying::start(&basic(host)).await;
    let team = copying.cluster.namespace("team").create().await;
    copying.source(MADE, &docker_config("quay.io", "theirs")).await;
    copying.values("robot", json!({"user": USER, "token": FIRST})).await;

    copying.told(&["SecretInTheWay", "is in the way of the credential of the entry team"]).await;
    let secrets = copying.secrets(SYSTEM_NAMESPACE);
    let theirs = secrets.get(MADE).await.expect("theirs is there");
    assert_eq!(data(&theirs), docker_config("quay.io", "theirs").as_bytes());
    let found = copying.secrets(&team.name).get_opt("team").await.expect("Secrets can be read");
    assert!(found.is_none(), "nobody gets what somebody else has put there");
    copying.delete(SYSTEM_NAMESPACE, MADE).await;
    copying.copied(&team.name, "team", &docker_config(host, FIRST)).await;

    let other = config("{secret: another}", host);
    copying.cluster.configure(&other).await.expect_success();
    copying.revoked(SYSTEM_NAMESPACE, MADE).await;
}
