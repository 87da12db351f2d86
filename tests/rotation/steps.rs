//! The order of steps, case by case.

use std::time::Duration;

use pullpass::pki::{
    self, Bundle,
    rotation::{Reason, Step, Waiting},
};

use crate::world::{
    CA_LIFETIME, Configuration, Crash, DAY, LEAF_LIFETIME, NAME, PICKUP, PROPAGATION, World,
};

/// The kinds of the steps that are taken until nothing is left to do.
fn steps(world: &mut World) -> Vec<&'static str> {
    let mut taken = Vec::new();
    for _ in 0..40 {
        let step = world.round(None);
        taken.push(match &step {
            Step::IssueAuthority { .. } => "issue authority",
            Step::Trust(_) => "trust",
            Step::Publish(_) => "publish",
            Step::IssueServing(_) => "issue serving",
            Step::Wait(_, Waiting::Propagation) => "wait for propagation",
            Step::Wait(_, Waiting::Pickup) => "wait for pick-up",
            Step::Wait(_, Waiting::Renewal) => return taken,
        });
        assert_eq!(world.failure().filter(|_| world.replicas[1].1.is_some()), None);
        if let Step::Wait(time, _) = step {
            world.advance(time);
        }
    }
    panic!("it does not settle: {:#?}", world.log);
}

/// The steps of a whole rotation.
const ROTATION: [&str; 7] = [
    "issue authority",
    "publish",
    "wait for propagation",
    "issue serving",
    "wait for pick-up",
    "trust",
    "publish",
];

#[test]
fn an_empty_cluster_is_served_at_once() {
    let mut world = World::new();
    assert_eq!(steps(&mut world), ["issue authority", "publish", "issue serving"]);
    assert_eq!(world.now, Duration::ZERO);
    world.assert_steady();
}

#[test]
fn fault_23_a_new_authority_is_published_before_it_signs_and_the_old_one_dropped_last() {
    let mut world = World::steady();
    let before = world.now;
    World::ask(&mut world.ca);
    assert_eq!(steps(&mut world), ROTATION);
    assert_eq!(world.now - before, PROPAGATION + PICKUP);
    world.assert_steady();
}

#[test]
fn the_certificate_alone_is_renewed_without_the_authority() {
    let mut world = World::steady();
    World::ask(&mut world.tls);
    assert_eq!(steps(&mut world), ["issue serving"]);
    world.assert_steady();
}

#[test]
fn both_are_renewed_by_their_time_and_nothing_ever_expires() {
    let mut world = World::steady();
    let (mut authorities, mut certificates) = (vec![], vec![]);
    for _ in 0..4 * 365 {
        world.advance(DAY);
        world.settle();
        assert_eq!(world.failure(), None);
        let seen = world.seen();
        let authority = seen.authority.good().unwrap().certificate.clone();
        let leaf = seen.serving.good().unwrap().chain[0].clone();
        for (list, one) in [(&mut authorities, authority), (&mut certificates, leaf)] {
            if list.last() != Some(&one) {
                list.push(one);
            }
        }
    }
    // Renewed after 62 to 67 percent of 365 and of 30 days, to the day.
    assert!((6..=8).contains(&authorities.len()), "{}", authorities.len());
    assert!((68..=90).contains(&certificates.len()), "{}", certificates.len());
}

#[test]
fn an_expired_authority_is_replaced_after_a_long_outage_of_the_controller() {
    let mut world = World::steady();
    world.advance(2 * CA_LIFETIME);
    assert!(world.failure().is_some());
    let before = world.now;
    world.settle();
    assert_eq!(world.now, before, "nobody relies on what has expired");
    world.assert_steady();
}

#[test]
fn fault_27_deleted_secrets_are_issued_again_and_what_replicas_serve_stays_trusted() {
    let mut world = World::steady();
    world.tls = None;
    world.record();
    assert_eq!(steps(&mut world), ["issue serving"]);

    let mut world = World::steady();
    world.ca = None;
    assert_eq!(steps(&mut world), ROTATION);
    world.assert_steady();

    let mut world = World::steady();
    (world.ca, world.tls) = (None, None);
    world.record();
    assert_eq!(steps(&mut world), ROTATION);
    world.assert_steady();
}

#[test]
fn fault_26_a_wiped_bundle_is_repaired_at_once_and_nothing_else_done() {
    for wiped in [0, 1] {
        let mut world = World::steady();
        world.configurations[wiped] = Configuration::There(None);
        let Step::Publish(bundles) = world.round(None) else { panic!("{:?}", world.log) };
        assert_eq!(bundles.len(), 1);
        assert_eq!(bundles[0].0, wiped);
        world.assert_steady();
    }
}

#[test]
fn a_stranger_in_a_bundle_is_dropped() {
    let mut world = World::steady();
    let stranger = pki::issue_ca("stranger", world.time(), CA_LIFETIME).unwrap();
    let own = world.configurations[0].bundle().unwrap();
    let both = own.union(&Bundle::of(stranger.certificate().clone()));
    world.configurations[0] = Configuration::There(Some(both));
    assert_eq!(steps(&mut world), ["publish"]);
    world.assert_steady();
}

#[test]
fn fault_26_a_deleted_configuration_is_not_waited_for_and_filled_when_it_is_back() {
    let mut world = World::steady();
    world.configurations[1] = Configuration::Deleted;
    World::ask(&mut world.ca);
    assert_eq!(steps(&mut world), ROTATION);
    world.configurations[1] = Configuration::There(None);
    assert_eq!(steps(&mut world), ["publish"]);
    world.assert_steady();
}

#[test]
fn somebody_elses_certificate_is_replaced_and_its_authority_never_trusted() {
    let mut world = World::steady();
    let stranger = pki::issue_ca("stranger", world.time(), CA_LIFETIME).unwrap();
    let names = [NAME.to_owned()];
    let pair = pki::issue_serving(&stranger, &names, world.time(), LEAF_LIFETIME).unwrap();
    let key = pair.key_pem.expose().to_owned();
    World::edit(&mut world.tls, "tls.crt", pair.certificate_pem.as_bytes());
    World::edit(&mut world.tls, "tls.key", key.as_bytes());
    World::edit(&mut world.tls, "ca.crt", stranger.certificate_pem().as_bytes());
    world.record();
    assert!(matches!(world.round(None), Step::IssueServing(Reason::Broken(_))));
    assert_eq!(world.failure(), None);
    world.settle();
    world.assert_steady();
}

#[test]
fn a_given_certificate_is_taken_over_without_a_failure() {
    let mut world = World::steady();
    // As somebody else left it: a certificate by an authority whose key nobody has.
    world.ca = None;
    let given = pki::issue_ca("given", world.time(), CA_LIFETIME).unwrap();
    let pair = pki::issue_serving(&given, &[NAME.to_owned()], world.time(), LEAF_LIFETIME).unwrap();
    let key = pair.key_pem.expose().to_owned();
    World::edit(&mut world.tls, "tls.crt", pair.certificate_pem.as_bytes());
    World::edit(&mut world.tls, "tls.key", key.as_bytes());
    let bundle = Bundle::of(given.certificate().clone());
    world.configurations =
        [bundle.clone(), bundle].map(|bundle| Configuration::There(Some(bundle)));
    world.record();
    world.advance(2 * PICKUP);
    assert_eq!(world.failure(), None);
    assert_eq!(steps(&mut world), ROTATION);
    world.assert_steady();
}

#[test]
fn of_a_bundle_larger_than_can_be_carried_on_the_authority_in_use_is_kept() {
    let mut world = World::steady();
    world.ca = None;
    let in_use = world.configurations[0].bundle().unwrap().clone();
    let company: Bundle = (0..20).fold(Bundle::default(), |mut all, number| {
        let name = format!("company {number}");
        all.insert(pki::issue_ca(&name, world.time(), CA_LIFETIME).unwrap().certificate().clone());
        all
    });
    let all = company.union(&in_use);
    world.configurations = [all.clone(), all].map(|bundle| Configuration::There(Some(bundle)));
    world.record();
    world.advance(2 * PICKUP);
    no_request_fails_until_all_is_steady(&mut world);
}

#[test]
fn fault_27_an_authority_deleted_over_and_over_leaves_the_one_in_use_trusted() {
    let mut world = World::steady();
    for _ in 0..30 {
        world.ca = None;
        for _ in 0..3 {
            world.round(None);
            assert_eq!(world.failure(), None);
        }
        world.advance(PROPAGATION / 4);
        assert_eq!(world.failure(), None);
    }
    no_request_fails_until_all_is_steady(&mut world);
}

#[test]
fn fault_24_a_leader_whose_clock_is_off_by_hours_fails_no_request() {
    for hours in [-12, -2, 2, 12] {
        let mut world = World::steady();
        world.change_leader(hours * 3600);
        World::ask(&mut world.ca);
        no_request_fails_until_all_is_steady(&mut world);
    }
}

fn no_request_fails_until_all_is_steady(world: &mut World) {
    for _ in 0..40 {
        match world.round(None) {
            Step::Wait(_, Waiting::Renewal) => break,
            Step::Wait(time, _) => world.advance(time.min(PROPAGATION / 2)),
            _ => {}
        }
        assert_eq!(world.failure(), None);
    }
    world.settle();
    world.assert_steady();
}

#[test]
fn a_crash_at_each_step_leads_back_to_the_same_end() {
    for crash in [Crash::Before, Crash::Amid, Crash::After] {
        for at in 0..12 {
            let mut world = World::steady();
            World::ask(&mut world.ca);
            for round in 0..40 {
                let step = world.round((round == at).then_some(crash));
                assert_eq!(world.failure(), None, "{crash:?} at {at}");
                match step {
                    Step::Wait(_, Waiting::Renewal) if round > at => break,
                    Step::Wait(time, _) => world.advance(time.min(PICKUP)),
                    _ => {}
                }
                assert_eq!(world.failure(), None, "{crash:?} at {at}");
            }
            world.settle();
            world.assert_steady();
        }
    }
}

#[test]
fn fault_24_leaders_whose_clocks_differ_by_twenty_minutes_do_not_undo_each_other() {
    let mut world = World::steady();
    World::ask(&mut world.ca);
    for round in 0..60 {
        world.change_leader(if round % 2 == 0 { 600 } else { -600 });
        for _ in 0..3 {
            world.round(None);
            assert_eq!(world.failure(), None);
        }
        world.advance(Duration::from_secs(700));
        world.round(None);
        assert_eq!(world.failure(), None);
    }
    world.settle();
    world.assert_steady();
    assert!(world.writes < 20, "{:#?}", world.log);
}

#[test]
fn a_ca_bundle_that_cannot_be_written_holds_up_no_renewal() {
    for (place, asked) in [(0, true), (1, true), (0, false), (1, false)] {
        let mut world = World::steady();
        world.configurations[place] = Configuration::There(None);
        match asked {
            true => World::ask(&mut world.tls),
            false => world.tls = None,
        }
        assert!(matches!(world.round(None), Step::IssueServing(_)), "{:#?}", world.log);
        assert!(matches!(world.round(None), Step::Publish(_)), "{:#?}", world.log);
    }
}
