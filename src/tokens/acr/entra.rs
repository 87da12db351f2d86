//! Tokens of Microsoft Entra, by the client credentials grant.

use std::time::SystemTime;

use super::answer::{self, Complaint};
use super::identity::{Application, Proof};
use super::{RESOURCE, assertion, below};
use crate::tokens::http::{Answer, send};
use crate::tokens::{Failure, Reason, Tokens};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// That of a ServiceAccount has one or two kilobytes.
const MAX_TOKEN_FILE: usize = 64 << 10;

/// Asks for one.
pub async fn token(tokens: &Tokens, application: &Application) -> Result<String, Failure> {
    let Application { authority, tenant, client_id, proof } = application;
    let url = below(authority, &format!("/{tenant}/oauth2/v2.0/token"));
    let scope = format!("{RESOURCE}/.default");
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client_id.as_str()),
        ("scope", scope.as_str()),
    ];
    let signed;
    match proof {
        Proof::Secret(place, secret) => {
            let text = std::str::from_utf8(secret.expose())
                .map_err(|_| Failure::new(Reason::Settings, format!("{place} is not UTF-8")))?;
            form.push(("client_secret", text));
        }
        Proof::Certificate(place, pem) => {
            signed = assertion::sign(pem.expose(), client_id, url.as_str(), SystemTime::now())
                .map_err(|told| Failure::new(Reason::Settings, format!("{place}: {told}")))?;
            form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &signed)]);
        }
        Proof::TokenFile(path) => {
            signed = of_file(path).await?;
            form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &signed)]);
        }
    }
    let what = format!("ask {url} for a token");
    let answer = send(&what, tokens.http.proxied().post(url).form(&form)).await?;
    if answer.status != 200 {
        return Err(refused(&answer));
    }
    answer::access(&answer)
}

/// Read anew each time: the kubelet renews it.
async fn of_file(path: &str) -> Result<String, Failure> {
    let failed = |told: String| {
        let told = format!(
            "failed to read the token of the ServiceAccount in {path}, which AZURE_FEDERATED_TOKEN_FILE names: {told}"
        );
        Failure::new(Reason::NoIdentity, told)
    };
    let text = tokio::fs::read_to_string(path).await.map_err(|error| failed(error.to_string()))?;
    let text = text.trim_ascii();
    match text.len() {
        0 => Err(failed("it is empty".to_owned())),
        1..=MAX_TOKEN_FILE if text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(text.to_owned())
        }
        _ => Err(failed("it holds no token".to_owned())),
    }
}

fn refused(answer: &Answer) -> Failure {
    let complaint = Complaint::of_entra(answer);
    let failure = |reason, told: &str| answer.failure(reason, &complaint.with(told));
    if matches!(answer.status.as_u16(), 429 | 500..) {
        return answer
            .refused(&complaint.with("Microsoft Entra is busy or failed; it is asked again"));
    }
    if let Some((reason, told)) = complaint.number.and_then(meaning) {
        return failure(reason, told);
    }
    match complaint.code {
        Some("invalid_client" | "unauthorized_client" | "invalid_grant") => failure(
            Reason::Unauthorized,
            "the identity is not known, or what proves it is wrong or has expired; look at the sign-in logs of the tenant",
        ),
        Some("invalid_request" | "invalid_scope" | "invalid_resource") => failure(
            Reason::Settings,
            "the request is refused as it is; look at `tenantId`, `clientId` and the cloud of the registries",
        ),
        _ => answer.refused(&complaint.with("look at the sign-in logs of the tenant")),
    }
}

/// The `AADSTS` codes that settings, and not a fault of the issuer, are behind.
fn meaning(number: u32) -> Option<(Reason, &'static str)> {
    Some(match number {
        7_000_215 => (
            Reason::Unauthorized,
            "the client secret is wrong; put the value of a client secret of the application into the Secret, not the secret's ID",
        ),
        7_000_222 => (
            Reason::Unauthorized,
            "the client secret has expired; add one to the application, and put its value into the Secret",
        ),
        700_016 | 7_000_229 => (
            Reason::Unauthorized,
            "the tenant does not know the application; look at `clientId` and `tenantId`",
        ),
        7_000_112 => (Reason::Unauthorized, "the application is disabled; enable it in the tenant"),
        90_002 | 900_023 => (
            Reason::Unauthorized,
            "there is no such tenant in this cloud; look at `tenantId` and the registries' domain",
        ),
        700_024 => (
            Reason::ClockSkew,
            "the assertion is not valid at the time of Microsoft Entra; set the clock of the node, and for a workload identity see that its token file is renewed",
        ),
        700_027 => (
            Reason::Unauthorized,
            "the certificate is none of the application's, or has expired; upload it under Certificates & secrets of the application",
        ),
        70_021 | 700_211 | 700_212 | 700_213 => (
            Reason::Unauthorized,
            "no federated credential of the identity fits the controller; it needs the cluster's OIDC issuer, the subject system:serviceaccount:pullpass-system:pullpass-controller and the audience api://AzureADTokenExchange",
        ),
        53_003 => (
            Reason::Forbidden,
            "a Conditional Access policy of the tenant refuses the identity; exclude it, or admit the cluster's addresses",
        ),
        500_011 => (
            Reason::Forbidden,
            "the tenant does not know Azure Container Registry; look whether `tenantId` is the tenant of the registries",
        ),
        _ => return None,
    })
}
