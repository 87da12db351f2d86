//! The two Secrets: how they are read, and how they are written. No I/O.

use std::collections::BTreeMap;
use std::time::SystemTime;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use crate::pki::rotation::{AuthoritySeen, Found, ServingSeen};
use crate::pki::{Authority, Bundle, Pair};
use crate::tls;

/// The annotation by which somebody asks for renewal, whatever its value.
pub const RENEW: &str = "pullpass.io/renew";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const AUTHORITIES: &str = "ca.crt";
/// What client-side apply keeps of the Secret that it wrote: the key as well.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Who the labels say is at work here.
const OURS: &str = "pullpass-controller";
/// The type of the authority's Secret.
const OPAQUE: &str = "Opaque";
/// The type of the serving Secret.
const TLS: &str = "kubernetes.io/tls";

/// Reads the authority's Secret; the authority comes along, ready to sign.
pub fn read_authority(secret: Option<&Secret>) -> (Found<AuthoritySeen>, Option<Authority>) {
    let Some(secret) = secret else { return (Found::Absent, None) };
    match Authority::from_pem(bytes(secret, CERTIFICATE), bytes(secret, KEY)) {
        Ok(authority) => {
            let found = AuthoritySeen {
                certificate: authority.certificate().clone(),
                // What cannot be parsed is written anew.
                trusted: Bundle::parse(bytes(secret, AUTHORITIES)).unwrap_or_default(),
                renew: is_renewal_asked(secret),
            };
            (Found::Good(found), Some(authority))
        }
        Err(error) => (Found::Broken(error.to_string()), None),
    }
}

/// Reads the serving Secret.
pub fn read_serving(secret: Option<&Secret>, now: SystemTime) -> Found<ServingSeen> {
    let Some(secret) = secret else { return Found::Absent };
    match tls::load(bytes(secret, CERTIFICATE), bytes(secret, KEY), now) {
        Ok(loaded) => Found::Good(ServingSeen {
            chain: loaded.key.cert.clone(),
            authorities: Bundle::parse(bytes(secret, AUTHORITIES)).unwrap_or_default(),
            renew: is_renewal_asked(secret),
        }),
        Err(error) => Found::Broken(error.to_string()),
    }
}

/// The authority's Secret with a new authority, and `carried` beside it as trusted.
pub fn with_authority(mut secret: Secret, authority: &Authority, carried: &Bundle) -> Secret {
    let trusted = Bundle::of(authority.certificate().clone()).union(carried);
    set(&mut secret, CERTIFICATE, authority.certificate_pem());
    set(&mut secret, KEY, authority.key_pem().expose().to_owned());
    set(&mut secret, AUTHORITIES, trusted.pem());
    marked(secret, OPAQUE)
}

/// The authority's Secret with these as trusted. Whatever else it is, it stays: the key in it may be the
/// only copy.
pub fn with_trusted(mut secret: Secret, trusted: &Bundle) -> Secret {
    set(&mut secret, AUTHORITIES, trusted.pem());
    secret.annotations_mut().retain(|name, _| name != LAST_APPLIED);
    secret
}

/// Whether nothing in it can be changed.
pub fn is_immutable(secret: &Secret) -> bool {
    secret.immutable == Some(true)
}

/// The serving Secret with a new pair, signed by this authority.
pub fn with_serving(mut secret: Secret, pair: &Pair, authority: &Authority) -> Secret {
    set(&mut secret, CERTIFICATE, pair.certificate_pem.clone());
    set(&mut secret, KEY, pair.key_pem.expose().to_owned());
    set(&mut secret, AUTHORITIES, authority.certificate_pem());
    marked(secret, TLS)
}

/// Whether the Secret can be changed as it should be, or only replaced by a new one: its type and
/// what is immutable never change.
pub fn is_changeable(secret: &Secret, wanted: &Secret) -> bool {
    !is_immutable(secret) && secret.type_ == wanted.type_
}

/// Who else looks after the Secret, by the marks that are left on it.
pub fn other_owner(secret: &Secret) -> Option<String> {
    let annotations = secret.annotations();
    if let Some(certificate) = annotations.get("cert-manager.io/certificate-name") {
        return Some(format!("cert-manager's Certificate {certificate}"));
    }
    let owner = secret.owner_references().iter().find(|owner| owner.controller == Some(true));
    owner.map(|owner| format!("the {} {}", owner.kind, owner.name))
}

fn bytes<'a>(secret: &'a Secret, key: &str) -> &'a [u8] {
    secret.data.as_ref().and_then(|data| data.get(key)).map_or(&[], |bytes| &bytes.0)
}

fn set(secret: &mut Secret, key: &str, text: String) {
    let data = secret.data.get_or_insert_with(BTreeMap::new);
    data.insert(key.to_owned(), ByteString(text.into_bytes()));
}

fn is_renewal_asked(secret: &Secret) -> bool {
    secret.annotations().contains_key(RENEW)
}

fn marked(mut secret: Secret, kind: &str) -> Secret {
    secret.type_ = Some(kind.to_owned());
    secret.immutable = None;
    // Nothing else belongs into it; a stray value may have been put there by mistake, or to fill it.
    let keys = [CERTIFICATE, KEY, AUTHORITIES];
    secret.data.get_or_insert_default().retain(|key, _| keys.contains(&key.as_str()));
    secret.annotations_mut().retain(|name, _| name != LAST_APPLIED && name != RENEW);
    let labels = [
        ("app.kubernetes.io/name", "pullpass"),
        ("app.kubernetes.io/part-of", "pullpass"),
        (MANAGED_BY, OURS),
    ];
    for (name, value) in labels {
        secret.labels_mut().insert(name.to_owned(), value.to_owned());
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{issue_ca, issue_serving};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);

    fn authority(name: &str) -> Authority {
        issue_ca(name, SystemTime::now(), 30 * DAY).unwrap()
    }

    fn serving(authority: &Authority) -> Secret {
        let names = ["a.example".to_owned()];
        let pair = issue_serving(authority, &names, SystemTime::now(), DAY).unwrap();
        with_serving(Secret::default(), &pair, authority)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (own, old) = (authority("own"), authority("old"));
        let carried = Bundle::of(old.certificate().clone());
        let secret = with_authority(Secret::default(), &own, &carried);
        let (found, signing) = read_authority(Some(&secret));
        let found = found.good().unwrap();
        assert_eq!(&found.certificate, own.certificate());
        assert_eq!(found.trusted, carried.union(&Bundle::of(own.certificate().clone())));
        assert_eq!(signing.unwrap().key_pem(), own.key_pem());

        let found = read_serving(Some(&serving(&own)), SystemTime::now());
        assert_eq!(found.good().unwrap().authorities, Bundle::of(own.certificate().clone()));
        assert_eq!(read_serving(None, SystemTime::now()), Found::Absent);
        assert!(matches!(read_authority(None), (Found::Absent, None)));
    }

    #[test]
    fn a_key_that_is_missing_or_anothers_makes_the_secret_broken() {
        let (own, other) = (authority("own"), authority("other"));
        let mut secret = with_authority(Secret::default(), &own, &Bundle::default());
        set(&mut secret, KEY, other.key_pem().expose().to_owned());
        assert!(matches!(read_authority(Some(&secret)), (Found::Broken(_), None)));
        let mut secret = serving(&own);
        secret.data.as_mut().unwrap().remove(KEY);
        assert!(matches!(read_serving(Some(&secret), SystemTime::now()), Found::Broken(_)));
    }

    #[test]
    fn a_write_answers_the_request_for_renewal_and_leaves_what_is_the_administrators() {
        let own = authority("own");
        let mut asked = with_authority(Secret::default(), &own, &Bundle::default());
        for (name, value) in [(RENEW, "now"), (LAST_APPLIED, "{key}"), ("example.com/note", "x")] {
            asked.annotations_mut().insert(name.into(), value.into());
        }
        asked.labels_mut().insert("team".into(), "platform".into());
        set(&mut asked, "stray", "x".into());
        assert!(read_authority(Some(&asked)).0.good().unwrap().renew);

        let written = with_authority(asked.clone(), &authority("new"), &Bundle::default());
        assert_eq!(written.annotations().keys().collect::<Vec<_>>(), ["example.com/note"]);
        assert_eq!(written.labels()["team"], "platform");
        assert_eq!(written.labels()[MANAGED_BY], OURS);
        assert!(!written.data.unwrap().contains_key("stray"));

        let brought = Secret { type_: Some(TLS.into()), ..asked };
        let trusting = with_trusted(brought, &Bundle::of(own.certificate().clone()));
        assert!(read_authority(Some(&trusting)).0.good().unwrap().renew, "not answered yet");
        assert!(!trusting.annotations().contains_key(LAST_APPLIED));
        assert_eq!(trusting.type_.as_deref(), Some(TLS), "it need not be replaced");
    }

    #[test]
    fn what_never_changes_is_replaced_and_what_belongs_to_others_left_alone() {
        let secret = serving(&authority("own"));
        assert!(is_changeable(&secret, &secret));
        let immutable = Secret { immutable: Some(true), ..secret.clone() };
        let opaque = Secret { type_: Some(OPAQUE.into()), ..secret.clone() };
        assert!(!is_changeable(&immutable, &secret) && !is_changeable(&opaque, &secret));

        assert_eq!(other_owner(&secret), None);
        let mut owned = secret.clone();
        let owner = |controller| OwnerReference {
            kind: "ExternalSecret".into(),
            name: "tls".into(),
            controller,
            ..Default::default()
        };
        owned.metadata.owner_references = Some(vec![owner(None), owner(Some(true))]);
        assert_eq!(other_owner(&owned).unwrap(), "the ExternalSecret tls");
        let mut marked = secret;
        marked
            .annotations_mut()
            .insert("cert-manager.io/certificate-name".into(), "pullpass-tls".into());
        assert_eq!(other_owner(&marked).unwrap(), "cert-manager's Certificate pullpass-tls");
    }
}
