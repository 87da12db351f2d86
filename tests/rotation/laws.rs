//! Laws, over sequences of rounds, crashes, changes of the leader, passing time and edits.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use proptest::prelude::*;
use pullpass::pki::{self, Bundle};

use crate::world::{CA_LIFETIME, Configuration, Crash, DAY, LEAF_LIFETIME, NAME, World};

#[derive(Debug, Clone)]
enum Happening {
    Round(Option<Crash>),
    Leader { skew: i64 },
    Pass(Duration),
    Ask { ca: bool },
    Edit(Edit),
}

/// What somebody does to the two Secrets.
#[derive(Debug, Clone)]
enum Edit {
    Delete { ca: bool },
    Garble { ca: bool, key: &'static str },
    Huge { ca: bool },
    Swap,
    Foreign { ca: bool },
    ForgetTrusted,
}

/// What somebody does to the webhook configurations.
#[derive(Debug, Clone)]
enum Damage {
    Wipe(usize),
    Delete(usize),
    Recreate(usize),
    Foreign(usize),
    Add(usize),
}

fn crash() -> impl Strategy<Value = Option<Crash>> {
    prop_oneof![
        6 => Just(None),
        1 => Just(Some(Crash::Before)),
        1 => Just(Some(Crash::Amid)),
        1 => Just(Some(Crash::After)),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => crash().prop_map(Happening::Round),
        2 => (-600..=600_i64).prop_map(|skew| Happening::Leader { skew }),
        6 => (0..700_u64).prop_map(|seconds| Happening::Pass(Duration::from_secs(seconds))),
        1 => Just(Happening::Pass(DAY)),
        2 => any::<bool>().prop_map(|ca| Happening::Ask { ca }),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let key = prop::sample::select(vec!["tls.crt", "tls.key", "ca.crt"]);
    prop_oneof![
        any::<bool>().prop_map(|ca| Edit::Delete { ca }),
        (any::<bool>(), key).prop_map(|(ca, key)| Edit::Garble { ca, key }),
        any::<bool>().prop_map(|ca| Edit::Huge { ca }),
        Just(Edit::Swap),
        any::<bool>().prop_map(|ca| Edit::Foreign { ca }),
        Just(Edit::ForgetTrusted),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    (0..2_usize, 0..5).prop_map(|(place, kind)| match kind {
        0 => Damage::Wipe(place),
        1 => Damage::Delete(place),
        2 => Damage::Recreate(place),
        3 => Damage::Foreign(place),
        _ => Damage::Add(place),
    })
}

/// Lets it happen. Time passes as it does for a controller that looks whenever something is due.
fn happen(world: &mut World, happening: &Happening) {
    match happening {
        Happening::Round(crash) => {
            world.round(*crash);
        }
        Happening::Leader { skew } => world.change_leader(*skew),
        Happening::Pass(time) => world.advance(*time),
        Happening::Ask { ca: true } => World::ask(&mut world.ca),
        Happening::Ask { ca: false } => World::ask(&mut world.tls),
        Happening::Edit(edit) => {
            change(world, edit);
            world.record();
        }
    }
}

fn change(world: &mut World, edit: &Edit) {
    match edit {
        Edit::Delete { ca: true } => world.ca = None,
        Edit::Delete { ca: false } => world.tls = None,
        Edit::Garble { ca, key } => World::edit(of(world, *ca), key, b"-----BEGIN PRIVATE"),
        Edit::Huge { ca } => World::edit(of(world, *ca), "tls.crt", &vec![b'A'; 300_000]),
        Edit::Swap => std::mem::swap(&mut world.ca, &mut world.tls),
        Edit::Foreign { ca } => {
            let stranger = pki::issue_ca("stranger", world.time(), CA_LIFETIME).unwrap();
            let names = [NAME.to_owned()];
            let leaf = pki::issue_serving(&stranger, &names, world.time(), LEAF_LIFETIME).unwrap();
            let (certificate, key) = match ca {
                true => (stranger.certificate_pem(), stranger.key_pem()),
                false => (leaf.certificate_pem, leaf.key_pem),
            };
            World::edit(of(world, *ca), "tls.crt", certificate.as_bytes());
            World::edit(of(world, *ca), "tls.key", key.expose().as_bytes());
            World::edit(of(world, *ca), "ca.crt", stranger.certificate_pem().as_bytes());
        }
        Edit::ForgetTrusted => {
            let own = world.ca.as_ref().and_then(|ca| ca.data.as_ref()?.get("tls.crt").cloned());
            World::edit(&mut world.ca, "ca.crt", &own.unwrap_or_default().0);
        }
    }
}

fn of(world: &mut World, ca: bool) -> &mut Option<Secret> {
    if ca { &mut world.ca } else { &mut world.tls }
}

fn damage_now(world: &mut World, damage: &Damage) {
    let stranger = || {
        let stranger = pki::issue_ca("stranger", world.time(), CA_LIFETIME).unwrap();
        Bundle::of(stranger.certificate().clone())
    };
    let there = |place: usize| world.configurations[place].clone();
    let (place, state) = match *damage {
        Damage::Wipe(place) => (
            place,
            match there(place) {
                Configuration::Deleted => Configuration::Deleted,
                Configuration::There(_) => Configuration::There(None),
            },
        ),
        Damage::Delete(place) => (place, Configuration::Deleted),
        Damage::Recreate(place) => (place, Configuration::There(None)),
        Damage::Foreign(place) => (place, Configuration::There(Some(stranger()))),
        Damage::Add(place) => {
            let bundle = there(place).bundle().cloned().unwrap_or_default();
            (place, Configuration::There(Some(bundle.union(&stranger()))))
        }
    };
    world.configurations[place] = state;
    world.record();
}

/// After all that, the controller is left in peace.
fn recovers(world: &mut World) {
    world.change_leader(0);
    world.settle();
    // What was asked for meanwhile comes after what was under way.
    world.settle();
    world.advance(Duration::from_secs(3600));
    world.settle();
    world.assert_steady();
    world.advance(Duration::from_secs(3600));
    assert_eq!(world.failure(), None);
}

/// After each of these no request fails, and in the end all is steady.
fn fails_no_request(happenings: &[Happening]) -> Result<(), TestCaseError> {
    let mut world = World::steady();
    for happening in happenings {
        happen(&mut world, happening);
        prop_assert_eq!(world.failure(), None, "{:?}", happening);
    }
    recovers(&mut world);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_request_fails_whatever_crashes_and_whoever_leads(
        happenings in prop::collection::vec(happening(), 1..60)
    ) {
        fails_no_request(&happenings)?;
    }

    #[test]
    fn no_request_fails_whatever_is_done_to_the_secrets(
        happenings in prop::collection::vec(
            prop_oneof![8 => happening(), 1 => edit().prop_map(Happening::Edit)], 1..60)
    ) {
        fails_no_request(&happenings)?;
    }

    /// While caBundles are wiped requests fail. What is checked meanwhile is what `World::round` checks:
    /// no certificate is stored that the published bundles do not verify.
    #[test]
    fn it_recovers_from_any_damage(
        happenings in prop::collection::vec(prop_oneof![
            8 => happening().prop_map(Ok),
            1 => edit().prop_map(|edit| Ok(Happening::Edit(edit))),
            2 => damage().prop_map(Err),
        ], 1..60)
    ) {
        let mut world = World::new();
        for happening in &happenings {
            match happening {
                Ok(happening) => happen(&mut world, happening),
                Err(damage) => damage_now(&mut world, damage),
            }
        }
        recovers(&mut world);
    }
}
