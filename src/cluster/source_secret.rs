//! A Secret of our own namespace as a source.

use k8s_openapi::api::core::v1::Secret;

use super::credential_secret;
use crate::sources::{NAMESPACES_ANNOTATION, SHARE_LABEL, Share, Source};

/// What a Secret holds, as the kubelet would read it.
pub fn source_of(secret: &Secret) -> Source {
    let metadata = &secret.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    if credential_secret::has_our_name(name) && !credential_secret::is_ours(metadata) {
        let reason =
            "it has a name that is kept for the controller, which did not make it; delete it";
        return Source::Broken(reason.to_owned());
    }
    let uid = secret.metadata.uid.as_deref().unwrap_or_default();
    let secret_type = secret.type_.as_deref().unwrap_or("Opaque");
    Source::read(uid, secret_type, |key| {
        secret.data.as_ref()?.get(key).map(|value| value.0.as_slice())
    })
}

/// Whether it is shared by label. The credential of an entry is for that entry alone.
pub fn share_of(secret: &Secret) -> Option<Share> {
    let metadata = &secret.metadata;
    if credential_secret::has_our_name(metadata.name.as_deref().unwrap_or_default()) {
        return None;
    }
    let label = metadata.labels.as_ref().and_then(|labels| labels.get(SHARE_LABEL));
    let annotations = metadata.annotations.as_ref();
    let annotation = annotations.and_then(|annotations| annotations.get(NAMESPACES_ANNOTATION));
    Share::of(label.map(String::as_str), annotation.map(String::as_str))
}
