//! What was last known to stand in each caBundle: what differs from it was changed by somebody else.

use std::collections::BTreeMap;

use super::bundles::Target;
use crate::cluster::registration::RegistrationKind;
use crate::pki::Bundle;

/// The caBundles that were in order when they were last seen or written, by this process.
#[derive(Debug, Default)]
pub struct LastPublished(BTreeMap<(RegistrationKind, String), Option<Bundle>>);

impl LastPublished {
    /// Takes note of a caBundle that is as it should be.
    pub fn note(&mut self, kind: RegistrationKind, webhook: &str, bundle: Option<Bundle>) {
        self.0.insert((kind, webhook.to_owned()), bundle);
    }

    /// Whether the caBundle of any of these webhooks is no longer what was noted. Of one that was never
    /// noted nothing is known: whoever led before may have left it so.
    pub fn is_undone<'a>(&self, targets: impl IntoIterator<Item = &'a Target>) -> bool {
        targets.into_iter().any(|target| {
            let last = self.0.get(&(target.kind, target.webhook.clone()));
            last.is_some_and(|last| *last != target.published)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::issue_ca;
    use std::time::{Duration, SystemTime};

    fn target(kind: RegistrationKind, published: Option<Bundle>) -> Target {
        Target { kind, webhook: "a".into(), published }
    }

    #[test]
    fn what_differs_from_what_was_noted_was_undone() {
        let ca = issue_ca("CA", SystemTime::now(), Duration::from_secs(3600)).unwrap();
        let bundle = Some(Bundle::of(ca.certificate().clone()));
        let [mutating, validating] = RegistrationKind::BOTH;
        let mut last = LastPublished::default();
        assert!(!last.is_undone([&target(mutating, None)]), "never noted");
        last.note(mutating, "a", bundle.clone());
        let in_place = target(mutating, bundle);
        let wiped = target(mutating, None);
        assert!(!last.is_undone([&in_place]));
        assert!(last.is_undone([&in_place, &wiped]));
        assert!(!last.is_undone([&target(validating, None)]), "of the other kind");
        assert!(!last.is_undone([]));
    }
}
