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

    /// Whether the caBundle of any of these webhooks is no longer what was noted. One that was never
    /// noted is as whoever led before left it, unless it does not verify the stored certificate.
    pub fn is_undone<'a>(
        &self,
        targets: impl IntoIterator<Item = &'a Target>,
        is_refused_by: impl Fn(&Bundle) -> bool,
    ) -> bool {
        let empty = Bundle::default();
        targets.into_iter().any(|target| match self.0.get(&(target.kind, target.webhook.clone())) {
            Some(last) => *last != target.published,
            None => is_refused_by(target.published.as_ref().unwrap_or(&empty)),
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
        last.note(mutating, "a", bundle.clone());
        let in_place = target(mutating, bundle);
        let wiped = target(mutating, None);
        let is_undone = |targets: &[&Target]| last.is_undone(targets.iter().copied(), |_| false);
        assert!(!is_undone(&[&in_place]));
        assert!(is_undone(&[&in_place, &wiped]));
        assert!(!is_undone(&[]));

        let never_noted = target(validating, None);
        assert!(!is_undone(&[&never_noted]), "it is as it was left");
        assert!(last.is_undone([&never_noted], Bundle::is_empty));
    }
}
