//! What the controller makes the Secret of an entry from.

use super::{GoogleKey, TokenRequest};
use crate::config::{
    Basic, Entry, Gcp, GcpIdentity, Made, SecretKey, TokenSource, Username, check_username,
};
use crate::credentials::{Coverage, DockerConfig, Hidden, Keyring, SecretKind, Steps, compose};
use crate::image::Pattern;

/// What the Secret is to hold that an entry's credential is in.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This docker config.
    Content(Vec<u8>),
    /// The token that is fetched with this.
    Token(TokenRequest),
}

/// What is wanted of an entry's credential by the values of Secrets; none for an entry whose source is a
/// Secret of somebody else.
///
/// # Errors
/// Why it cannot be made. No value is in it.
pub fn made<'a>(
    entry: &Entry,
    value: impl Fn(&SecretKey) -> Option<&'a [u8]>,
) -> Option<Result<Wanted, String>> {
    let value = |key: &SecretKey| one_value(key, &value);
    Some(match entry.source.as_ref()?.made.as_ref()? {
        Made::Basic(basic) => of_basic(basic, value).map(Wanted::Content),
        Made::DockerConfig(key) => of_docker_config(&entry.images, key, value).map(Wanted::Content),
        Made::Token(TokenSource::Gcp(Gcp {
            registries,
            identity: GcpIdentity::KeyAsPassword(key),
            ..
        })) => of_google_key(registries, key, value).map(Wanted::Content),
        Made::Token(source) => TokenRequest::new(source, value).map(Wanted::Token),
    })
}

fn one_value<'a>(
    key: &SecretKey,
    value: impl Fn(&SecretKey) -> Option<&'a [u8]>,
) -> Result<&'a [u8], String> {
    let SecretKey { secret, key: name } = key;
    let value = value(key)
        .ok_or_else(|| format!("there is no Secret {secret} with the key `{name}`; create it"))?;
    // What an editor or `echo` puts at the end of a file.
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    match value.is_empty() {
        true => Err(format!("the key `{name}` of the Secret {secret} is empty")),
        false => Ok(value),
    }
}

fn of_basic<'a>(
    basic: &Basic,
    value: impl Fn(&SecretKey) -> Result<&'a [u8], String>,
) -> Result<Vec<u8>, String> {
    let username = match &basic.username {
        Username::Written(username) => &**username,
        Username::From(key) => {
            let SecretKey { secret, key: name } = key;
            let refused =
                |reason: &str| format!("the key `{name}` of the Secret {secret}: {reason}");
            let text = std::str::from_utf8(value(key)?).map_err(|_| refused("it is not UTF-8"))?;
            check_username(text).map_err(refused)?;
            text
        }
    };
    let password = value(&basic.password)?;
    let SecretKey { secret, key } = &basic.password;
    match std::str::from_utf8(password) {
        Ok(text) if !text.chars().any(char::is_control) => {
            Ok(compose::basic(&basic.registry, username, password))
        }
        Ok(_) => Err(format!(
            "the key `{key}` of the Secret {secret} has a line break or another control character, which no password has"
        )),
        Err(_) => Err(format!("the key `{key}` of the Secret {secret} is not UTF-8")),
    }
}

/// Google's registries take the key of a service account as the password of the user `_json_key`.
fn of_google_key<'a>(
    registries: &[Box<str>],
    key: &SecretKey,
    value: impl Fn(&SecretKey) -> Result<&'a [u8], String>,
) -> Result<Vec<u8>, String> {
    let SecretKey { secret, key: name } = key;
    let text = value(key)?;
    GoogleKey::parse(text)
        .map_err(|reason| format!("the key `{name}` of the Secret {secret}: {reason}"))?;
    // A password has no line breaks. Within the texts of JSON they are escaped; these are between them.
    let text: Vec<u8> = text.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
    let password = Hidden::new(text);
    let login = |registry: &str| compose::Login {
        registry: registry.to_owned(),
        username: "_json_key".to_owned(),
        password: password.clone(),
    };
    let logins: Vec<_> = registries.iter().map(|registry| login(registry)).collect();
    Ok(compose::logins(&logins))
}

/// Of a docker config for many registries, those credentials that serve images of the entry: a namespace
/// gets no others.
fn of_docker_config<'a>(
    images: &[Pattern],
    key: &SecretKey,
    value: impl Fn(&SecretKey) -> Result<&'a [u8], String>,
) -> Result<Vec<u8>, String> {
    let SecretKey { secret, key: name } = key;
    let refused = |reason: String| format!("the key `{name}` of the Secret {secret}: {reason}");
    let config = DockerConfig::parse(SecretKind::DockerConfigJson, value(key)?)
        .map_err(|error| refused(error.to_string()))?;
    let mut steps = Steps::default();
    let mut serves = |entry: &crate::credentials::Entry| {
        let alone = compose::only([entry]);
        let alone = DockerConfig::parse(SecretKind::DockerConfigJson, &alone);
        alone.is_ok_and(|alone| {
            let keyring = Keyring::new(&alone);
            let mut coverage = |image| keyring.coverage_within(image, &mut steps);
            images.iter().any(|image| !matches!(coverage(image), Coverage::Uncovered { .. }))
        })
    };
    let usable = config.entries().iter().filter(|entry| entry.is_usable());
    let kept: Vec<_> = usable.filter(|entry| serves(entry)).collect();
    if steps.are_used_up() {
        let reason = "it has too many entries with wildcards to tell which of them serve this entry; write fewer";
        return Err(refused(reason.to_owned()));
    }
    if !kept.is_empty() {
        return Ok(compose::only(kept));
    }
    let reason = "it has no credential for the images of this entry: of `auths` only entries with a user name and a password count, and neither `identitytoken` nor `credHelpers` and `credsStore`";
    Err(refused(reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use rstest::rstest;
    use std::collections::HashMap;

    const BASIC: &str = "{basic: {registry: quay.io, usernameFrom: {secret: s, key: user}, passwordFrom: {secret: s, key: token}}}";
    const DOCKER_CONFIG: &str = "{dockerConfig: {secret: s, key: config}}";

    /// What is made of these values of the Secret `s`, for images of quay.io/team.
    fn of(source: &str, values: &[(&str, &str)]) -> Result<String, String> {
        let text = format!(
            "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {{name: a, images: ['quay.io/team/*'], namespaces: {{names: [x]}}, source: {source}}}\n"
        );
        let config = config::parse(&text).unwrap().config;
        let values: HashMap<_, _> = values.iter().copied().collect();
        let value = |key: &SecretKey| values.get(&*key.key).map(|value| value.as_bytes());
        let made = made(&config.entries()[0], value).expect("it is made");
        made.map(|wanted| match wanted {
            Wanted::Content(bytes) => String::from_utf8(bytes).unwrap(),
            Wanted::Token(request) => panic!("{request:?}"),
        })
    }

    #[test]
    fn one_newline_at_the_end_is_no_part_of_a_value() {
        let made = r#"{"auths":{"quay.io":{"auth":"dTpw"}}}"#;
        for values in [["u", "p"], ["u\n", "p\n"], ["u\r\n", "p\r\n"]] {
            let values = [("user", values[0]), ("token", values[1])];
            assert_eq!(of(BASIC, &values), Ok(made.to_owned()), "{values:?}");
        }
    }

    #[rstest]
    #[case::no_user(BASIC, &[("token", "hunter2")], "there is no Secret s with the key `user`; create it")]
    #[case::no_token(BASIC, &[("user", "u")], "there is no Secret s with the key `token`; create it")]
    #[case::empty(BASIC, &[("user", "u"), ("token", "\n")], "the key `token` of the Secret s is empty")]
    #[case::colon(BASIC, &[("user", "hunter2:x"), ("token", "p")], "the key `user` of the Secret s: a user name cannot contain `:`")]
    #[case::lines(BASIC, &[("user", "u"), ("token", "hunter2\nx")], "the key `token` of the Secret s has a line break or another control character, which no password has")]
    #[case::two_newlines(BASIC, &[("user", "u"), ("token", "hunter2\n\n")], "the key `token` of the Secret s has a line break or another control character, which no password has")]
    #[case::no_config(DOCKER_CONFIG, &[], "there is no Secret s with the key `config`; create it")]
    #[case::other_registries(DOCKER_CONFIG, &[("config", r#"{"auths": {"gcr.io": {"auth": "dTpodW50ZXIy"}}}"#)], "the key `config` of the Secret s: it has no credential for the images of this entry")]
    #[case::another_path(DOCKER_CONFIG, &[("config", r#"{"auths": {"quay.io/other": {"auth": "dTpodW50ZXIy"}}}"#)], "the key `config` of the Secret s: it has no credential for the images of this entry")]
    #[case::no_password(DOCKER_CONFIG, &[("config", r#"{"auths": {"quay.io": {"username": "hunter2"}}}"#)], "the key `config` of the Secret s: it has no credential for the images of this entry")]
    fn fault_51_what_cannot_be_made_is_told_without_any_value(
        #[case] source: &str,
        #[case] values: &[(&str, &str)],
        #[case] reason: &str,
    ) {
        let error = of(source, values).unwrap_err();
        assert!(error.starts_with(reason), "{error}");
        assert!(!error.contains("hunter2") && !error.contains("aHVudGVyMg"), "{error}");
    }

    #[test]
    fn a_namespace_gets_those_entries_of_a_docker_config_that_serve_the_images() {
        let config = r#"{"auths": {
            "quay.io": {"auth": "dTox"},
            "https://quay.io/team": {"auth": "dToy"},
            "quay.io/other": {"auth": "dToz"},
            "*.io": {"auth": "dTo0"},
            "gcr.io": {"auth": "dTo1"}
        }, "credsStore": "desktop"}"#;
        let made = of(DOCKER_CONFIG, &[("config", config)]).unwrap();
        let wanted = r#"{"auths":{"quay.io":{"auth":"dTox"},"https://quay.io/team":{"auth":"dToy"},"*.io":{"auth":"dTo0"}}}"#;
        assert_eq!(made, wanted);
    }
}
