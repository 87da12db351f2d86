//! What an administrator should know about sources: those that cannot be used, patterns that no
//! credential covers, and what shared Secrets meet.

use super::conflicts::conflicts;
use super::{Source, Sources};
use crate::config::{Config, Entry};
use crate::credentials::{DockerConfig, Keyring, Steps};
use serde::{Serialize, Serializer};
use std::collections::{HashMap, HashSet};

/// For all patterns of all entries that copy one Secret: a second or so.
const MAX_STEPS: usize = 10_000_000;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What it is about.
    #[serde(rename = "reason")]
    pub kind: FindingKind,
    /// The source.
    pub source: Box<str>,
    /// What is wrong, and what to do.
    pub note: String,
}

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// The source does not exist.
    Missing,
    /// It is there, and cannot be copied.
    Broken,
    /// It is copied, and does not cover all that the entry is for.
    NotCovered,
    /// It is labelled to be shared, and is not, or not for all its registries.
    NotShared,
    /// It is shared by label, and other entries have to do with it.
    Conflict,
    /// It was shared by label, and was deleted.
    SharedDeleted,
}

impl FindingKind {
    /// Whether something is not copied for it.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Missing | Self::Broken | Self::NotShared | Self::SharedDeleted)
    }

    /// The reason of the Event.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "SourceMissing",
            Self::Broken => "SourceRefused",
            Self::NotCovered => "ImagesNotCovered",
            Self::NotShared => "SecretNotShared",
            Self::Conflict => "SharedSecretConflict",
            Self::SharedDeleted => "SharedSecretDeleted",
        }
    }
}

impl Serialize for FindingKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.reason())
    }
}

/// All findings, in the order of the entries.
pub fn findings(config: &Config, sources: &Sources) -> Vec<Finding> {
    findings_within(MAX_STEPS, config, sources)
}

/// The same, in so many steps for each source.
fn findings_within(steps: usize, config: &Config, sources: &Sources) -> Vec<Finding> {
    let names = config.entries().iter().filter_map(|entry| Some(&*entry.source.as_ref()?.secret));
    let names: HashSet<&str> = names.collect();
    let read = |name| Some((name, sources.content(name)?.docker_config()?));
    let configs: HashMap<&str, DockerConfig> = names.into_iter().filter_map(read).collect();
    let looks = configs.iter().map(|(name, config)| (*name, Look::new(config, steps)));
    let mut looks: HashMap<&str, Look<'_>> = looks.collect();
    let of_entries = config.entries().iter().flat_map(|entry| of_entry(entry, sources, &mut looks));
    of_entries.chain(conflicts(config)).collect()
}

/// A look at what a source covers.
struct Look<'a> {
    keyring: Keyring<'a>,
    steps: Steps,
}

impl<'a> Look<'a> {
    fn new(config: &'a DockerConfig, steps: usize) -> Self {
        Self { keyring: Keyring::new(config), steps: Steps::new(steps) }
    }
}

fn of_entry(entry: &Entry, sources: &Sources, looks: &mut HashMap<&str, Look<'_>>) -> Vec<Finding> {
    let Some(source) = &entry.source else { return vec![] };
    let finding = |kind, note| Finding { kind, source: (*source.secret).into(), note };
    let (name, secret) = (&entry.name, &source.secret);
    match sources.get(secret) {
        Some(Source::Good(_)) => {}
        Some(Source::Broken(reason)) => {
            let note = format!(
                "the entry {name} cannot copy the Secret {secret}: {reason}; copies stay as they are"
            );
            return vec![finding(FindingKind::Broken, note)];
        }
        None if source.made.is_some() => {
            let note = format!(
                "the entry {name} copies the Secret {secret}, which the controller has not made: an Event CredentialNotMade or its log says why. Copies stay as they are"
            );
            return vec![finding(FindingKind::Missing, note)];
        }
        None => {
            let note = format!(
                "the entry {name} copies the Secret {secret}, which does not exist; create it. Copies stay as they are"
            );
            return vec![finding(FindingKind::Missing, note)];
        }
    }
    let Some(Look { keyring, steps }) = looks.get_mut(&**secret) else { return vec![] };
    if steps.are_used_up() {
        return vec![]; // which has been told
    }
    let uncovered = entry.images.iter().map_while(|pattern| {
        if steps.are_used_up() {
            return None;
        }
        let coverage = keyring.coverage_within(pattern, steps);
        if steps.are_used_up() {
            return Some(Some(format!(
                "the keys of the auths of the Secret {secret} have too many wildcards, or its entries too many patterns, to tell which images it has credentials for, from the pattern `{pattern}` of the entry {name} on; write fewer"
            )));
        }
        let Some(gap) = coverage.gap(pattern) else { return Some(None) };
        Some(Some(format!(
            "the credentials in the Secret {secret} cover {gap} of the entry {name}: the kubelet finds no credential for the rest; correct the keys of its auths, or the pattern"
        )))
    });
    uncovered.flatten().map(|note| finding(FindingKind::NotCovered, note)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn fault_45_each_way_in_which_a_source_does_not_do_is_told() {
        let text = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- {name: good, images: ["gcr.io/team/*"], namespaces: {names: ["*"]}, source: {secret: good}}
- {name: other, images: ["quay.io/*"], namespaces: {names: ["*"]}, source: {secret: good}}
- {name: any, images: ["*"], namespaces: {names: ["*"]}, source: {secret: good}}
- {name: partly, images: ["gcr.io/*"], namespaces: {names: ["*"]}, source: {secret: good}}
- {name: broken, images: ["gcr.io/*"], namespaces: {names: ["*"]}, source: {secret: broken}}
- {name: missing, images: ["gcr.io/*"], namespaces: {names: ["*"]}, source: {secret: missing}}
- {name: without, images: ["gcr.io/*"]}
"#;
        let config = config::parse(text).unwrap().config;
        let mut sources = Sources::default();
        // user:pass
        let good = br#"{"auths": {"gcr.io/team": {"auth": "dXNlcjpwYXNz"}}}"#;
        sources.set("good", Source::good("uid", good), None);
        sources.set("broken", Source::Broken("it is broken".into()), None);
        let found = findings(&config, &sources);
        let told: Vec<_> = found.iter().map(|found| (found.kind, &*found.source)).collect();
        assert_eq!(
            told,
            [
                (FindingKind::NotCovered, "good"),
                (FindingKind::NotCovered, "good"),
                (FindingKind::Broken, "broken"),
                (FindingKind::Missing, "missing"),
            ]
        );
        assert!(found[0].note.contains("no image of the pattern `quay.io/*`"), "{}", found[0].note);
        assert!(found[1].note.contains("not all images of"), "{}", found[1].note);
        assert!(found.iter().all(|found| !found.note.contains("pass")));
    }

    #[test]
    fn what_takes_too_long_to_tell_is_told_once() {
        let images: Vec<_> =
            (0..200).map(|i| format!("*{i}a*.*b{i}*.*c*.example.com/p/*")).collect();
        let entry = |name| serde_json::json!({"name": name, "images": images, "namespaces": {"names": ["*"]}, "source": {"secret": "slow"}});
        let registries = [entry("a"), entry("b")];
        let text = serde_json::json!({"apiVersion": "pullpass.io/v1", "kind": "Config", "registries": registries});
        let config = config::parse(&text.to_string()).unwrap().config;
        let one = |i| {
            (
                format!("*{i}a*.*b{i}*.*c*d*.example.com/p//"),
                serde_json::json!({"auth": "dXNlcjpwYXNz"}),
            )
        };
        let auths: serde_json::Map<_, _> = (0..100).map(one).collect();
        let content = serde_json::json!({ "auths": auths }).to_string();
        let mut sources = Sources::default();
        sources.set("slow", Source::good("uid", content.as_bytes()), None);
        let found = findings_within(100_000, &config, &sources);
        let told = found.iter().filter(|found| found.note.contains("too many wildcards"));
        assert_eq!(told.count(), 1, "{found:?}");
    }
}
