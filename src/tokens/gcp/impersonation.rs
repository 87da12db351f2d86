//! A token of another service account, in whose name an identity may speak.

use serde::Deserialize;
use serde_json::json;

use super::answer::{Complaint, of_load, token};
use super::{AccessToken, Endpoint, Expiry, Failure, PULL, Reason, Tokens, url};
use crate::tokens::http::{self, Answer};

/// The longest that needs no policy of the organization.
const LIFETIME: &str = "3600s";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    access_token: Option<String>,
    expire_time: Option<String>,
}

/// Fetches a token of the service account `email` by the identity's `own`.
pub async fn fetch(
    tokens: &Tokens,
    email: &str,
    own: &AccessToken,
) -> Result<AccessToken, Failure> {
    let path = format!("/v1/projects/-/serviceAccounts/{email}:generateAccessToken");
    let host = "https://iamcredentials.googleapis.com";
    let url = url(tokens, Endpoint::GcpIamCredentials, host, &path);
    let what = format!("ask {url} for a token");
    let own = String::from_utf8_lossy(own.value.expose());
    let body = json!({"scope": [PULL], "lifetime": LIFETIME});
    let request = tokens.http.proxied().post(&url).bearer_auth(own).json(&body);
    let answer = http::send(&what, request).await?;
    if !answer.status.is_success() {
        return Err(refused(&answer, email));
    }
    let Generated { access_token, expire_time } = answer.json()?;
    let expiry = match expire_time {
        None => Expiry::Unknown,
        Some(text) => {
            let time = text.parse::<jiff::Timestamp>().map_err(|_| {
                answer.failure(Reason::Answer, "`expireTime` is not a time as RFC 3339 has it")
            })?;
            Expiry::At(time.into())
        }
    };
    Ok(AccessToken { value: token(&answer, access_token)?, expiry })
}

fn refused(answer: &Answer, email: &str) -> Failure {
    let complaint = Complaint::of(answer);
    if let Some(failure) = of_load(answer, &complaint) {
        return failure;
    }
    let failure = |reason, told: &str| answer.failure(reason, &complaint.with(told));
    match (answer.status.as_u16(), complaint.detail.as_deref()) {
        (403, Some("SERVICE_DISABLED")) => failure(
            Reason::Forbidden,
            &format!(
                "the IAM Service Account Credentials API (iamcredentials.googleapis.com) is not enabled; enable it in the project of {email}"
            ),
        ),
        (403, Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT")) => failure(
            Reason::Forbidden,
            "the access scopes of the node leave it out; give the node the scope `cloud-platform`, or turn on Workload Identity Federation for GKE",
        ),
        (403, _) => failure(
            Reason::Forbidden,
            &format!(
                "the identity lacks the permission `iam.serviceAccounts.getAccessToken`; grant it `roles/iam.serviceAccountTokenCreator` on {email}, if that is there"
            ),
        ),
        (404, _) => failure(
            Reason::Settings,
            &format!("there is no service account {email}; look at `impersonate`"),
        ),
        (401, _) => failure(
            Reason::Unauthorized,
            "the token of the identity itself is not accepted; look whether its service account is there and enabled",
        ),
        _ => answer.refused(&complaint.with("the request is not understood")),
    }
}
