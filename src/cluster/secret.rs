//! The serving certificate from the one Secret that the webhook may read.

use super::{
    ObjectName,
    single::{self, Seen},
};
use crate::tls::CertificateKeeper;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use std::pin::pin;

/// Keeps the serving certificate as the Secret has it, for ever.
pub async fn watch(client: Client, name: ObjectName, mut keeper: CertificateKeeper) {
    let origin = format!("Secret {name}");
    let mut seen = pin!(single::watch::<Secret>(client, &name));
    while let Some(seen) = seen.next().await {
        match seen {
            Seen::Object(object) => {
                let bytes = |key| {
                    let value = object.data.as_ref().and_then(|data| data.get(key));
                    value.map_or(&[][..], |bytes| &bytes.0)
                };
                keeper.offer(&origin, bytes("tls.crt"), bytes("tls.key"));
            }
            Seen::Absent => keeper.absent(&origin, "it does not exist; create it"),
            Seen::Failed(error) => keeper.watch_failed(&origin, &error.to_string()),
        }
    }
}
