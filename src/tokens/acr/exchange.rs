//! The exchange of a token of an identity for a refresh token of one registry.

use reqwest::Url;

use super::answer::{self, Complaint};
use super::below;
use crate::tokens::http::{Answer, send};
use crate::tokens::{Endpoint, Failure, Reason, Tokens};

/// Asks the registry itself for one: the configuration admits no host but Azure's.
pub async fn refresh_token(
    tokens: &Tokens,
    registry: &str,
    tenant: Option<&str>,
    token: &str,
) -> Result<String, Failure> {
    let base = match tokens.endpoints.get(Endpoint::Acr) {
        Some(url) => url.clone(),
        None => Url::parse(&format!("https://{registry}")).map_err(|error| {
            Failure::new(Reason::Settings, format!("the registry {registry} has no URL: {error}"))
        })?,
    };
    let url = below(&base, "/oauth2/exchange");
    let mut form = vec![("grant_type", "access_token"), ("service", registry)];
    form.extend(tenant.map(|tenant| ("tenant", tenant)));
    form.push(("access_token", token));
    let what = format!("get a refresh token for {registry} of {url}");
    let answer = send(&what, tokens.http.proxied().post(url).form(&form)).await?;
    if answer.status != 200 {
        return Err(refused(&answer));
    }
    answer::refresh(&answer)
}

fn refused(answer: &Answer) -> Failure {
    let complaint = Complaint::of_registry(answer);
    let told = match answer.status.as_u16() {
        401 => {
            "the registry does not admit the identity; give it the role `AcrPull` on the registry (`Container Registry Repository Reader` where permissions are those of repositories), and look whether the registry is of the same tenant"
        }
        403 => {
            "the identity lacks the role `AcrPull` on the registry, or the registry's network rules do not admit the address that the controller comes from"
        }
        404 => "there is no such registry; look at its login server",
        429 => "the registry has too many requests; it is asked again",
        500.. => "the registry failed; it is asked again",
        _ => "the registry refuses the request; look whether it is of the cloud of the identity",
    };
    answer.refused(&complaint.with(told))
}
