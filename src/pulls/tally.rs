//! Pods that cannot pull, counted by entry and cause. Of each there is one example, however many there are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    cause::{Cause, Verdict},
    pod::StuckPod,
};

/// Pods that cannot pull an image of one entry, for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullProblem {
    /// The name of the entry.
    pub entry: String,
    /// What keeps them from it.
    pub cause: Cause,
    /// The same in words, and what to do.
    pub reason: String,
    /// How many they are.
    pub pods: usize,
    /// The first of them.
    pub first: PodExample,
}

/// One of the Pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodExample {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where in it the image stands: `container app`.
    pub place: String,
    /// The image.
    pub image: String,
    /// Since when the Pod is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_ready_since: Option<String>,
    /// What the kubelet says, shortened.
    pub message: String,
}

/// The counts so far.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<(usize, Cause, String), PullProblem>);

impl Tally {
    /// Counts a Pod: once for each entry and cause.
    pub fn add(&mut self, pod: &StuckPod<'_>, verdicts: Vec<Verdict<'_, '_>>) {
        let mut counted = BTreeSet::new();
        for Verdict { position, entry, pull, cause, reason } in verdicts {
            let key = (position, cause, reason);
            if !counted.insert(key.clone()) {
                continue;
            }
            let reason = key.2.clone();
            let problem = self.0.entry(key).or_insert_with(|| PullProblem {
                entry: entry.name.to_string(),
                cause,
                reason,
                pods: 0,
                first: PodExample {
                    namespace: pod.namespace.clone(),
                    name: pod.name.clone(),
                    place: pull.title.clone(),
                    image: pull.image.clone(),
                    not_ready_since: pod.not_ready_since.clone(),
                    message: pull.message.clone(),
                },
            });
            problem.pods += 1;
        }
    }

    /// By entry in their order, and by cause.
    pub fn problems(self) -> Vec<PullProblem> {
        self.0.into_values().collect()
    }
}

impl PullProblem {
    /// In one line. What the kubelet says, which anyone may have written, comes last.
    pub fn text(&self, now: Timestamp) -> String {
        let Self { entry, reason, first, .. } = self;
        let PodExample { namespace, name, place, image, message, .. } = first;
        let pods = match self.pods {
            1 => format!("1 Pod cannot pull, {namespace}/{name}"),
            pods => format!("{pods} Pods cannot pull, the first {namespace}/{name}"),
        };
        let age = first.age(now).map(|age| format!(", not ready for {age}")).unwrap_or_default();
        format!(
            "entry `{entry}`: {pods} ({place}, image {image}{age}): {reason}; the kubelet says: {message}"
        )
    }
}

impl PodExample {
    /// In the largest unit, as kubectl shows it.
    fn age(&self, now: Timestamp) -> Option<String> {
        let since: Timestamp = self.not_ready_since.as_ref()?.parse().ok()?;
        let seconds = now.duration_since(since).as_secs().max(0);
        Some(match seconds {
            0..120 => format!("{seconds}s"),
            120..7_200 => format!("{}m", seconds / 60),
            7_200..172_800 => format!("{}h", seconds / 3_600),
            _ => format!("{}d", seconds / 86_400),
        })
    }
}
