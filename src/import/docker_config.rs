//! A docker config, as a config.json or a DOCKER_AUTH_CONFIG has it, split by registry.

use super::{
    Grant, Plan, PlannedEntry, PlannedSecret,
    differences::differences,
    expiry::{Life, RENEW, life_of},
    helpers::Helpers,
    names::{Names, name_of},
};
use crate::{
    credentials::{
        DockerConfig, DockerConfigError, EachEntry, Entry, NoCredential, RegistryKey, SecretKind,
        Warning, derive,
    },
    image::{DOCKER_HUB, LEGACY_DOCKER_HUB},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// The key by which every client of Docker Hub knows it.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Fields of docker's config.json that name no credential of the kubelet's (`ConfigFile` and `AuthConfig` of
/// docker's `cli/config`).
const KNOWN_FIELDS: [&str; 27] = [
    "identitytoken",
    "registrytoken",
    "serveraddress",
    "HttpHeaders",
    "psFormat",
    "imagesFormat",
    "networksFormat",
    "pluginsFormat",
    "volumesFormat",
    "statsFormat",
    "detachKeys",
    "serviceInspectFormat",
    "servicesFormat",
    "tasksFormat",
    "secretFormat",
    "configFormat",
    "nodesFormat",
    "pruneFilters",
    "proxies",
    "experimental",
    "stackOrchestrator",
    "currentContext",
    "cliPluginsExtraDirs",
    "plugins",
    "aliases",
    "features",
    "auths",
];

/// A registry as the kubelet names it, and its entries: several, if it is written in several ways.
pub(super) struct Registry<'a> {
    pub name: String,
    pub entries: Vec<&'a Entry>,
}

impl Registry<'_> {
    /// The ways in which it is written.
    pub fn keys(&self) -> impl Iterator<Item = &RegistryKey> {
        self.entries.iter().map(|entry| entry.key())
    }
}

/// One entry and one Secret for each registry of a docker config.
///
/// # Errors
/// If it cannot be told into registries.
pub fn from_docker_config(
    content: &[u8],
    grant: &Grant,
    now: i64,
) -> Result<Plan, DockerConfigError> {
    let each = DockerConfig::parse_each(content)?;
    let helpers = Helpers::read(content);
    let mut plan = Plan::default();
    for broken in &each.broken {
        let reason =
            format!("{broken}; for this alone the kubelet would refuse all of the docker config");
        plan.leave_out("an entry that cannot be decoded", reason);
    }
    for entry in &each.replaced {
        let what = format!("an earlier entry of the registry `{}`", entry.key());
        plan.leave_out(what, "the registry is written twice, and the last entry counts");
    }
    leave_out_ignored(&each, &helpers, grant, &mut plan);
    let registries = registries(&each, now, &mut plan);
    let keys = registries.iter().flat_map(Registry::keys);
    plan.notes.extend(helpers.notes(keys));
    let mut names = Names::default();
    let mut taken = Vec::new();
    for registry in registries {
        if take_over(&registry, grant, &mut names, &mut plan) {
            taken.push(registry);
        }
    }
    plan.notes.extend(differences(&taken));
    Ok(plan)
}

/// What the kubelet passes over.
fn leave_out_ignored(each: &EachEntry, helpers: &Helpers, grant: &Grant, plan: &mut Plan) {
    let warnings = each.config.warnings();
    let mut in_store = Vec::new();
    for warning in &warnings {
        match warning {
            Warning::NoCredential { key, why: NoCredential::Empty } if helpers.serve(key) => {
                in_store.push(key.clone());
            }
            Warning::NoCredential { key, .. } | Warning::UselessKey { key } => {
                plan.leave_out(format!("the registry `{key}`"), warning.to_string());
            }
            // A name that nobody knows may be anything, a password in the wrong place too.
            Warning::IgnoredField { name } if !is_known(name) => {
                plan.notes.push(
                    "the kubelet ignores a field beside `auths` that docker does not know".into(),
                );
            }
            Warning::IgnoredEntryField { key, name } if !is_known(name) => {
                plan.notes.push(format!(
                    "the kubelet ignores a field of the registry `{key}` that docker does not know"
                ));
            }
            Warning::NoEntries
            | Warning::IgnoredField { .. }
            | Warning::IgnoredEntryField { .. } => plan.notes.push(warning.to_string()),
            Warning::CredHelpers | Warning::CredsStore => {}
        }
    }
    plan.left_out.extend(helpers.left_out(&in_store, grant));
}

/// Whether docker has a field of this name.
fn is_known(name: &str) -> bool {
    KNOWN_FIELDS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The registries that the kubelet has a credential for.
fn registries<'a>(each: &'a EachEntry, now: i64, plan: &mut Plan) -> Vec<Registry<'a>> {
    let warnings = each.config.warnings();
    let is_useless = |key: &RegistryKey| {
        warnings.iter().any(|it| matches!(it, Warning::UselessKey { key: of } if of == key))
    };
    let mut found: Vec<Registry<'a>> = Vec::new();
    for entry in each.config.entries() {
        let key = entry.key();
        if !entry.is_usable() || is_useless(key) {
            continue; // which has been told
        }
        let what = || format!("the registry `{key}`");
        let name = match name_for_the_kubelet(entry) {
            Ok(name) => name,
            Err(reason) => {
                plan.leave_out(what(), reason);
                continue;
            }
        };
        match life_of(entry, None, now) {
            Life::Open => {}
            Life::Ended(reason) => {
                plan.leave_out(what(), format!("{reason}; log in anew, and import that"));
                continue;
            }
            Life::Short(reason) => {
                plan.notes.push(format!("the registry `{key}`: {reason}: {RENEW}"));
            }
        }
        match found.iter_mut().find(|registry| registry.name == name) {
            Some(registry) => registry.entries.push(entry),
            None => found.push(Registry { name, entries: vec![entry] }),
        }
    }
    if found.iter().any(|registry| registry.name == DOCKER_HUB) {
        for fallback in found.extract_if(.., |registry| registry.name == LEGACY_DOCKER_HUB) {
            for key in fallback.keys() {
                plan.leave_out(
                    format!("the registry `{key}`"),
                    "`docker.io` is there too: for images of Docker Hub the kubelet takes this one only where nothing else matches",
                );
            }
        }
    }
    found
}

/// The registry of an entry as the kubelet names it.
fn name_for_the_kubelet(entry: &Entry) -> Result<String, String> {
    let key = entry.key();
    if key.as_written().iter().any(|byte| b"@?#".contains(byte)) {
        return Err("the key holds more than a registry; write a host, for example `gcr.io`".into());
    }
    let name = key.normalized();
    let name = name.ok_or("the kubelet cannot read the key; write a host, for example `gcr.io`")?;
    if entry.username().expose().contains(&b':') {
        return Err(
            "its user name has a `:`, which no registry can tell from the password's".into()
        );
    }
    let host = name.split('/').next().unwrap_or_default();
    if host.contains(|c: char| c.is_ascii_uppercase()) {
        return Err(format!(
            "the kubelet compares hosts letter by letter, and images are written in lower case; GitLab's runner takes it for `{}`: write that",
            name.replacen(host, &host.to_ascii_lowercase(), 1)
        ));
    }
    let is_hub = host.strip_suffix(":443").unwrap_or(host);
    let is_hub =
        matches!(is_hub, "registry-1.docker.io" | "registry.hub.docker.com" | "hub.docker.com")
            || (host != is_hub && matches!(is_hub, DOCKER_HUB | LEGACY_DOCKER_HUB));
    match is_hub {
        true => Err(format!(
            "for the kubelet no image of Docker Hub is of it; write `{DOCKER_HUB_KEY}`"
        )),
        false => Ok(name),
    }
}

/// Adds the entry and the Secret of a registry. Whether there are any.
fn take_over(registry: &Registry<'_>, grant: &Grant, names: &mut Names, plan: &mut Plan) -> bool {
    let content = content(registry, plan);
    let config = DockerConfig::parse(SecretKind::DockerConfigJson, &content);
    let derived = config.as_ref().map(derive);
    let patterns = match derived {
        Ok(derived) if !derived.patterns.is_empty() => derived.patterns,
        Ok(derived) => {
            let reason = derived.not_derived.first().map(|it| it.reason.to_string());
            let what = format!("the registry `{}`", registry.name);
            plan.leave_out(what, reason.unwrap_or_else(|| "no image can be of it".into()));
            return false;
        }
        Err(error) => {
            plan.leave_out(format!("the registry `{}`", registry.name), error.to_string());
            return false;
        }
    };
    let name = names.unique(&name_of(&registry.name), |_| false);
    let images = patterns.iter().map(ToString::to_string).collect();
    plan.entries.push(PlannedEntry::new(&name, images, grant.clone(), &name));
    plan.secrets.push(PlannedSecret { name, content, shared: None });
    true
}

/// The docker config of one registry: its credential, or all of them where several ways of writing the
/// registry have each their own.
fn content(registry: &Registry<'_>, plan: &mut Plan) -> Vec<u8> {
    let auth =
        |entry: &Entry| [entry.username().expose(), b":", entry.password().expose()].concat();
    let Some((first, others)) = registry.entries.split_first() else { return Vec::new() };
    let keys: Vec<_> = registry.keys().map(|key| format!("`{key}`")).collect();
    let is_one = others.iter().all(|other| auth(other) == auth(first));
    match (others.is_empty(), is_one) {
        (true, _) => {}
        (false, true) => plan.notes.push(format!(
            "{} are one registry to the kubelet, with one credential: its Secret has it once",
            keys.join(", ")
        )),
        (false, false) => plan.notes.push(format!(
            "{} are one registry to the kubelet, with several credentials: it tries them all, and so its Secret has them all; GitLab's runner takes one by chance. Remove those that do not work",
            keys.join(", ")
        )),
    }
    let auths: Map<String, Value> = match is_one {
        true => [(key_of(registry, first), json!({"auth": STANDARD.encode(auth(first))}))]
            .into_iter()
            .collect(),
        false => registry
            .entries
            .iter()
            .map(|entry| (as_written(entry), json!({"auth": STANDARD.encode(auth(entry))})))
            .collect(),
    };
    json!({ "auths": auths }).to_string().into_bytes()
}

/// The shortest key that the kubelet reads as it does the one that was written.
fn key_of(registry: &Registry<'_>, entry: &Entry) -> String {
    let name = match &*registry.name {
        LEGACY_DOCKER_HUB => DOCKER_HUB_KEY,
        name => name,
    };
    match RegistryKey::new(name.as_bytes()).normalized().as_deref() == Some(&registry.name) {
        true => name.to_owned(),
        false => as_written(entry),
    }
}

fn as_written(entry: &Entry) -> String {
    String::from_utf8_lossy(entry.key().as_written()).into_owned()
}
