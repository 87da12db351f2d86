//! Where Secrets that are shared by label meet other entries.

use super::{Finding, FindingKind};
use crate::config::{Config, Entry};
use std::collections::HashMap;

/// What an administrator should know of each shared Secret that another entry has to do with.
pub fn conflicts(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut first: HashMap<String, &Entry> = HashMap::new();
    for entry in config.entries() {
        if entry.is_shared() {
            findings.extend(of_pull_secret(entry, config));
            findings.extend(of_images(entry, &first));
        }
        for pattern in &entry.images {
            first.entry(meaning(pattern)).or_insert(entry);
        }
    }
    findings
}

fn meaning(pattern: &crate::image::Pattern) -> String {
    pattern.normalized().unwrap_or_else(|| pattern.to_string())
}

/// Written entries that give the same pull secret, or copy the same Secret.
fn of_pull_secret(shared: &Entry, config: &Config) -> Vec<Finding> {
    let Some(secret) = shared.source.as_ref().map(|source| &*source.secret) else { return vec![] };
    let written = config.entries().iter().filter(|entry| !entry.is_shared());
    let of = |written: &Entry| {
        let (name, source) = (&written.name, &written.source.as_ref()?.secret);
        if **source == *secret {
            return Some(format!(
                "the Secret {secret} is copied by the entry {name}, and its label shares it with namespaces beyond those of the entry; remove one of the two"
            ));
        }
        written.pull_secrets.iter().any(|given| **given == *secret).then(|| {
            format!(
                "the shared Secret {secret} is not copied where the entry {name} is granted: there the pull secret {secret} is a copy of the Secret {source}; give one of the two another name"
            )
        })
    };
    written.filter_map(of).map(|note| conflict(secret, note)).collect()
}

/// Images for which an earlier entry has the same pattern.
fn of_images(shared: &Entry, first: &HashMap<String, &Entry>) -> Vec<Finding> {
    let Some(secret) = shared.source.as_ref().map(|source| &*source.secret) else { return vec![] };
    let earlier = |pattern| Some((pattern, *first.get(&meaning(pattern))?));
    let others = shared.images.iter().filter_map(earlier).map(|(pattern, entry)| {
        let note = format!(
            "the shared Secret {secret} serves `{pattern}`, and so does the entry {}: Pods with such images get both pull secrets, and the kubelet tries both",
            entry.name
        );
        conflict(secret, note)
    });
    others.collect()
}

fn conflict(secret: &str, note: String) -> Finding {
    Finding { kind: FindingKind::Conflict, source: secret.into(), note }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, SharedSecret, SharedSecrets};

    #[test]
    fn each_meeting_is_told_once() {
        let text = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- {name: a, images: ["a.example/*"], namespaces: {names: ["x"]}, source: {secret: one}}
- {name: b, images: ["index.docker.io/*"], namespaces: {names: ["x"]}, pullSecrets: [two], source: {secret: other}}
- {name: c, images: ["c.example/*"], pullSecrets: [three]}
"#;
        let shared = [("one", "z.example/*"), ("three", "a.example/*"), ("two", "docker.io/*")];
        let shared = shared.map(|(name, image)| SharedSecret::new(name, [image.to_owned()], None));
        let shared = SharedSecrets::new(shared.to_vec()).entries().unwrap();
        let config = config::parse(text).unwrap().config.with(&shared).unwrap();
        let notes: Vec<_> = conflicts(&config).into_iter().map(|found| found.note).collect();
        let expected = [
            "the Secret one is copied by the entry a,",
            "the shared Secret three serves `a.example/*`, and so does the entry a:",
            "the shared Secret two is not copied where the entry b is granted:",
            "the shared Secret two serves `docker.io/*`, and so does the entry b:",
        ];
        assert_eq!(notes.len(), expected.len(), "{notes:#?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.starts_with(expected), "{note}");
        }
    }
}
