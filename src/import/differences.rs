//! Where the kubelet reads a docker config otherwise than GitLab's runner does.

use super::{docker_config::Registry, plan::some, runner};
use crate::{
    credentials::RegistryKey,
    image::{DOCKER_HUB, LEGACY_DOCKER_HUB},
};

/// For the registries that are taken over.
pub fn differences(registries: &[Registry<'_>]) -> Vec<String> {
    let own = registries.iter().flat_map(of_one);
    own.chain(below_others(registries)).chain(beginnings(registries)).collect()
}

/// What one key is for.
fn of_one(registry: &Registry<'_>) -> Vec<String> {
    let name = &registry.name;
    let mut notes = Vec::new();
    if name.contains('*') {
        notes.push(format!(
            "the registry `{name}`: for the kubelet `*` stands for a part of the host; GitLab's runner knows no wildcards"
        ));
        return notes;
    }
    let mut told = Vec::new();
    for key in registry.keys() {
        let path = path_of(key);
        let is_same = path == *name || (name == LEGACY_DOCKER_HUB && path == DOCKER_HUB);
        if !is_same && !told.contains(&path) {
            notes.push(format!(
                "the registry `{key}`: GitLab's runner takes it for `{path}`, the kubelet for `{name}`; the entry is for what the kubelet takes it for"
            ));
            told.push(path);
        }
    }
    notes
}

/// Keys for a part of what another key is for.
fn below_others(registries: &[Registry<'_>]) -> Vec<String> {
    let below = |registry: &Registry<'_>| {
        let is_above = |other: &&Registry<'_>| {
            let rest = registry.name.strip_prefix(&*other.name);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let above: Vec<_> =
            registries.iter().filter(is_above).map(|other| format!("`{}`", other.name)).collect();
        let name = &registry.name;
        let as_the_runner = match registry.keys().all(|key| path_of(key) == *name) {
            true => ", as GitLab's runner does",
            false => "",
        };
        (!above.is_empty()).then(|| {
            format!(
                "images of `{name}`: the kubelet tries the credential of `{name}` first{as_the_runner}, and then, if the registry refuses it, that of {}; the runner tries one alone",
                some(&above)
            )
        })
    };
    registries.iter().filter_map(below).collect()
}

fn path_of(key: &RegistryKey) -> String {
    runner::path_of(&String::from_utf8_lossy(key.as_written()))
}

/// The kubelet compares paths by their beginning.
fn beginnings(registries: &[Registry<'_>]) -> Option<String> {
    let paths: Vec<_> = registries
        .iter()
        .filter(|registry| registry.name.contains('/') && !registry.name.ends_with('/'))
        .map(|registry| format!("`{}`", registry.name))
        .collect();
    (!paths.is_empty()).then(|| {
        format!(
            "paths end anywhere for the kubelet, and at a `/` for GitLab's runner: a Pod that has the Secret of {} tries it for images of a longer name, such as PATH-other, too. The entries keep to the `/`",
            some(&paths)
        )
    })
}
