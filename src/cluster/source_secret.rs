//! A Secret of our own namespace as a source.

use k8s_openapi::api::core::v1::Secret;

use crate::sources::{NAMESPACES_ANNOTATION, SHARE_LABEL, Share, Source};

/// What a Secret holds, as the kubelet would read it.
pub fn source_of(secret: &Secret) -> Source {
    let uid = secret.metadata.uid.as_deref().unwrap_or_default();
    let secret_type = secret.type_.as_deref().unwrap_or("Opaque");
    Source::read(uid, secret_type, |key| {
        secret.data.as_ref()?.get(key).map(|value| value.0.as_slice())
    })
}

/// Whether it is shared by label.
pub fn share_of(secret: &Secret) -> Option<Share> {
    let metadata = &secret.metadata;
    let label = metadata.labels.as_ref().and_then(|labels| labels.get(SHARE_LABEL));
    let annotations = metadata.annotations.as_ref();
    let annotation = annotations.and_then(|annotations| annotations.get(NAMESPACES_ANNOTATION));
    Share::of(label.map(String::as_str), annotation.map(String::as_str))
}
