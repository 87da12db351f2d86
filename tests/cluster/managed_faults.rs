//! Whatever befalls the two Secrets, the controller puts it right, and no admission fails meanwhile.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::{
    ByteString,
    api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Secret},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use pullpass::pki::Bundle;
use serde_json::json;

use crate::{
    audit::Event,
    eventually::eventually,
    managed::{CONTROLLER, SERVICE, SOON},
    pki::Authority,
    upkeep::{SECRETS, Upkeep},
};

const NAMES: [&str; 2] = ["127.0.0.1", SERVICE];
/// The limit of the API server for all values of a Secret.
const MAX_SECRET_BYTES: usize = 1 << 20;

/// What happens to a Secret.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Deleted,
    Swapped,
    Truncated,
    Garbled,
    Strangers,
    Huge,
    ImmutableAndTruncated,
    OfAnotherType,
    WithoutAuthorities,
}

impl Fault {
    /// How many authorities and certificates are issued because of it.
    fn issues(self, secrets: &[&str]) -> [u64; 2] {
        let of_ca = secrets.contains(&"pullpass-ca") && self != Self::WithoutAuthorities;
        let of_tls = secrets.contains(&"pullpass-tls");
        [of_ca, of_ca || of_tls].map(u64::from)
    }

    /// What an Event says of the Secret; none if nothing was issued.
    fn told(self, secret: &str) -> Option<&'static str> {
        Some(match (self, secret) {
            (Self::Deleted, _) => "there was none",
            (Self::Swapped | Self::Strangers, "pullpass-ca") => "is not that of an authority",
            (Self::Swapped, _) => "is not for `pullpass-webhook`",
            (Self::Strangers, _) => "none of the trusted authorities signed",
            (Self::Huge, _) => "larger than",
            (Self::WithoutAuthorities, "pullpass-ca") => return None,
            (Self::WithoutAuthorities, _) => "its ca.crt is not the authority",
            _ => "cannot be parsed",
        })
    }
}

#[tokio::test]
async fn fault_27_secrets_that_are_deleted_or_made_otherwise_are_made_anew() {
    let faults = [Fault::Deleted, Fault::ImmutableAndTruncated, Fault::OfAnotherType];
    are_healed(&faults).await;
}

#[tokio::test]
async fn fault_25_secrets_whose_content_is_spoilt_are_filled_anew() {
    let faults = [Fault::Truncated, Fault::Garbled, Fault::Huge, Fault::WithoutAuthorities];
    are_healed(&faults).await;
}

#[tokio::test]
async fn fault_25_nobody_else_is_trusted_for_having_been_put_into_a_secret() {
    are_healed(&[Fault::Swapped, Fault::Strangers]).await;
}

#[tokio::test]
async fn fault_41_who_spoils_whom_to_trust_over_and_over_is_told_of_and_not_followed_at_once() {
    let mut upkeep = Upkeep::start(&[]).await;
    let cluster = &upkeep.cluster;
    let spoil = async || loop {
        cluster.change_secret("pullpass-ca", &[("ca.crt", Some(b"spoilt"))]).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    tokio::select! {
        () = spoil() => unreachable!("it goes on for ever"),
        () = async {
            upkeep.event(&["Warning SecretContested", "over and over by something else"]).await;
            // Each repair comes later than the one before.
            let begin = repairs_of_authority(&upkeep);
            let time = Instant::now();
            eventually("four more repairs", SOON, async || {
                repairs_of_authority(&upkeep) >= begin + 4
            })
            .await;
            assert!(time.elapsed() > Duration::from_secs(1), "{:?}", time.elapsed());
        } => {}
    }
    upkeep.in_order().await;
    assert_eq!(upkeep.issued().await, [1, 1]);
}

/// How often the controller has updated the authority's Secret.
fn repairs_of_authority(upkeep: &Upkeep) -> usize {
    let is_update = |event: &Event| {
        event.user.username == CONTROLLER
            && event.verb == "update"
            && event.object_ref.name == "pullpass-ca"
            && event.response_status.code == 200
    };
    upkeep.cluster.audit_events(is_update).len()
}

async fn are_healed(faults: &[Fault]) {
    let mut upkeep = Upkeep::start(&[]).await;
    let stranger = Authority::new("stranger");
    let begin = configuration(&upkeep).await;
    let stream = upkeep.cluster.pod_stream().await;
    for fault in faults {
        for secrets in [&SECRETS[..1], &SECRETS[1..], &SECRETS] {
            let before = upkeep.issued().await;
            // All at once, in the eyes of the controller.
            upkeep.controller.signal("STOP");
            damage(&mut upkeep, *fault, secrets, &stranger).await;
            upkeep.controller.signal("CONT");
            upkeep.in_order().await;

            for told in secrets.iter().filter_map(|secret| fault.told(secret)) {
                upkeep.event(&[told]).await;
                assert!(upkeep.controller.log().contains(told), "{told}");
            }
            let issued = upkeep.issued().await;
            let issued = [issued[0] - before[0], issued[1] - before[1]];
            let mut expected = vec![fault.issues(secrets)];
            // Stopped amid a look, it has seen the authority as it was, and issues once more.
            if secrets.len() == 2 {
                let [ca, serving] = fault.issues(secrets);
                expected.push([ca, serving + 1]);
            }
            assert!(expected.contains(&issued), "{fault:?} {secrets:?}: {issued:?}");
        }
    }
    println!("{} Pods were admitted", stream.end().await);
    upkeep.kept_its_keys().await;
    let stranger = Bundle::parse(stranger.pem().as_bytes()).unwrap();
    for bundle in published_since(&upkeep, &begin).await {
        assert!(!bundle.is_empty() && stranger.iter().all(|theirs| !bundle.contains(theirs)));
    }
    assert_eq!(upkeep.controller.metric("pullpass_certificate_failures_total").await, Some(0.0));
}

async fn damage(upkeep: &mut Upkeep, fault: Fault, secrets: &[&str], stranger: &Authority) {
    let api = upkeep.cluster.secrets();
    let mut found = BTreeMap::new();
    for name in SECRETS {
        found.insert(name, api.get(name).await.unwrap());
    }
    for name in secrets {
        let other = SECRETS.into_iter().find(|other| other != name).unwrap();
        let (before, other) = (&found[name], &found[other]);
        let value = |key: &str| before.data.as_ref().unwrap()[key].0.clone();
        let half = |key: &str| value(key)[..value(key).len() / 2].to_vec();
        let truncated = [("tls.crt", half("tls.crt")), ("tls.key", half("tls.key"))];
        let values = match fault {
            Fault::Deleted => {
                api.delete(name, &DeleteParams::default()).await.unwrap();
                continue;
            }
            Fault::OfAnotherType => {
                api.delete(name, &DeleteParams::default()).await.unwrap();
                let secret = of_another_type(before, other, &truncated);
                api.create(&PostParams::default(), &secret).await.unwrap();
                continue;
            }
            Fault::WithoutAuthorities => {
                upkeep.cluster.change_secret(name, &[("ca.crt", None)]).await;
                continue;
            }
            Fault::Swapped => {
                let values = other.data.clone().unwrap().into_iter();
                values.map(|(key, value)| (key, value.0)).collect()
            }
            Fault::Truncated | Fault::ImmutableAndTruncated => named(truncated),
            Fault::Garbled => named([
                ("tls.crt", (0..=255).cycle().take(2_000).collect()),
                ("tls.key", value("tls.key").into_iter().rev().collect()),
                ("ca.crt", b"-----BEGIN CERTIFICATE-----\nnothing\n".to_vec()),
            ]),
            Fault::Strangers => {
                let leaf = stranger.issue(&NAMES);
                upkeep.remember(&leaf.key);
                named([
                    ("tls.crt", leaf.certificate.into_bytes()),
                    ("tls.key", leaf.key.into_bytes()),
                    ("ca.crt", stranger.pem().into_bytes()),
                ])
            }
            Fault::Huge => {
                let room = MAX_SECRET_BYTES - value("tls.key").len() - value("ca.crt").len();
                named([("tls.crt", value("tls.crt").into_iter().cycle().take(room).collect())])
            }
        };
        let values: Vec<(&str, Option<&[u8]>)> =
            values.iter().map(|(key, value)| (key.as_str(), Some(value.as_slice()))).collect();
        upkeep.cluster.change_secret(name, &values).await;
        if fault == Fault::ImmutableAndTruncated {
            let patch = Patch::Merge(json!({"immutable": true}));
            api.patch(name, &PatchParams::default(), &patch).await.unwrap();
        }
    }
}

fn named<const N: usize>(values: [(&str, Vec<u8>); N]) -> BTreeMap<String, Vec<u8>> {
    values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The Secret under the type of the other, with a value that has no place in it.
fn of_another_type(secret: &Secret, other: &Secret, values: &[(&str, Vec<u8>)]) -> Secret {
    let values = values.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.clone())));
    let mut data: BTreeMap<String, ByteString> = values.collect();
    data.insert("stray".to_owned(), ByteString(b"stray".to_vec()));
    let mut made = Secret { type_: other.type_.clone(), data: Some(data), ..Secret::default() };
    made.metadata.name = Some(secret.name_any());
    made
}

async fn configuration(upkeep: &Upkeep) -> MutatingWebhookConfiguration {
    let configurations: Api<MutatingWebhookConfiguration> = Api::all(upkeep.cluster.client());
    configurations.get("pullpass").await.unwrap()
}

/// Every caBundle of the mutating webhook since then.
async fn published_since(upkeep: &Upkeep, then: &MutatingWebhookConfiguration) -> Vec<Bundle> {
    use futures::{StreamExt, pin_mut};
    use kube::api::{WatchEvent, WatchParams};
    let configurations: Api<MutatingWebhookConfiguration> = Api::all(upkeep.cluster.client());
    let last = configuration(upkeep).await.resource_version();
    let ours = WatchParams::default().fields("metadata.name=pullpass");
    let begin = then.resource_version().unwrap();
    let events = configurations.watch(&ours, &begin).await.unwrap();
    pin_mut!(events);
    let mut bundles = Vec::new();
    loop {
        let Some(Ok(WatchEvent::Modified(version))) = events.next().await else {
            panic!("the history has a gap");
        };
        for webhook in version.webhooks.iter().flatten() {
            let pem = webhook.client_config.ca_bundle.clone().unwrap_or_default();
            bundles.push(Bundle::parse(&pem.0).unwrap());
        }
        if version.resource_version() == last {
            return bundles;
        }
    }
}
