//! Credentials of what is beside the Pod: the EKS Pod Identity Agent, and the metadata of the instance.
//! Never by a proxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use reqwest::{RequestBuilder, Url};
use serde::Deserialize;

use super::identity::{self, Identity};
use super::{refusal, sdk::shown};
use crate::tokens::http::{self, Answer};
use crate::tokens::{Failure, Reason, Tokens};

/// It is a hop away, or it is not there.
const TIMEOUT: Duration = Duration::from_secs(5);
const INSTANCE: &str = "http://169.254.169.254";
const ROLES: &str = "latest/meta-data/iam/security-credentials/";
/// Of the EKS Pod Identity Agent.
const AGENT: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];
const NO_IDENTITY: &str = "the controller has no identity in AWS: give it one by IRSA or EKS Pod Identity, or name an access key in the entry";

const REACHED_WITH: &str = "the component machine-identity lets the controller reach it";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
}

/// By the EKS Pod Identity Agent of the node.
pub async fn of_pod_identity(tokens: &Tokens, uri: &str) -> Result<Identity, Failure> {
    let Some(url) = Url::parse(uri).ok().filter(is_near) else {
        let told = "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor the address of the EKS Pod Identity Agent; leave it to EKS to set it";
        return Err(Failure::new(Reason::Settings, told));
    };
    let who = "the controller's ServiceAccount (EKS Pod Identity)";
    let what = format!("ask {} for the credentials of {who}", shown(&url));
    let mut request = tokens.http.direct().get(url).timeout(TIMEOUT);
    let name = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    if let Some(file) = tokens.environment.text(name) {
        request = request.header("authorization", identity::token_of(name, &file).await?);
    }
    let answer = http::send(&what, request).await.map_err(|failure| {
        let message = format!("{}; {REACHED_WITH}", failure.message);
        Failure { message, ..failure }
    })?;
    if answer.status.is_success() {
        return of_document(&answer, who.to_owned());
    }
    let hint = "look at the Pod identity association of the controller's ServiceAccount, and at the trust policy of its role";
    Err(match refusal::named_in(answer.body()) {
        Some((code, reason)) => answer.failure(reason, &format!("{code}; {hint}")),
        None => answer.refused(hint),
    })
}

/// A token of the ServiceAccount is not sent over a network in the clear.
fn is_near(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_local = |address: IpAddr| address.is_loopback() || AGENT.contains(&address);
    match url.scheme() {
        "https" => true,
        "http" => host.parse().is_ok_and(is_local),
        _ => false,
    }
}

/// By version 2 of the Instance Metadata Service.
pub async fn of_instance(tokens: &Tokens) -> Result<Identity, Failure> {
    let is_off = tokens.environment.text("AWS_EC2_METADATA_DISABLED");
    if is_off.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        let told = format!("{NO_IDENTITY}; AWS_EC2_METADATA_DISABLED forbids to ask the instance");
        return Err(Failure::new(Reason::NoIdentity, told));
    }
    let given = tokens.environment.text("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let base = given.as_deref().unwrap_or(INSTANCE).trim_end_matches('/');
    let Ok(base) = Url::parse(&format!("{base}/")) else {
        let told = "AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL; correct it or remove it";
        return Err(Failure::new(Reason::Settings, told));
    };
    let client = tokens.http.direct();
    let at = |path: &str| base.join(path).unwrap_or_else(|_| base.clone());

    let url = at("latest/api/token");
    let request = client.put(url.clone()).header("x-aws-ec2-metadata-token-ttl-seconds", "60");
    let token = ask(&url, request).await?;
    let Some(token) = graphic(token.body()) else {
        return Err(token.failure(Reason::Answer, "the answer is no token of a session"));
    };
    let get = |url: &Url| client.get(url.clone()).header("x-aws-ec2-metadata-token", token);

    let url = at(ROLES);
    let roles = ask(&url, get(&url)).await?;
    let role = std::str::from_utf8(roles.body()).ok().and_then(|text| text.lines().next());
    let Some(role) = role.map(str::trim).filter(|role| is_role_name(role)) else {
        return Err(roles.failure(Reason::Answer, "the answer is not the name of a role"));
    };
    let url = at(&format!("{ROLES}{role}"));
    let answer = ask(&url, get(&url)).await?;
    of_document(&answer, format!("the instance's role {role}"))
}

async fn ask(url: &Url, request: RequestBuilder) -> Result<Answer, Failure> {
    let what = format!("ask {} for the credentials of the instance", shown(url));
    let answer = http::send(&what, request.timeout(TIMEOUT)).await.map_err(|failure| {
        let told = format!(
            "{NO_IDENTITY}. {}; {REACHED_WITH}, and on an instance its hop limit for metadata must be 2 or more",
            failure.message
        );
        Failure::new(Reason::NoIdentity, told)
    })?;
    match answer.status.as_u16() {
        200..300 => Ok(answer),
        403 | 404 => {
            let told = format!("the instance has no role, or gives none to Pods; {NO_IDENTITY}");
            Err(answer.failure(Reason::NoIdentity, &told))
        }
        _ => Err(answer.refused("look at the metadata options of the instance")),
    }
}

fn of_document(answer: &Answer, who: String) -> Result<Identity, Failure> {
    let document: Document = answer.json()?;
    let code = document.code.as_deref().filter(|code| *code != "Success");
    if let Some((code, reason)) = code.and_then(refusal::known) {
        let told = format!("{code}; look at the trust policy of the role");
        return Err(answer.failure(reason, &told));
    }
    match (document.access_key_id, document.secret_access_key, document.token) {
        (Some(id), Some(secret), Some(token))
            if [&id, &secret, &token].iter().all(|text| graphic(text.as_bytes()).is_some()) =>
        {
            Ok(Identity { who, credentials: identity::credentials(&id, &secret, Some(token)) })
        }
        _ => {
            let told = "`AccessKeyId`, `SecretAccessKey` and `Token` are not all in the answer";
            Err(answer.failure(Reason::Answer, told))
        }
    }
}

/// A text that can stand in a header.
fn graphic(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let is_graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
    (is_graphic && !text.is_empty()).then_some(text)
}

/// By the rules of IAM for names.
fn is_role_name(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    (1..=64).contains(&text.len()) && !text.starts_with('.') && text.chars().all(is_allowed)
}
