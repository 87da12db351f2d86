//! What the controller makes the Secret of an entry from.

use crate::config::{Basic, Entry, Made, SecretKey, Username, check_username};
use crate::credentials::{Coverage, DockerConfig, Keyring, SecretKind, Steps, compose};
use crate::image::Pattern;

/// The content of the Secret that an entry's credential is in, made from the values of Secrets; none for an
/// entry whose source is a Secret of somebody else.
///
/// # Errors
/// Why it cannot be made. No value is in it.
pub fn made<'a>(
    entry: &Entry,
    value: impl Fn(&SecretKey) -> Option<&'a [u8]>,
) -> Option<Result<Vec<u8>, String>> {
    let value = |key: &SecretKey| one_value(key, &value);
    Some(match entry.source.as_ref()?.made.as_ref()? {
        Made::Basic(basic) => of_basic(basic, value),
        Made::DockerConfig(key) => of_docker_config(&entry.images, key, value),
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
    let reasons: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
    let reasons = match reasons.is_empty() {
        true => String::new(),
        false => format!(": {}", reasons.join("; ")),
    };
    Err(refused(format!("it has no credential for the images of this entry{reasons}")))
}
