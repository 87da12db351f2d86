//! The Secret that holds the credential of an entry: the object that is written, and how one is recognised.
//! No I/O.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::ObjectMeta;

use crate::config::CREDENTIAL_PREFIX;
use crate::sources::SHARE_LABEL;

/// The field manager of every write.
pub const FIELD_MANAGER: &str = "pullpass-controller";
const TYPE: &str = "kubernetes.io/dockerconfigjson";
const KEY: &str = ".dockerconfigjson";
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "pullpass-controller");
const CREDENTIAL: (&str, &str) = ("pullpass.io/credential", "true");
const ENTRY: &str = "pullpass.io/entry";

/// Whether a Secret has a name that is kept for credentials.
pub fn has_our_name(name: &str) -> bool {
    name.starts_with(CREDENTIAL_PREFIX)
}

/// Both labels and our field manager: nothing else is ever changed or deleted.
pub fn is_ours(metadata: &ObjectMeta) -> bool {
    let labels = metadata.labels.as_ref();
    let has_label = |(name, value): (&str, &str)| {
        labels.and_then(|labels| labels.get(name)).is_some_and(|is| is == value)
    };
    let mut managers = metadata.managed_fields.iter().flatten();
    has_label(MANAGED_BY)
        && has_label(CREDENTIAL)
        && managers.any(|manager| manager.manager.as_deref() == Some(FIELD_MANAGER))
}

/// Whether a Secret holds this credential of this entry, and nothing else.
pub fn holds(secret: &Secret, entry: &str, content: &[u8]) -> bool {
    let data = secret.data.iter().flatten().collect::<Vec<_>>();
    let is_content =
        matches!(&data[..], [(key, ByteString(bytes))] if *key == KEY && bytes == content);
    let annotation = secret.annotations().get(ENTRY).map(String::as_str);
    let is_shared = secret.labels().contains_key(SHARE_LABEL);
    is_content && annotation == Some(entry) && !is_shared
}

/// The Secret as it is to be, or made anew: whatever is not ours in its metadata stays.
pub fn filled(secret: Option<&Secret>, name: &str, entry: &str, content: &[u8]) -> Secret {
    let mut secret = secret.cloned().unwrap_or_default();
    secret.metadata.name = Some(name.to_owned());
    secret.type_ = Some(TYPE.to_owned());
    secret.immutable = None;
    secret.data = Some(BTreeMap::from([(KEY.to_owned(), ByteString(content.to_vec()))]));
    // Somebody may have put it on all Secrets; it is for one entry alone.
    secret.labels_mut().remove(SHARE_LABEL);
    for (name, value) in [MANAGED_BY, CREDENTIAL] {
        secret.labels_mut().insert(name.to_owned(), value.to_owned());
    }
    secret.annotations_mut().insert(ENTRY.to_owned(), entry.to_owned());
    secret
}

/// Whether the Secret can take another content: its type and what is immutable never change.
pub fn is_changeable(secret: &Secret) -> bool {
    secret.immutable != Some(true) && secret.type_.as_deref() == Some(TYPE)
}
