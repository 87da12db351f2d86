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

/// The authority's Secret with these as trusted.
pub fn with_trusted(mut secret: Secret, trusted: &Bundle) -> Secret {
    set(&mut secret, AUTHORITIES, trusted.pem());
    let asked = secret.annotations().get(RENEW).cloned();
    let mut secret = marked(secret, OPAQUE);
    // It asks for an authority, and this is none.
    if let Some(asked) = asked {
        secret.annotations_mut().insert(RENEW.to_owned(), asked);
    }
    secret
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
    secret.immutable != Some(true) && secret.type_ == wanted.type_
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
