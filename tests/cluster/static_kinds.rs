//! `basic` for each kind of credential that does not expire by itself, with the user names that its registry
//! gives: from the entry to a copy whose very bytes open a registry with a token server.

use k8s_openapi::api::core::v1::Secret;
use pullpass::{
    credentials::{Coverage, DockerConfig, Keyring, SecretKind},
    image::Pattern,
};
use serde_json::json;
use std::fmt::Write;

use crate::{
    copying::{Copying, data},
    eventually::eventually,
    managed::SOON,
    oci_layout::Content,
    oracle::{self, Pulls},
    registry::{Auth, Registry},
    token_issuer::{Account, NAME, PASSWORD_TO_PUSH, TokenIssuer},
};

const HEAD: &str = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n";
const WRONG: &str = "wrong-password";

/// A kind of credential, as its registry gives it.
struct Kind {
    /// The entry, and the Secret of its password.
    name: &'static str,
    username: &'static str,
    password: &'static str,
    /// What `basic.registry` has after the host.
    path: &'static str,
    repository: &'static str,
}

#[rustfmt::skip]
const KINDS: [Kind; 7] = [
    Kind { name: "ghcr", username: "my-user", password: "ghp_0123456789abcdefghijABCDEFGHIJ012345", path: "/my-org", repository: "my-org/app" },
    Kind { name: "gitlab-deploy-token", username: "gitlab+deploy-token-1", password: "gldt-aB3_dE-fG5hJ7kL9", path: "", repository: "group/project/app" },
    Kind { name: "gitlab-group-token", username: "group_4711_bot_0123456789abcdef", password: "glpat-aB3_dE-fG5hJ7kL9", path: "/group", repository: "group/other/app" },
    Kind { name: "harbor", username: "robot$project+name", password: "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY", path: "/project", repository: "project/app" },
    Kind { name: "harbor-system", username: "robot$name", password: "yX1wV9uT7sR5qP3nM1lK9jH7gF5eD3bA", path: "", repository: "library/app" },
    Kind { name: "quay", username: "my-quay+robot", password: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGHIJKLMNOPQR", path: "/my-quay", repository: "my-quay/app" },
    Kind { name: "acr", username: "11111111-2222-3333-4444-555555555555", password: "aB3~dE5.fG7_hJ9-kL1mN3pQ5rS7tU9vW1xY3z~", path: "", repository: "samples/app" },
];

impl Kind {
    fn account(&self) -> Account {
        Account {
            username: self.username.to_owned(),
            password: self.password.to_owned(),
            repositories: self.repository.to_owned(),
        }
    }

    fn entry(&self, host: &str) -> String {
        let Self { name, username, path, repository, .. } = self;
        // A user name can come from either.
        let username = match *name {
            "harbor" | "acr" => format!("usernameFrom: {{secret: {name}, key: username}}"),
            _ => format!("username: {username}"),
        };
        format!(
            "- name: {name}\n  images: [\"{host}/{repository}\"]\n  namespaces: {{names: [team-*]}}\n  \
             source: {{basic: {{registry: \"{host}{path}\", {username}, passwordFrom: {{secret: {name}, key: password}}}}}}\n"
        )
    }

    async fn written(&self, copying: &Copying, password: &str) {
        let values = json!({"username": self.username, "password": password});
        copying.values(self.name, values).await;
    }

    /// Waits until the copy's password is this one.
    async fn copy(&self, copying: &Copying, namespace: &str, password: &str) -> Secret {
        let secrets = copying.secrets(namespace);
        let expected = (self.username.to_owned(), password.to_owned());
        eventually(&format!("the copy of {}", self.name), SOON, async || {
            let copy = secrets.get(self.name).await.map_err(|error| error.to_string())?;
            let found = credential(data(&copy));
            (found == expected).then_some(copy).ok_or_else(|| format!("{found:?}"))
        })
        .await
    }
}

/// User name and password of the one registry of a docker config.
fn credential(content: &[u8]) -> (String, String) {
    let config = DockerConfig::parse(SecretKind::DockerConfigJson, content).expect("it is one");
    let [entry] = config.entries() else { panic!("of one registry: {config:?}") };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(entry.username().expose()), text(entry.password().expose()))
}

/// What the kubelet tries for this image with this pull secret.
fn tried_by_the_kubelet(content: &[u8], image: &str) -> Vec<(String, String)> {
    let pulls = Pulls {
        secret_type: "kubernetes.io/dockerconfigjson",
        content: String::from_utf8_lossy(content).into_owned(),
        images: vec![image.to_owned()],
    };
    let answers = oracle::look_up(&[pulls]);
    let answer = answers.into_iter().next().expect("there is one answer");
    answer.expect("the kubelet takes the Secret").into_iter().flatten().collect()
}

async fn registry_of(issuer: &TokenIssuer) -> Registry {
    let (realm, authority) = (issuer.realm(), issuer.authority());
    let auth = Auth::Tokens {
        name: NAME,
        realm: &realm,
        authority: &authority,
        password: PASSWORD_TO_PUSH,
    };
    let hello = Content { name: "hello", bytes: b"hello from the registry\n", config: json!({}) };
    let registry = Registry::start_for(&auth, &hello).await;
    for kind in &KINDS {
        issuer.knows(kind.account());
        registry.push(PASSWORD_TO_PUSH, kind.repository);
    }
    registry
}

#[tokio::test]
async fn each_static_kind_opens_a_registry_with_a_token_server() {
    let issuer = TokenIssuer::start();
    let registry = registry_of(&issuer).await;
    let host = registry.host();
    let mut config = HEAD.to_owned();
    for kind in &KINDS {
        write!(config, "{}", kind.entry(&host)).expect("a text grows");
    }
    let parsed = pullpass::config::parse(&config).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(parsed.warnings, [], "each credential covers the images of its entry");
    let copying = Copying::start(&config).await;
    let team = copying.cluster.namespace("team").create().await;

    for kind in &KINDS {
        kind.written(&copying, WRONG).await;
    }
    for kind in &KINDS {
        let copy = kind.copy(&copying, &team.name, WRONG).await;
        let answer = registry.pull_from(data(&copy), kind.repository);
        let refusal = answer.expect_err("a wrong password opens nothing");
        assert!(refusal.contains("wrong user name or password"), "{}: {refusal}", kind.name);
    }

    for kind in &KINDS {
        kind.written(&copying, kind.password).await;
    }
    for (kind, next) in KINDS.iter().zip(KINDS.iter().cycle().skip(1)) {
        let copy = kind.copy(&copying, &team.name, kind.password).await;
        let opened = registry.pull_from(data(&copy), kind.repository);
        opened.unwrap_or_else(|refusal| panic!("{}: {refusal}", kind.name));
        let tried = tried_by_the_kubelet(data(&copy), &format!("{host}/{}:1", kind.repository));
        let expected = [(kind.username.to_owned(), kind.password.to_owned())];
        assert_eq!(tried, expected, "{}", kind.name);
        let other = registry.pull_from(data(&copy), next.repository);
        other.expect_err("what the account may not pull stays closed");
    }
}

/// The registry itself cannot be had here: its own key of `auths`, by which the kubelet finds the credential.
#[tokio::test]
async fn a_token_of_docker_hub_is_found_for_its_images() {
    let user = "my-org";
    let config = format!(
        "{HEAD}- name: hub\n  images: [\"docker.io/my-org/*\"]\n  namespaces: {{names: [team-*]}}\n  \
         source: {{basic: {{registry: docker.io, username: {user}, passwordFrom: {{secret: hub, key: password}}}}}}\n"
    );
    let copying = Copying::start(&config).await;
    let team = copying.cluster.namespace("team").create().await;
    copying.values("hub", json!({"password": "dckr_oat_aB3-dE_5"})).await;

    let hub = Kind {
        name: "hub",
        username: user,
        password: "dckr_oat_aB3-dE_5",
        path: "",
        repository: "my-org/app",
    };
    let copy = hub.copy(&copying, &team.name, hub.password).await;

    let content = String::from_utf8_lossy(data(&copy)).into_owned();
    assert!(
        content.contains("\"https://index.docker.io/v1/\""),
        "the key that docker login writes"
    );
    let parsed = DockerConfig::parse(SecretKind::DockerConfigJson, data(&copy));
    let parsed = parsed.expect("it is a docker config");
    let pattern = Pattern::parse("docker.io/my-org/*").expect("it is a pattern");
    assert_eq!(Keyring::new(&parsed).coverage(&pattern), Coverage::Covered);
    let expected = [(user.to_owned(), hub.password.to_owned())];
    for image in ["my-org/app:1", "docker.io/my-org/app", "index.docker.io/my-org/app:1"] {
        assert_eq!(tried_by_the_kubelet(data(&copy), image), expected, "{image}");
    }
}
