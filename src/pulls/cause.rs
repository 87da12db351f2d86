//! Why a Pod cannot pull an image of an entry: by what the kubelet says, by the decision about the Pod as
//! if it were created now, and by the pull secret in its namespace.

use super::{
    pod::{StuckPod, StuckPull},
    refusal::Refusal,
};
use crate::{
    config::{Config, Entry, Mode},
    inject::{
        Decision, ImageMatch, ImagePlace, Namespace, Outcome, SecretDecision, SecretState, decide,
        match_images,
    },
};
use serde::Serialize;

/// What keeps the image from being pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The Pod, or its namespace, is left out whatever the entries say.
    LeftOut,
    /// The entry does not grant the namespace.
    NotGranted,
    /// `mode: observe`.
    Observed,
    /// The Pod was created without the pull secret that it would get now.
    NoPullSecret,
    /// The image is that of an ephemeral container, for which the Pod was given no pull secret.
    EphemeralContainer,
    /// The source of the entry cannot be used.
    SourceUnusable,
    /// The namespace has no copy of the source.
    CopyMissing,
    /// The copy has not the content of the source.
    CopyOutdated,
    /// A Secret that is no copy has its name.
    CopyInTheWay,
    /// The source has no credential for the image.
    NotCovered,
    /// The kubelet had no credential to show.
    NoCredential,
    /// The registry does not know the credential.
    CredentialRefused,
    /// The registry does not let it pull the image.
    NotPermitted,
    /// The registry has no such image.
    NotFound,
    /// The image is not built for the node.
    WrongPlatform,
    /// The registry was asked too often.
    TooManyRequests,
    /// The registry cannot be reached, or fails.
    Unreachable,
    /// It is never pulled, and not on the node.
    NotOnNode,
    /// The signature of the image is refused.
    SignatureRefused,
    /// Something else.
    Other,
}

/// What there is under the name of an entry's pull secret in the namespace of a Pod. The source is that
/// of the copy, with its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullSecret {
    /// Nobody looks after it: the entry has no source.
    OfOthers,
    /// A copy as it should be.
    InPlace(String),
    /// The same, and nothing in it is for the image.
    NotCovering(String),
    /// None.
    Missing(String),
    /// A copy with another content.
    Outdated(String),
    /// A Secret that is no copy.
    InTheWay,
    /// The source cannot be used.
    SourceUnusable(String),
}

/// Why one image of a Pod cannot be pulled, as one entry has it.
#[derive(Debug)]
pub struct Verdict<'c, 'p> {
    /// The position of the entry.
    pub position: usize,
    /// The entry, of which a pattern matches the image.
    pub entry: &'c Entry,
    /// The image.
    pub pull: &'p StuckPull,
    /// What keeps it from being pulled.
    pub cause: Cause,
    /// The same in words, and what to do.
    pub reason: String,
}

/// Decides for each image of the Pod that cannot be pulled and matches an entry. Where one entry is
/// granted, those that are not are no reason.
pub fn verdicts<'c, 'p>(
    config: &'c Config,
    pod: &'p StuckPod<'_>,
    namespace: Namespace<'_>,
    is_never_served: bool,
    mut pull_secret: impl FnMut(&Entry, &str) -> PullSecret,
) -> Vec<Verdict<'c, 'p>> {
    let matched = match_images(config, &pod.view);
    if matched.is_empty() {
        return Vec::new();
    }
    let decision = decide(config, &pod.view, namespace);
    let mut verdicts = Vec::new();
    for pull in &pod.pulls {
        let is_meant =
            |image: &ImageMatch<'_>| image.place == pull.place && image.left_out_by.is_none();
        let meant = matched.iter().filter(|(_, images)| images.iter().any(is_meant));
        let mut stands: Vec<_> = meant
            .filter_map(|(position, _)| {
                let entry = config.entries().get(*position)?;
                Some((*position, entry, Stand::of(&decision, *position, is_never_served)))
            })
            .collect();
        if stands.iter().any(|(_, _, stand)| stand.is_granted()) {
            stands.retain(|(_, _, stand)| stand.is_granted());
        }
        for (position, entry, stand) in stands {
            let is_begun_with = !is_ephemeral(pull.place)
                || matched.iter().any(|(of, images)| *of == position && is_any_begun_with(images));
            let (cause, reason) = of_node(pull.refusal)
                .or_else(|| {
                    let missed = of_pod(stand, is_begun_with, config.mode);
                    missed.map(|missed| as_hidden(pull.refusal, missed))
                })
                .unwrap_or_else(|| of_secret(pull.refusal, entry, pull_secret(entry, &pull.image)));
            verdicts.push(Verdict { position, entry, pull, cause, reason });
        }
    }
    verdicts
}

fn is_ephemeral(place: ImagePlace) -> bool {
    matches!(place, ImagePlace::EphemeralContainer(_))
}

/// Whether a new Pod would have one of them.
fn is_any_begun_with(images: &[ImageMatch<'_>]) -> bool {
    images.iter().any(|image| image.left_out_by.is_none() && !is_ephemeral(image.place))
}

/// Registries that hide images say `not found` to whoever shows nothing. Then that is not the cause.
fn as_hidden(refusal: Refusal, (cause, reason): (Cause, String)) -> (Cause, String) {
    match refusal {
        Refusal::NotFound => {
            let hidden = "the registry says not found, as some do to whoever shows no credential that they know";
            (cause, format!("{reason}; {hidden}"))
        }
        _ => (cause, reason),
    }
}

/// How an entry stands to a Pod.
enum Stand<'d> {
    LeftOut(String),
    NotGranted(String),
    Granted(&'d [SecretDecision<'d>]),
}

impl<'d> Stand<'d> {
    fn of(decision: &'d Decision<'_>, position: usize, is_never_served: bool) -> Self {
        if is_never_served {
            return Self::LeftOut("no Pod of its namespace is given a pull secret".to_owned());
        }
        if let Decision::Skipped(skip) = decision {
            return Self::LeftOut(skip.to_string());
        }
        let of_entry = decision.considered().iter().find(|entry| entry.position == position);
        match of_entry.map(|entry| &entry.outcome) {
            Some(Outcome::Granted(_, secrets)) => Self::Granted(secrets),
            outcome => Self::NotGranted(outcome.map(ToString::to_string).unwrap_or_default()),
        }
    }

    fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }
}

/// What no credential would change.
fn of_node(refusal: Refusal) -> Option<(Cause, String)> {
    let (cause, reason) = match refusal {
        Refusal::WrongPlatform => (
            Cause::WrongPlatform,
            "the image is not built for the platform of the node: choose another image, or other nodes",
        ),
        Refusal::Unreachable => (
            Cause::Unreachable,
            "the node cannot reach the registry, or the registry fails: check name, network and certificate",
        ),
        Refusal::Signature => {
            (Cause::SignatureRefused, "the node does not accept the signature of the image")
        }
        Refusal::Inspection => {
            (Cause::Other, "the node cannot look at the image: check its container runtime")
        }
        _ => return None,
    };
    Some((cause, reason.to_owned()))
}

/// Why the Pod does not carry the pull secret; none if it does.
fn of_pod(stand: Stand<'_>, is_begun_with: bool, mode: Mode) -> Option<(Cause, String)> {
    let secrets = match stand {
        Stand::LeftOut(reason) => return Some((Cause::LeftOut, format!("left out: {reason}"))),
        Stand::NotGranted(reason) => return Some((Cause::NotGranted, reason)),
        Stand::Granted(secrets) => secrets,
    };
    let is_carried = secrets.iter().any(|secret| secret.state == SecretState::Present);
    match (is_carried, mode) {
        (true, _) => None,
        (false, _) if !is_begun_with => Some((
            Cause::EphemeralContainer,
            "an ephemeral container uses the pull secrets that the Pod began with, and none is of this entry: use an image that needs none, or one from a registry that the Pod uses already"
                .to_owned(),
        )),
        (false, Mode::Observe) => {
            Some((Cause::Observed, "`mode: observe`: no Pod is given a pull secret".to_owned()))
        }
        (false, Mode::Enforce) => Some((
            Cause::NoPullSecret,
            "it has no pull secret of this entry: it was created while the webhook did not answer, or before the grant; delete it, or restart its workload"
                .to_owned(),
        )),
    }
}

/// What is the matter with the pull secret that the Pod carries, or with the credential in it.
fn of_secret(refusal: Refusal, entry: &Entry, secret: PullSecret) -> (Cause, String) {
    let (cause, reason) = match secret {
        PullSecret::InPlace(source) => return of_credential(refusal, &source),
        PullSecret::OfOthers => {
            let names = entry.pull_secrets.join("`, `");
            return of_credential(refusal, &format!("the Secret `{names}` of its namespace"));
        }
        PullSecret::SourceUnusable(source) => {
            (Cause::SourceUnusable, format!("{source} cannot be copied"))
        }
        PullSecret::Missing(source) => (
            Cause::CopyMissing,
            format!("its namespace has no copy of {source}: see the log of the controller"),
        ),
        PullSecret::Outdated(source) => (
            Cause::CopyOutdated,
            format!("the copy of {source} is outdated: see the log of the controller"),
        ),
        PullSecret::InTheWay => (
            Cause::CopyInTheWay,
            "a Secret that is not a copy of Pullpass's has the name of the pull secret, and is used as it is"
                .to_owned(),
        ),
        PullSecret::NotCovering(source) => (
            Cause::NotCovered,
            format!("{source} has no credential for this image: check the keys of `auths`"),
        ),
    };
    as_hidden(refusal, (cause, reason))
}

/// What is the matter with a credential that is where it should be.
fn of_credential(refusal: Refusal, source: &str) -> (Cause, String) {
    match refusal {
        Refusal::NoCredential => (
            Cause::NoCredential,
            format!("the kubelet had no credential to show: check that {source} is there and has one for this image; a copy that has just been made is taken at the next attempt"),
        ),
        Refusal::Unauthorized => (
            Cause::CredentialRefused,
            format!("the registry refuses the credential: check the password in {source}"),
        ),
        Refusal::NotPermitted => (
            Cause::NotPermitted,
            format!("the registry does not let the credential pull it: check the rights of the user in {source}, and the password"),
        ),
        Refusal::NotFound => (
            Cause::NotFound,
            format!("the registry has no such image, or hides it: check name and tag, and the rights of the user in {source}"),
        ),
        Refusal::TooManyRequests => (
            Cause::TooManyRequests,
            "the registry limits how often images are pulled: wait, or raise the limit".to_owned(),
        ),
        Refusal::NotOnNode => (
            Cause::NotOnNode,
            "`imagePullPolicy: Never`, and the image is not on the node, or was pulled with another credential"
                .to_owned(),
        ),
        _ => (
            Cause::Other,
            "the kubelet does not say why, or something else is wrong: see the Events of the Pod"
                .to_owned(),
        ),
    }
}
