//! Docker configs made from a user name and a password.

use super::{Entry, Hidden, RegistryKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// The key of `auths` by which every client of Docker Hub knows it.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The key of `auths` of a registry, `HOST[:PORT][/PATH]`.
pub fn auths_key(registry: &str) -> String {
    let (host, path) = registry.split_once('/').unwrap_or((registry, ""));
    let is_hub = DOCKER_HUB.iter().any(|name| host.eq_ignore_ascii_case(name));
    match (is_hub, path) {
        (true, "") => DOCKER_HUB_KEY.to_owned(),
        (true, path) => format!("docker.io/{path}"),
        (false, "") => host.to_ascii_lowercase(),
        (false, path) => format!("{}/{path}", host.to_ascii_lowercase()),
    }
}

/// The content of a `kubernetes.io/dockerconfigjson` Secret with one credential.
pub fn basic(registry: &str, username: &str, password: &[u8]) -> Vec<u8> {
    let auth = auth(username.as_bytes(), password);
    document([(auths_key(registry), auth)])
}

/// A user name and a password for one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// `HOST[:PORT][/PATH]`.
    pub registry: String,
    /// The user name, which is no secret.
    pub username: String,
    /// The password or token.
    pub password: Hidden,
}

/// The content with one credential for each registry.
pub fn logins(logins: &[Login]) -> Vec<u8> {
    document(logins.iter().map(|login| {
        let auth = auth(login.username.as_bytes(), login.password.expose());
        (auths_key(&login.registry), auth)
    }))
}

/// What [`logins`] would give for these registries, with no password that any of them knows.
pub fn placeholder(registries: &[String]) -> Vec<u8> {
    let password = Hidden::new(*b"not fetched");
    let login = |registry: &String| Login {
        registry: registry.clone(),
        username: "token".to_owned(),
        password: password.clone(),
    };
    self::logins(&registries.iter().map(login).collect::<Vec<_>>())
}

/// One with these entries, and nothing else that stands beside them.
pub fn only<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<u8> {
    let entries = entries.into_iter().map(|entry| {
        let key = String::from_utf8_lossy(RegistryKey::as_written(entry.key())).into_owned();
        (key, auth(entry.username().expose(), entry.password().expose()))
    });
    document(entries)
}

fn auth(username: &[u8], password: &[u8]) -> String {
    STANDARD.encode([username, b":", password].concat())
}

fn document(auths: impl IntoIterator<Item = (String, String)>) -> Vec<u8> {
    let auths = auths.into_iter().map(|(key, auth)| (key, json!({"auth": auth})));
    let auths: Map<String, Value> = auths.collect();
    json!({"auths": auths}).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{Coverage, DockerConfig, Keyring, SecretKind};
    use crate::image::Pattern;
    use rstest::rstest;

    #[rstest]
    #[case("docker.io", "https://index.docker.io/v1/", "docker.io/*")]
    #[case("index.docker.io", "https://index.docker.io/v1/", "docker.io/*")]
    #[case("docker.io/my-org", "docker.io/my-org", "docker.io/my-org/*")]
    #[case("registry.gitlab.com", "registry.gitlab.com", "registry.gitlab.com/*")]
    #[case("GHCR.io", "ghcr.io", "ghcr.io/*")]
    #[case("quay.io/my-org", "quay.io/my-org", "quay.io/my-org/*")]
    #[case(
        "harbor.example.com:8443/project",
        "harbor.example.com:8443/project",
        "harbor.example.com:8443/project/*"
    )]
    #[case("[::1]:5000", "[::1]:5000", "[::1]:5000/*")]
    fn the_kubelet_finds_it_for_all_images_of_the_registry(
        #[case] registry: &str,
        #[case] key: &str,
        #[case] pattern: &str,
    ) {
        assert_eq!(auths_key(registry), key);
        let made = basic(registry, "robot$a+b", b"p:w");
        let config = DockerConfig::parse(SecretKind::DockerConfigJson, &made).unwrap();
        let entry = &config.entries()[0];
        assert_eq!(
            (entry.username().expose(), entry.password().expose()),
            (&b"robot$a+b"[..], &b"p:w"[..])
        );
        let pattern = Pattern::parse(pattern).unwrap();
        assert_eq!(Keyring::new(&config).coverage(&pattern), Coverage::Covered, "{pattern}");
    }

    #[test]
    fn entries_are_kept_to_the_letter_and_nothing_beside_them() {
        let text = br#"{"auths": {"a.example": {"auth": "dTpw", "email": "x"}, "b.example/p": {"username": "u", "password": "q"}}, "credsStore": "x"}"#;
        let config = DockerConfig::parse(SecretKind::DockerConfigJson, text).unwrap();
        let made = String::from_utf8(only(config.entries())).unwrap();
        assert_eq!(
            made,
            r#"{"auths":{"a.example":{"auth":"dTpw"},"b.example/p":{"auth":"dTpx"}}}"#
        );
    }
}
