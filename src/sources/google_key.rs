//! The JSON key of a Google service account. It chooses no endpoint: who may write the Secret is not who may
//! say where tokens are asked for.

use serde::Deserialize;

use crate::credentials::Hidden;

/// Every address that keys of service accounts name; all of them are one issuer.
const TOKEN_URIS: [&str; 4] = [
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://www.googleapis.com/oauth2/v3/token",
    "https://accounts.google.com/o/oauth2/token",
];
const UNIVERSE: &str = "googleapis.com";

/// The JSON key of a Google service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogleKey {
    /// The service account.
    pub email: Box<str>,
    /// Which of its keys this is.
    pub id: Option<Box<str>>,
    /// PEM.
    pub private_key: Hidden,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "type")]
    kind: Option<Box<str>>,
    client_email: Option<Box<str>>,
    private_key_id: Option<Box<str>>,
    private_key: Option<String>,
    token_uri: Option<Box<str>>,
    universe_domain: Option<Box<str>>,
}

impl GoogleKey {
    /// Reads the JSON that Google gives out.
    ///
    /// # Errors
    /// Why it is no key. Nothing of it is in that.
    pub fn parse(json: &[u8]) -> Result<Self, &'static str> {
        let document: Document = serde_json::from_slice(json)
            .map_err(|_| "it is not the JSON key of a service account; write the whole file that Google gave out")?;
        check_kind(document.kind.as_deref())?;
        if document.universe_domain.is_some_and(|universe| &*universe != UNIVERSE) {
            return Err(
                "its `universe_domain` is not `googleapis.com`, the only one whose tokens can be fetched",
            );
        }
        if document.token_uri.is_some_and(|uri| !TOKEN_URIS.contains(&&*uri)) {
            return Err(
                "its `token_uri` is not one of Google, and a key does not choose who is asked; take the file as Google gave it out",
            );
        }
        let is_text = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        let email = document.client_email.filter(|email| is_text(email));
        let private_key = document.private_key.filter(|key| !key.is_empty());
        Ok(Self {
            email: email.ok_or("it has no `client_email`; take the file as Google gave it out")?,
            id: document.private_key_id,
            private_key: private_key
                .map(|key| Hidden::new(key.into_bytes()))
                .ok_or("it has no `private_key`; take the file as Google gave it out")?,
        })
    }
}

fn check_kind(kind: Option<&str>) -> Result<(), &'static str> {
    match kind {
        Some("service_account") => Ok(()),
        Some("external_account") => Err(
            "it is of workload identity federation (`external_account`), not a key; write its `audience` as `workloadIdentity` in place of `keyFrom`",
        ),
        Some("impersonated_service_account") => Err(
            "it is of impersonation (`impersonated_service_account`), not a key; write the service account as `impersonate`, and who may impersonate it as `keyFrom` or `workloadIdentity`",
        ),
        Some("authorized_user" | "external_account_authorized_user") => Err(
            "it is the login of a person (`authorized_user`), which ends with it; write the key of a service account, or `workloadIdentity` in place of `keyFrom`",
        ),
        _ => {
            Err("it is not the JSON key of a service account: its `type` is not `service_account`")
        }
    }
}
