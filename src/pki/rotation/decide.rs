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
    let issue_authority =
        |reason, old| Step::IssueAuthority { carried: carried(seen, old, now, policy), reason };
    let authority = match &seen.authority {
        Found::Good(authority) => authority,
        Found::Absent => return issue_authority(Reason::Absent, None),
        Found::Broken(reason) => return issue_authority(Reason::Broken(reason.clone()), None),
    };
    let situation = Situation::new(seen, authority, elapsed, now, policy);
    if let Some(reason) = situation.why_new_authority() {
        return issue_authority(reason, Some(authority));
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

/// All that certificates in use may be signed by, those that verify the stored one first: there may be
/// more than can be carried. What the serving Secret says of its authority does not count: whoever can
/// write it is not to choose whom API servers trust.
pub fn carried(
    seen: &Seen,
    old: Option<&AuthoritySeen>,
    now: SystemTime,
    policy: &Policy,
) -> Bundle {
    let old = old.map_or_else(Bundle::default, |old| {
        Bundle::of(old.certificate.clone()).union(&old.trusted)
    });
    let known = old.union(&seen.all_published()).filter(|known| is_valid(known, now));
    let in_use = known.filter(|known| seen.is_served_by(known, now, policy));
    let mut places = MAX_CARRIED;
    in_use.union(&known).filter(|_| {
        let is_kept = places > 0;
        places -= usize::from(is_kept);
        is_kept
    })
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
