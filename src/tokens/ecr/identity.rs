//! Who asks: an access key of Secrets, or what the cluster gives the controller: IRSA, EKS Pod Identity,
//! or the instance; and the role that this one assumes.

use aws_sdk_ecr::config::Credentials;

use super::sdk::{Aim, Call};
use super::{Place, metadata};
use crate::config::{AccessKey, Ecr, SecretKey};
use crate::sources::TokenRequest;
use crate::tokens::{Endpoint, Failure, Reason, Tokens};

const SESSION: &str = "pullpass";
const PROVIDER: &str = "pullpass";

/// Who asks.
pub struct Identity {
    /// In the words of errors.
    pub who: String,
    /// What signs its requests.
    pub credentials: Credentials,
}

/// Who asks for tokens of an entry.
pub async fn resolve(
    tokens: &Tokens,
    settings: &Ecr,
    request: &TokenRequest,
    place: Place<'_>,
) -> Result<Identity, Failure> {
    let first = match &settings.access_key {
        Some(key) => of_access_key(key, request)?,
        None => match tokens.environment.text("AWS_WEB_IDENTITY_TOKEN_FILE") {
            Some(file) => of_web_identity(tokens, place, &file).await?,
            None => match tokens.environment.text("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
                Some(uri) => metadata::of_pod_identity(tokens, &uri).await?,
                None => metadata::of_instance(tokens).await?,
            },
        },
    };
    match &settings.role_arn {
        Some(role) => assume(tokens, place, &first, role, settings.external_id.as_deref()).await,
        None => Ok(first),
    }
}

fn of_access_key(key: &AccessKey, request: &TokenRequest) -> Result<Identity, Failure> {
    let id = text(&key.id, request)?;
    let secret = text(&key.secret, request)?;
    let who = format!("the access key of the Secret {}", key.id.secret);
    Ok(Identity { who, credentials: credentials(id, secret, None) })
}

/// What is in no access key would be taken for an issuer's failure later.
fn text<'a>(key: &SecretKey, request: &'a TokenRequest) -> Result<&'a str, Failure> {
    let is_graphic = |value: &&[u8]| value.iter().all(u8::is_ascii_graphic);
    let value = Some(request.value(key)).filter(is_graphic);
    value.and_then(|value| std::str::from_utf8(value).ok()).ok_or_else(|| {
        let SecretKey { secret, key } = key;
        let told = format!(
            "the key `{key}` of the Secret {secret} has characters that are in no access key; write it again"
        );
        Failure::new(Reason::Settings, told)
    })
}

async fn of_web_identity(
    tokens: &Tokens,
    place: Place<'_>,
    file: &str,
) -> Result<Identity, Failure> {
    let Some(role) = tokens.environment.text("AWS_ROLE_ARN") else {
        let told = "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not; annotate the ServiceAccount of the controller with eks.amazonaws.com/role-arn";
        return Err(Failure::new(Reason::NoIdentity, told));
    };
    let token = token_of("AWS_WEB_IDENTITY_TOKEN_FILE", file).await?;
    let who = format!("the role {role} by the controller's ServiceAccount (IRSA)");
    let call = Call::new(tokens, Endpoint::Sts, place, Aim::WebIdentity, &who);
    let answer = aws_sdk_sts::Client::new(&call.config(None))
        .assume_role_with_web_identity()
        .role_arn(role)
        .role_session_name(SESSION)
        .web_identity_token(token)
        .send()
        .await
        .map_err(|error| call.failure(error))?;
    of_sts(&call, who, answer.credentials)
}

async fn assume(
    tokens: &Tokens,
    place: Place<'_>,
    first: &Identity,
    role: &str,
    external_id: Option<&str>,
) -> Result<Identity, Failure> {
    let call = Call::new(tokens, Endpoint::Sts, place, Aim::Role, &first.who);
    let answer = aws_sdk_sts::Client::new(&call.config(Some(&first.credentials)))
        .assume_role()
        .role_arn(role)
        .role_session_name(SESSION)
        .set_external_id(external_id.map(ToOwned::to_owned))
        .send()
        .await
        .map_err(|error| call.failure(error))?;
    of_sts(&call, format!("the role {role}"), answer.credentials)
}

fn of_sts(
    call: &Call,
    who: String,
    given: Option<aws_sdk_sts::types::Credentials>,
) -> Result<Identity, Failure> {
    let Some(given) = given else {
        return Err(call.not_understood("it has no `Credentials`"));
    };
    let token = Some(given.session_token);
    let credentials = credentials(&given.access_key_id, &given.secret_access_key, token);
    Ok(Identity { who, credentials })
}

/// What signs requests. When it ends is of no matter: it is used at once, and for nothing else.
pub fn credentials(id: &str, secret: &str, token: Option<String>) -> Credentials {
    Credentials::new(id, secret, token, None, PROVIDER)
}

/// A token of a ServiceAccount. The kubelet renews the file: it is read each time.
pub async fn token_of(variable: &str, file: &str) -> Result<String, Failure> {
    let told = match tokio::fs::read_to_string(file).await {
        Ok(token) if !token.trim().is_empty() => return Ok(token.trim().to_owned()),
        Ok(_) => "it is empty".to_owned(),
        Err(error) => error.to_string(),
    };
    let told = format!(
        "failed to read {file}, the token of the controller's ServiceAccount ({variable}): {told}"
    );
    Err(Failure::new(Reason::NoIdentity, told))
}
