//! Workload identity federation: a token of the controller's own ServiceAccount for one of Google (RFC 8693).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt;

use super::answer::{Complaint, oauth_token, of_load, skew};
use super::{AccessToken, Endpoint, Failure, Reason, Tokens, url};
use crate::tokens::http::{self, Answer};

/// Where the component gcp-workload-identity mounts the ServiceAccount's token.
const TOKEN_FILE: &str = "/var/run/secrets/pullpass/gcp/token";
/// Names another file.
const TOKEN_FILE_VARIABLE: &str = "PULLPASS_GCP_TOKEN_FILE";
const MAX_TOKEN: u64 = 64 << 10;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Fetches a token by the ServiceAccount's.
pub async fn fetch(tokens: &Tokens, provider: &str, scope: &str) -> Result<AccessToken, Failure> {
    let file = tokens.environment.get(TOKEN_FILE_VARIABLE);
    let file = PathBuf::from(file.as_deref().unwrap_or(OsStr::new(TOKEN_FILE)));
    let subject = read(&file).await?;
    let url = url(tokens, Endpoint::GcpSts, "https://sts.googleapis.com", "/v1/token");
    let what = format!("ask {url} for a token by {}", file.display());
    let form = [
        ("grant_type", GRANT_TYPE),
        ("audience", provider),
        ("scope", scope),
        ("requested_token_type", ACCESS_TOKEN),
        ("subject_token", &subject),
        ("subject_token_type", JWT),
    ];
    let answer = http::send(&what, tokens.http.proxied().post(&url).form(&form)).await?;
    match answer.status.is_success() {
        true => oauth_token(&answer),
        false => Err(refused(&answer)),
    }
}

/// The kubelet renews it: it is read anew each time.
async fn read(file: &Path) -> Result<String, Failure> {
    let failed = |told: &str| {
        let told = format!(
            "failed to read the ServiceAccount's token {}: {told}; the component gcp-workload-identity mounts it, and {TOKEN_FILE_VARIABLE} names another file",
            file.display()
        );
        Failure::new(Reason::NoIdentity, told)
    };
    let mut text = String::new();
    let read = async {
        let file = tokio::fs::File::open(file).await?;
        file.take(MAX_TOKEN + 1).read_to_string(&mut text).await
    };
    read.await.map_err(|error| failed(&error.to_string()))?;
    let text = text.trim();
    match text {
        "" => Err(failed("it is empty")),
        _ if text.len() as u64 > MAX_TOKEN => Err(failed("it is no token, so large it is")),
        _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err(failed("it is no token")),
        _ => Ok(text.to_owned()),
    }
}

fn refused(answer: &Answer) -> Failure {
    let complaint = Complaint::of(answer);
    if let Some(failure) = of_load(answer, &complaint) {
        return failure;
    }
    let failure = |reason, told: &str| answer.failure(reason, &complaint.with(told));
    match complaint.code.as_deref() {
        Some("invalid_grant") => match skew(answer) {
            Some(skew) => failure(Reason::ClockSkew, &format!("{skew}; set it right by NTP")),
            None => failure(
                Reason::Unauthorized,
                "the provider does not accept the ServiceAccount's token; its issuer must be that of the cluster, its keys those of the cluster, and the audience of the token one that it allows",
            ),
        },
        Some("invalid_target" | "invalid_request") => failure(
            Reason::Settings,
            "there is no such provider, or it or its pool is disabled or deleted; look at `workloadIdentity`",
        ),
        Some("unauthorized_client" | "access_denied") => failure(
            Reason::Forbidden,
            "the provider's attribute condition refuses the ServiceAccount; it has to let in `system:serviceaccount:pullpass-system:pullpass-controller`",
        ),
        Some("invalid_client") => {
            failure(Reason::Unauthorized, "the provider does not know the ServiceAccount")
        }
        _ => match answer.status.as_u16() {
            403 => failure(
                Reason::Forbidden,
                "the Security Token Service API (sts.googleapis.com) is not to be used; enable it in the project of the pool",
            ),
            _ => answer.refused(&complaint.with("the request is not understood")),
        },
    }
}
