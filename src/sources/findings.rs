//! What an administrator should know about sources: those that cannot be used, patterns that no
//! credential covers, and what shared Secrets meet.

use super::conflicts::conflicts;
use super::{Source, Sources};
use crate::config::{Config, Entry};
use crate::credentials::{Coverage, Keyring};
use serde::{Serialize, Serializer};

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
    /// All that is shared by label is too much.
    SharedRefused,
}

impl FindingKind {
    /// Whether something is not copied for it.
    pub fn is_error(self) -> bool {
        matches!(
            self,
            Self::Missing
                | Self::Broken
                | Self::NotShared
                | Self::SharedDeleted
                | Self::SharedRefused
        )
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
            Self::SharedRefused => "SharedSecretsRefused",
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
    let of_entries = config.entries().iter().flat_map(|entry| of_entry(entry, sources));
    of_entries.chain(conflicts(config)).collect()
}

fn of_entry(entry: &Entry, sources: &Sources) -> Vec<Finding> {
    let Some(source) = &entry.source else { return vec![] };
    let finding = |kind, note| Finding { kind, source: (*source.secret).into(), note };
    let (name, secret) = (&entry.name, &source.secret);
    let content = match sources.get(secret) {
        Some(Source::Good(content)) => content,
        Some(Source::Broken(reason)) => {
            let note = format!(
                "the entry {name} cannot copy the Secret {secret}: {reason}; copies stay as they are"
            );
            return vec![finding(FindingKind::Broken, note)];
        }
        None => {
            let note = format!(
                "the entry {name} copies the Secret {secret}, which does not exist; create it. Copies stay as they are"
            );
            return vec![finding(FindingKind::Missing, note)];
        }
    };
    let Some(config) = content.docker_config() else { return vec![] };
    let keyring = Keyring::new(&config);
    let uncovered = entry.images.iter().filter_map(|pattern| {
        let coverage = keyring.coverage(pattern);
        let example = coverage.without().map(|image| format!(", such as {image}"));
        let example = example.unwrap_or_default();
        let what = match &coverage {
            Coverage::Covered => return None,
            // It is meant for other images too.
            Coverage::Partly { .. } if pattern.parts().is_none() => return None,
            Coverage::Partly { .. } => format!("not all images of the pattern `{pattern}`{example}"),
            Coverage::Uncovered { .. } => format!("no image of the pattern `{pattern}`{example}"),
        };
        Some(format!(
            "the credentials in the Secret {secret} cover {what} of the entry {name}: the kubelet finds no credential for the rest; correct the keys of its auths, or the pattern"
        ))
    });
    uncovered.map(|note| finding(FindingKind::NotCovered, note)).collect()
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
}
