//! What the sources of entries have for the images of a Pod.

use super::{
    output::{GOOD, WARNING, printable},
    sources::Sourced,
};
use crate::{
    credentials::{DockerConfig, Keyring},
    image::Reference,
    inject::{Decision, EntryDecision, Outcome, PodView},
    sources::Source,
};
use serde::Serialize;
use std::fmt;

/// What a source has for one image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialExplanation {
    /// The entry's name.
    pub entry: String,
    /// Where the image stands in the PodSpec.
    pub place: String,
    /// Whether the kubelet finds a credential for it in the source.
    pub found: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Looks into the source of each entry that applies, for each image that it is for.
pub fn credentials(
    sourced: &Sourced,
    pod: &PodView<'_>,
    decision: &Decision<'_>,
) -> Vec<CredentialExplanation> {
    let is_granted = |entry: &&EntryDecision<'_>| matches!(entry.outcome, Outcome::Granted(..));
    let granted = decision.considered().iter().filter(is_granted);
    granted.flat_map(|entry| of_entry(sourced, pod, entry)).collect()
}

fn of_entry(
    sourced: &Sourced,
    pod: &PodView<'_>,
    decision: &EntryDecision<'_>,
) -> Vec<CredentialExplanation> {
    let Some(source) = &decision.entry.source else { return vec![] };
    let config = match sourced.sources.get(&source.secret) {
        Some(Source::Good(content)) => content.docker_config().ok_or_else(String::new),
        Some(Source::Broken(reason)) => Err(reason.clone()),
        None => Err("it is not among the Secrets of --sources".to_owned()),
    };
    let matched = decision.images.iter().filter(|image| image.left_out_by.is_none());
    let explain = |place: String| {
        let image = pod.images().find(|image| image.place.to_string() == place);
        let missing = match &config {
            Err(reason) => Some(format!("the Secret {} cannot be used: {reason}", source.secret)),
            Ok(config) if serves(config, image.map_or("", |image| image.text)) => None,
            Ok(_) => Some(format!(
                "the Secret {} has no credential for it: the kubelet pulls without one",
                source.secret
            )),
        };
        CredentialExplanation {
            entry: decision.entry.name.to_string(),
            place,
            found: missing.is_none(),
            reason: missing,
        }
    };
    let mut places: Vec<String> = matched.map(|image| image.place.to_string()).collect();
    places.dedup();
    places.into_iter().map(explain).collect()
}

fn serves(config: &DockerConfig, image: &str) -> bool {
    Reference::parse(image).is_ok_and(|reference| Keyring::new(config).serves(&reference))
}

impl fmt::Display for CredentialExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            None => writeln!(f, "      {}: {GOOD}has a credential{GOOD:#}", self.place),
            Some(reason) => {
                writeln!(f, "      {}: {WARNING}{}{WARNING:#}", self.place, printable(reason))
            }
        }
    }
}
