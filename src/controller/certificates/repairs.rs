//! Which steps put right what somebody else has done, and how soon they are taken.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use super::bundles::Target;
use super::last_published::LastPublished;
use super::store::Look;
use crate::controller::contest::Contest;
use crate::pki::Bundle;
use crate::pki::rotation::{Reason, Step};

/// What this process left, and how often it was undone of late.
#[derive(Debug, Default)]
pub struct Repairs {
    /// The caBundles.
    pub published: LastPublished,
    /// The authority's Secret.
    pub ca: Version,
    /// The serving Secret.
    pub tls: Version,
    over_secrets: Contest,
    over_bundles: Contest,
}

impl Repairs {
    /// Whether a step is a repair. `is_refused` tells whether clients that trust a bundle refuse the
    /// stored certificate.
    pub fn is_repair(
        &self,
        step: &Step,
        look: &Look,
        targets: &[Target],
        is_refused: impl Fn(&Bundle) -> bool,
    ) -> bool {
        let (ca, tls) = (look.ca.as_ref(), look.tls.as_ref());
        match step {
            Step::Publish(_) => self.published.is_undone(targets, is_refused),
            Step::IssueAuthority { reason, .. } => is_undone(reason, &self.ca, ca),
            Step::IssueServing(reason) => is_undone(reason, &self.tls, tls),
            Step::Trust(_) => self.ca.is_overwritten(ca),
            Step::Wait(..) => false,
        }
    }

    /// How long to wait with such a repair.
    pub fn pause(&mut self, step: &Step, now: Instant) -> Duration {
        self.contest(step).wait(now)
    }

    /// Takes note of a repair. Whether this is the one by which it became a contest.
    pub fn repaired(&mut self, step: &Step, now: Instant) -> bool {
        self.contest(step).repaired(now)
    }

    fn contest(&mut self, step: &Step) -> &mut Contest {
        match step {
            Step::Publish(_) => &mut self.over_bundles,
            _ => &mut self.over_secrets,
        }
    }
}

fn is_undone(reason: &Reason, version: &Version, read: Option<&Secret>) -> bool {
    match reason {
        Reason::Absent | Reason::Broken(_) => true,
        Reason::Due | Reason::NewAuthority => version.is_overwritten(read),
        Reason::Asked => false,
    }
}

/// The version of a Secret that was last written here; none if none was.
#[derive(Debug, Default)]
pub struct Version(Option<String>);

impl Version {
    /// Of what was written.
    pub fn of(written: &Secret) -> Self {
        Self(written.resource_version())
    }

    /// Whether somebody else has written since.
    fn is_overwritten(&self, read: Option<&Secret>) -> bool {
        self.0.is_some() && self.0 != read.and_then(ResourceExt::resource_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::certificates::bundles::Configurations;
    use std::time::SystemTime;

    fn secret(version: &str) -> Secret {
        let mut secret = Secret::default();
        secret.metadata.resource_version = Some(version.to_owned());
        secret
    }

    #[test]
    fn a_step_on_what_somebody_else_has_written_is_a_repair() {
        let repairs = Repairs { tls: Version::of(&secret("1")), ..Repairs::default() };
        let is_repair = |step: &Step, version: &str| {
            let look = Look {
                ca: Some(secret(version)),
                tls: Some(secret(version)),
                configurations: Configurations::default(),
                at: SystemTime::UNIX_EPOCH,
            };
            repairs.is_repair(step, &look, &[], |_| true)
        };
        for reason in [Reason::Due, Reason::NewAuthority] {
            let step = Step::IssueServing(reason);
            assert!(!is_repair(&step, "1"), "{step:?}");
            assert!(is_repair(&step, "2"), "{step:?}");
        }
        assert!(!is_repair(&Step::IssueServing(Reason::Asked), "2"), "it was asked for");
        assert!(is_repair(&Step::IssueServing(Reason::Absent), "1"));
        assert!(!is_repair(&Step::Trust(Bundle::default()), "2"), "never written here");
    }
}
