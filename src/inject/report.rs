//! A decision in words: the texts that explain, logs and audit annotations share, and the JSON form.

use super::decision::{Decision, EntryDecision, ImageMatch, Outcome, SecretState, Skip};
use crate::config::{INJECT_DISABLED, INJECT_LABEL};
use serde::Serialize;
use std::fmt;

/// A decision as data, for `explain -o json`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Why the Pod is left as it is, whatever its images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// The entries of which a pattern matches an image.
    pub entries: Vec<EntryReport>,
    /// The pull secrets to add, in order.
    pub added: Vec<String>,
}

/// What was decided about one entry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryReport {
    /// The entry's name.
    pub name: String,
    /// Whether its pull secrets are due.
    pub applies: bool,
    /// Why, or why not.
    pub reason: String,
    /// The images that a pattern matches.
    pub images: Vec<ImageReport>,
    /// The pull secrets and what is done about each.
    pub pull_secrets: Vec<SecretReport>,
    /// The Secret of pullpass-system whose content the pull secret has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// An image that a pattern matches.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageReport {
    /// Where in the PodSpec it stands.
    pub place: String,
    /// The pattern of `images` that matches.
    pub pattern: String,
    /// The pattern of `exceptImages` that leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out_by: Option<String>,
}

/// One pull secret and what is done about it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretReport {
    /// The Secret's name.
    pub name: String,
    /// What is done about it.
    pub state: String,
}

impl Report {
    /// Renders a decision as data.
    pub fn new(decision: &Decision<'_>) -> Self {
        let skipped = match decision {
            Decision::Skipped(skip) => Some(skip.to_string()),
            Decision::Considered(_) => None,
        };
        Self {
            skipped,
            entries: decision.considered().iter().map(EntryReport::new).collect(),
            added: decision.additions().into_iter().map(str::to_owned).collect(),
        }
    }
}

impl EntryReport {
    fn new(decision: &EntryDecision<'_>) -> Self {
        let secrets = match &decision.outcome {
            Outcome::Granted(_, secrets) => &secrets[..],
            _ => &[],
        };
        Self {
            name: decision.entry.name.to_string(),
            applies: matches!(decision.outcome, Outcome::Granted(..)),
            reason: decision.outcome.to_string(),
            images: decision.images.iter().map(ImageReport::new).collect(),
            pull_secrets: secrets
                .iter()
                .map(|s| SecretReport { name: s.name.into(), state: s.state.to_string() })
                .collect(),
            source: decision.entry.source.as_ref().map(|source| source.secret.to_string()),
        }
    }
}

impl ImageReport {
    fn new(matched: &ImageMatch<'_>) -> Self {
        Self {
            place: matched.place.to_string(),
            pattern: matched.pattern.to_string(),
            left_out_by: matched.left_out_by.map(ToString::to_string),
        }
    }
}

/// Longest value of an audit annotation, in characters.
const MAX_ANNOTATION: usize = 2_000;

/// A decision as audit annotations: key and value. None if no pattern matched an image.
pub fn audit_annotations(decision: &Decision<'_>) -> Vec<(&'static str, String)> {
    if let Decision::Skipped(skip) = decision {
        return vec![("skipped", skip.to_string())];
    }
    let (mut names, mut reasons) = (String::new(), String::new());
    for EntryDecision { entry, outcome, .. } in decision.considered() {
        match outcome {
            Outcome::Granted(..) => append(&mut names, ",", &entry.name),
            _ => append(&mut reasons, "; ", &format!("{}: {outcome}", entry.name)),
        }
    }
    let annotations = [("entries", shortened(names)), ("not-applied", shortened(reasons))];
    annotations.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn append(list: &mut String, separator: &str, item: &str) {
    if !list.is_empty() {
        list.push_str(separator);
    }
    list.push_str(item);
}

/// The value, cut where it grows too long.
fn shortened(mut value: String) -> String {
    if let Some((end, _)) = value.char_indices().nth(MAX_ANNOTATION) {
        value.truncate(end);
        value.push_str("...");
    }
    value
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MirrorPod => f.write_str(
                "it is the mirror of a static Pod, which the API server lets have no pull secrets",
            ),
            Self::PodOptedOut => {
                write!(f, "the Pod is labelled `{INJECT_LABEL}: {INJECT_DISABLED}`")
            }
            Self::Namespace(left_out) => left_out.fmt(f),
        }
    }
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImagesLeftOut => {
                f.write_str("every image that matches is left out by `exceptImages`")
            }
            Self::NotGranted(denial) => denial.fmt(f),
            Self::Granted(grant, _) => grant.fmt(f),
        }
    }
}

impl fmt::Display for SecretState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Present => "already on the Pod",
            Self::AddedBefore => "added by an earlier entry",
        })
    }
}

impl fmt::Display for ImageMatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: matched pattern `{}`", self.place, self.pattern)?;
        match self.left_out_by {
            Some(except) => write!(f, ", but left out by `exceptImages` pattern `{except}`"),
            None => Ok(()),
        }
    }
}
