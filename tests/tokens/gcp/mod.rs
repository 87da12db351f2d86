//! The kind `gcp`.

mod errors;
mod federation;
mod google;
mod impersonation;
mod key;
mod metadata;

use std::collections::HashMap;

use pullpass::config::{self, SecretKey};
use pullpass::sources::{TokenRequest, Wanted, made};
use pullpass::tokens::{Endpoint, Endpoints, Environment, Failure, Token, Tokens};

use google::{Google, KEY_ID, SERVICE_ACCOUNT, key};

const PULL: &str = "https://www.googleapis.com/auth/devstorage.read_only";
const IAM: &str = "https://www.googleapis.com/auth/iam";
const BY_KEY: &str =
    "{registries: [europe-docker.pkg.dev/p, gcr.io], keyFrom: {secret: google, key: key.json}}";

/// The JSON key as Google gives it out.
fn json_key() -> String {
    let json = serde_json::json!({
        "type": "service_account",
        "project_id": "p",
        "private_key_id": KEY_ID,
        "private_key": key().private,
        "client_email": SERVICE_ACCOUNT,
        "client_id": "104",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/x",
        "universe_domain": "googleapis.com"
    });
    format!("{json:#}\n")
}

/// What is wanted of a configuration with this source, and these values of the Secret `google`.
fn wanted(source: &str, values: &[(&str, &str)]) -> Result<Wanted, String> {
    let text = format!(
        "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {{name: a, images: ['europe-docker.pkg.dev/p/*'], namespaces: {{names: [x]}}, source: {{gcp: {source}}}}}\n"
    );
    let config = config::parse(&text).unwrap_or_else(|error| panic!("{source}: {error}")).config;
    let values: HashMap<_, _> = values.iter().copied().collect();
    made(&config.entries()[0], |key: &SecretKey| Some(values.get(&*key.key)?.as_bytes())).unwrap()
}

fn request(source: &str, values: &[(&str, &str)]) -> TokenRequest {
    match wanted(source, values).unwrap() {
        Wanted::Token(request) => request,
        Wanted::Content(_) => panic!("{source}: no token is wanted"),
    }
}

fn endpoints(url: &str) -> Endpoints {
    let all =
        [Endpoint::GcpToken, Endpoint::GcpSts, Endpoint::GcpIamCredentials, Endpoint::GcpMetadata];
    all.into_iter().map(|endpoint| (endpoint, url.parse().unwrap())).collect()
}

/// Asks this Google, with these variables in the environment.
async fn fetch_with(
    google: &Google,
    environment: &[(&str, &str)],
    request: &TokenRequest,
) -> Result<Token, Failure> {
    let tokens = Tokens::new(endpoints(&google.url), b"").unwrap();
    let environment: Environment = environment.iter().copied().collect();
    tokens.with_environment(environment).fetch(request).await
}

async fn fetch(google: &Google, request: &TokenRequest) -> Result<Token, Failure> {
    fetch_with(google, &[], request).await
}

/// By the key of the service account.
async fn fetch_by_key(google: &Google) -> Result<Token, Failure> {
    fetch(google, &request(BY_KEY, &[("key.json", &json_key())])).await
}

/// The registries of a token, and its user names and passwords.
fn logins(token: &Token) -> Vec<(&str, &str, &str)> {
    let logins = token.logins.iter();
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    logins
        .map(|login| (&*login.registry, &*login.username, text(login.password.expose())))
        .collect()
}
