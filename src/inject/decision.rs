//! The decision: which pull secrets a Pod gets, and why.
//!
//! It is taken in two steps, because the second needs the namespace's labels, and most Pods never
//! get there: [`Matches::find`] looks at the images, [`Matches::decide`] at the namespace.

use super::pod::{ImagePlace, PodView};
use crate::{
    config::{Config, Denial, Entry, Grant, HitRole, Labels, LeftOut},
    image::{Pattern, Reference, Scratch},
};
use std::collections::HashMap;

/// The namespace in which a Pod is created.
#[derive(Debug, Clone, Copy)]
pub struct Namespace<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels; `None` where they are not known.
    pub labels: Option<&'a Labels>,
}

/// Why a Pod is left as it is, whatever its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// It mirrors a static Pod, and the API server refuses one with pull secrets.
    MirrorPod,
    /// It is labelled `pullpass.io/inject: disabled`.
    PodOptedOut,
    /// Its namespace is left out.
    Namespace(LeftOut),
}

/// What was decided about a Pod.
#[derive(Debug)]
pub enum Decision<'c> {
    /// The Pod is left as it is, whatever its images.
    Skipped(Skip),
    /// The entries of which a pattern matches an image, in the order of the configuration.
    Considered(Vec<EntryDecision<'c>>),
}

/// What was decided about one entry.
#[derive(Debug)]
pub struct EntryDecision<'c> {
    /// The position of the entry.
    pub position: usize,
    /// The entry.
    pub entry: &'c Entry,
    /// The images that a pattern of `images` matches, in the order in which they start.
    pub images: Vec<ImageMatch<'c>>,
    /// What follows.
    pub outcome: Outcome<'c>,
}

/// An image that a pattern of `images` matches.
#[derive(Debug, Clone)]
pub struct ImageMatch<'c> {
    /// Where in the Pod it stands.
    pub place: ImagePlace,
    /// The first pattern of `images` that matches.
    pub pattern: &'c Pattern,
    /// The first pattern of `exceptImages` that leaves it out.
    pub left_out_by: Option<&'c Pattern>,
}

/// What follows for an entry.
#[derive(Debug)]
pub enum Outcome<'c> {
    /// Every image is left out by `exceptImages`.
    ImagesLeftOut,
    /// The namespace is not granted.
    NotGranted(Denial<'c>),
    /// The pull secrets are due.
    Granted(Grant<'c>, Vec<SecretDecision<'c>>),
}

/// What follows for one pull secret of a granted entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretDecision<'c> {
    /// The Secret's name.
    pub name: &'c str,
    /// What is done about it.
    pub state: SecretState,
}

/// What is done about a pull secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// It is added.
    Added,
    /// The Pod has it already.
    Present,
    /// An earlier entry, or an earlier item of this one, adds it.
    AddedBefore,
}

/// The entries of which a pattern matches an image of a Pod.
#[derive(Debug)]
pub struct Matches<'c> {
    config: &'c Config,
    found: Result<Vec<(usize, Vec<ImageMatch<'c>>)>, Skip>,
}

/// Decides about a Pod whose namespace is known.
pub fn decide<'c>(config: &'c Config, pod: &PodView<'_>, namespace: Namespace<'_>) -> Decision<'c> {
    Matches::find(config, pod).decide(pod, namespace)
}

impl<'c> Matches<'c> {
    /// Looks at the Pod itself and at its images.
    pub fn find(config: &'c Config, pod: &PodView<'_>) -> Self {
        let found = match skip_by_pod(pod) {
            Some(skip) => Err(skip),
            None => Ok(match_images(config, pod)),
        };
        Self { config, found }
    }

    /// Whether the namespace cannot make a difference, so that nothing need be known of it.
    pub fn are_settled(&self) -> bool {
        self.found.as_ref().map_or(true, Vec::is_empty)
    }

    /// Decides, with what is known of the namespace.
    pub fn decide(self, pod: &PodView<'_>, namespace: Namespace<'_>) -> Decision<'c> {
        let found = match self.found {
            Ok(found) => found,
            Err(skip) => return Decision::Skipped(skip),
        };
        match self.config.scope.left_out(namespace.labels) {
            // What is not known makes no difference where nothing matches, and is not reported.
            Some(LeftOut::Unknown) if found.is_empty() => {}
            Some(left_out) => return Decision::Skipped(Skip::Namespace(left_out)),
            None => {}
        }
        let mut seen: HashMap<&str, SecretState> =
            pod.pull_secrets().map(|name| (name, SecretState::Present)).collect();
        let entries = found
            .into_iter()
            .filter_map(|(position, images)| {
                let entry = self.config.entries().get(position)?;
                let outcome = decide_entry(entry, &images, namespace, &mut seen);
                Some(EntryDecision { position, entry, images, outcome })
            })
            .collect();
        Decision::Considered(entries)
    }
}

fn skip_by_pod(pod: &PodView<'_>) -> Option<Skip> {
    if pod.is_mirror() {
        return Some(Skip::MirrorPod);
    }
    pod.is_opted_out().then_some(Skip::PodOptedOut)
}

/// The entries of which a pattern matches an image, by position and in ascending order, whatever the Pod
/// and its namespace are otherwise. An image that is no valid reference matches nothing.
pub fn match_images<'c>(
    config: &'c Config,
    pod: &PodView<'_>,
) -> Vec<(usize, Vec<ImageMatch<'c>>)> {
    let mut scratch = Scratch::default();
    let mut entries: Vec<(usize, Vec<ImageMatch<'c>>)> = Vec::new();
    for image in pod.images() {
        let Ok(reference) = Reference::parse(image.text) else { continue };
        let mut hits = config.hits(&reference, &mut scratch).peekable();
        while let Some(first) = hits.next() {
            let (mut pattern, mut left_out_by) = split_by_role(first.role, first.pattern);
            while let Some(next) = hits.next_if(|next| next.entry == first.entry) {
                let (included, left_out) = split_by_role(next.role, next.pattern);
                pattern = pattern.or(included);
                left_out_by = left_out_by.or(left_out);
            }
            if let Some(pattern) = pattern {
                let matched = ImageMatch { place: image.place, pattern, left_out_by };
                push(&mut entries, first.entry, matched);
            }
        }
    }
    entries
}

fn split_by_role(role: HitRole, pattern: &Pattern) -> (Option<&Pattern>, Option<&Pattern>) {
    match role {
        HitRole::Image => (Some(pattern), None),
        HitRole::ExceptImage => (None, Some(pattern)),
    }
}

fn push<'c>(
    entries: &mut Vec<(usize, Vec<ImageMatch<'c>>)>,
    position: usize,
    matched: ImageMatch<'c>,
) {
    match entries.binary_search_by_key(&position, |(position, _)| *position) {
        Ok(at) => entries[at].1.push(matched),
        Err(at) => entries.insert(at, (position, vec![matched])),
    }
}

fn decide_entry<'c: 's, 's>(
    entry: &'c Entry,
    images: &[ImageMatch<'c>],
    namespace: Namespace<'_>,
    seen: &mut HashMap<&'s str, SecretState>,
) -> Outcome<'c> {
    if images.iter().all(|image| image.left_out_by.is_some()) {
        return Outcome::ImagesLeftOut;
    }
    match entry.namespaces.decide(namespace.name, namespace.labels) {
        Err(denial) => Outcome::NotGranted(denial),
        Ok(grant) => {
            let mut decide = |name: &'c str| {
                let state = seen.get(name).copied().unwrap_or(SecretState::Added);
                if state == SecretState::Added {
                    seen.insert(name, SecretState::AddedBefore);
                }
                SecretDecision { name, state }
            };
            Outcome::Granted(grant, entry.pull_secrets.iter().map(|name| decide(name)).collect())
        }
    }
}

impl<'c> Decision<'c> {
    /// The pull secrets to add, in order.
    pub fn additions(&self) -> Vec<&'c str> {
        self.granted()
            .flat_map(|(_, secrets)| secrets)
            .filter(|secret| secret.state == SecretState::Added)
            .map(|secret| secret.name)
            .collect()
    }

    /// The entries that apply: an image matches and the namespace is granted.
    pub fn granted(&self) -> impl Iterator<Item = (&'c Entry, &[SecretDecision<'c>])> {
        self.considered().iter().filter_map(|decision| match &decision.outcome {
            Outcome::Granted(_, secrets) => Some((decision.entry, &secrets[..])),
            _ => None,
        })
    }

    /// The entries of which a pattern matches an image; none if the Pod is skipped.
    pub fn considered(&self) -> &[EntryDecision<'c>] {
        match self {
            Self::Skipped(_) => &[],
            Self::Considered(entries) => entries,
        }
    }

    /// Whether an entry did not apply because labels were not known.
    pub fn lacks_labels(&self) -> bool {
        match self {
            Self::Skipped(skip) => *skip == Skip::Namespace(LeftOut::Unknown),
            Self::Considered(entries) => entries
                .iter()
                .any(|entry| matches!(entry.outcome, Outcome::NotGranted(Denial::LabelsUnknown))),
        }
    }
}
