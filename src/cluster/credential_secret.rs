//! The Secret that holds the credential of an entry: the object that is written, and how one is recognised.
//! No I/O.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::ObjectMeta;

use crate::config::CREDENTIAL_PREFIX;
use crate::credentials::content_mark;
use crate::sources::SHARE_LABEL;
use crate::tokens::Life;

/// The field manager of every write.
pub const FIELD_MANAGER: &str = "pullpass-controller";
const TYPE: &str = "kubernetes.io/dockerconfigjson";
const KEY: &str = ".dockerconfigjson";
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "pullpass-controller");
const CREDENTIAL: (&str, &str) = ("pullpass.io/credential", "true");
const ENTRY: &str = "pullpass.io/entry";
/// The mark of what a token was fetched with.
const MADE_FROM: &str = "pullpass.io/made-from";
/// The mark of the content that was written with it: what somebody put there is no token of ours.
const CONTENT: &str = "pullpass.io/content";
/// RFC 3339, as the next one.
const ISSUED_AT: &str = "pullpass.io/issued-at";
const EXPIRES_AT: &str = "pullpass.io/expires-at";
/// The issuer did not say when it ends, or what it said cannot be true.
const ASSUMED: &str = "pullpass.io/expiry-assumed";

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

/// What the Secret of an entry is to hold.
#[derive(Debug, Clone, Copy)]
pub struct Credential<'a> {
    /// The name of the entry.
    pub entry: &'a str,
    /// The docker config.
    pub content: &'a [u8],
    /// Of a token, what it was fetched with, and how long it is good.
    pub stamp: Option<&'a Stamp>,
}

/// What is written down of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The mark of what it was fetched with.
    pub made_from: String,
    /// From when until when it is good.
    pub life: Life,
}

impl Credential<'_> {
    /// The annotations that it has; none of those that it does not have.
    fn annotations(&self) -> [(&'static str, Option<String>); 6] {
        let stamp = self.stamp;
        let time = |time: fn(&Life) -> SystemTime| stamp.map(|stamp| rfc3339(time(&stamp.life)));
        [
            (ENTRY, Some(self.entry.to_owned())),
            (MADE_FROM, stamp.map(|stamp| stamp.made_from.clone())),
            (CONTENT, stamp.map(|_| content_mark("", self.content))),
            (ISSUED_AT, time(|life| life.issued_at)),
            (EXPIRES_AT, time(|life| life.expires_at)),
            (ASSUMED, stamp.filter(|stamp| stamp.life.is_assumed).map(|_| "true".to_owned())),
        ]
    }
}

/// Whether a Secret holds this credential, and nothing else.
pub fn holds(secret: &Secret, credential: Credential<'_>) -> bool {
    let data = secret.data.iter().flatten().collect::<Vec<_>>();
    let is_content = matches!(
        &data[..],
        [(key, ByteString(bytes))] if *key == KEY && bytes == credential.content
    );
    let annotations = secret.annotations();
    let mut wanted = credential.annotations().into_iter();
    let is_annotated = wanted.all(|(name, value)| annotations.get(name) == value.as_ref());
    let is_shared = secret.labels().contains_key(SHARE_LABEL);
    is_content && is_annotated && !is_shared
}

/// The token that a Secret of ours holds, if it is as it was written.
pub fn token(secret: &Secret) -> Option<(Stamp, &[u8])> {
    let annotation = |name: &str| secret.annotations().get(name).map(String::as_str);
    let content = secret.data.as_ref()?.get(KEY)?.0.as_slice();
    if !is_ours(&secret.metadata) || annotation(CONTENT)? != content_mark("", content) {
        return None;
    }
    let life = Life {
        issued_at: time(annotation(ISSUED_AT)?)?,
        expires_at: time(annotation(EXPIRES_AT)?)?,
        is_assumed: annotation(ASSUMED).is_some(),
    };
    Some((Stamp { made_from: annotation(MADE_FROM)?.to_owned(), life }, content))
}

/// The Secret as it is to be, or made anew: whatever is not ours in its metadata stays.
pub fn filled(secret: Option<&Secret>, name: &str, credential: Credential<'_>) -> Secret {
    let mut secret = secret.cloned().unwrap_or_default();
    secret.metadata.name = Some(name.to_owned());
    secret.type_ = Some(TYPE.to_owned());
    secret.immutable = None;
    let content = ByteString(credential.content.to_vec());
    secret.data = Some(BTreeMap::from([(KEY.to_owned(), content)]));
    // Somebody may have put it on all Secrets; it is for one entry alone.
    secret.labels_mut().remove(SHARE_LABEL);
    for (name, value) in [MANAGED_BY, CREDENTIAL] {
        secret.labels_mut().insert(name.to_owned(), value.to_owned());
    }
    for (name, value) in credential.annotations() {
        match value {
            Some(value) => secret.annotations_mut().insert(name.to_owned(), value),
            None => secret.annotations_mut().remove(name),
        };
    }
    secret
}

fn rfc3339(time: SystemTime) -> String {
    Timestamp::try_from(time).map(|time| time.to_string()).unwrap_or_default()
}

fn time(text: &str) -> Option<SystemTime> {
    Some(text.parse::<Timestamp>().ok()?.into())
}

/// Whether the Secret can take another content: its type and what is immutable never change.
pub fn is_changeable(secret: &Secret) -> bool {
    secret.immutable != Some(true) && secret.type_.as_deref() == Some(TYPE)
}
