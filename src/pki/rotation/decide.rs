//! The next step of a rotation.

use std::time::SystemTime;

use super::memory::Elapsed;
use super::schedule::is_valid;
use super::seen::{AuthoritySeen, Found, Seen};
use super::situation::{MAX_CARRIED, Situation};
use super::step::{Policy, Reason, Step, Waiting};
use crate::pki::Bundle;

/// Decides on the next step. After it is taken, look and ask again.
pub fn next_step(seen: &Seen, elapsed: Elapsed, now: SystemTime, policy: &Policy) -> Step {
    let authority = match &seen.authority {
        Found::Good(authority) => authority,
        Found::Absent => return issue_authority(seen, None, Reason::Absent, now),
        Found::Broken(reason) => {
            return issue_authority(seen, None, Reason::Broken(reason.clone()), now);
        }
    };
    let situation = Situation::new(seen, authority, elapsed, now, policy);
    if let Some(reason) = situation.why_new_authority() {
        return issue_authority(seen, Some(authority), reason, now);
    }
    if let Some(trusted) = situation.repaired_trust() {
        return Step::Trust(trusted);
    }
    let serving = situation.why_serve();
    // Not held up by a caBundle that cannot be written.
    if let Some((reason, _)) = serving.as_ref().filter(|due| situation.is_verified_already(due)) {
        return Step::IssueServing(reason.clone());
    }
    let unpublished = situation.unpublished();
    if !unpublished.is_empty() {
        return Step::Publish(unpublished);
    }
    match serving {
        Some((reason, is_usable)) => match situation.wait_for_propagation(is_usable) {
            Some(rest) => Step::Wait(rest, Waiting::Propagation),
            None => Step::IssueServing(reason),
        },
        None => finish(&situation),
    }
}

/// A new authority, beside all that certificates in use may be signed by. What the serving Secret says
/// of its authority does not count: whoever can write it is not to choose whom API servers trust.
fn issue_authority(
    seen: &Seen,
    old: Option<&AuthoritySeen>,
    reason: Reason,
    now: SystemTime,
) -> Step {
    let old = old.map_or_else(Bundle::default, |old| {
        Bundle::of(old.certificate.clone()).union(&old.trusted)
    });
    let carried = old.union(&seen.all_published());
    let mut places = MAX_CARRIED;
    let carried = carried.filter(|certificate| {
        let is_kept = places > 0 && is_valid(certificate, now);
        places -= usize::from(is_kept);
        is_kept
    });
    Step::IssueAuthority { carried, reason }
}

/// The certificate is the right one: what is left is to drop old authorities, and then to wait.
fn finish(situation: &Situation<'_>) -> Step {
    if situation.is_rotating() && situation.is_settled() {
        return Step::Trust(situation.own());
    }
    if !situation.is_only_published() {
        return Step::Wait(situation.wait_for_pickup(), Waiting::Pickup);
    }
    Step::Wait(situation.wait_for_renewal(), Waiting::Renewal)
}
