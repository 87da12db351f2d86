//! Microsoft Entra, the Instance Metadata Service and registries, as they document themselves.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::Url;
use serde_json::{Value, json};

use super::{CLIENT, SECRET, TENANT};

pub const ENTRA_TOKEN: &str = "eyJ0eXAi.ZW50cmEtY2FuYXJ5.c2ln";
pub const SERVICE_ACCOUNT_TOKEN: &str = "eyJhbGci.c2VydmljZS1hY2NvdW50LWNhbmFyeQ.c2ln";
/// When tokens of registries are issued and end, in seconds since 1970: they live 3 hours.
pub const TIMES: [i64; 2] = [END - 3 * 3_600, END];
pub const END: i64 = 2_000_000_000;

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `POST /acr/oauth2/exchange`.
    pub line: String,
    /// Of the query, or of the form.
    pub fields: BTreeMap<String, String>,
    /// `Metadata`, `Content-Type` and the like, in lower case.
    pub headers: BTreeMap<String, String>,
}

/// What is answered whatever is asked: a status, headers and a body, in which `ECHO` becomes what was sent.
pub type Forced = (u16, Vec<(&'static str, String)>, String);

#[derive(Default)]
struct State {
    base: Mutex<String>,
    asked: Mutex<Vec<Asked>>,
    forced: Mutex<BTreeMap<&'static str, Forced>>,
    /// Of certificates: the thumbprint and the public key.
    certificates: Mutex<Vec<(String, Vec<u8>)>>,
    seen: Mutex<HashSet<String>>,
    times: Mutex<BTreeMap<String, Value>>,
}

pub struct Azure {
    state: Arc<State>,
}

impl Azure {
    pub async fn start() -> Self {
        let (azure, router) = Self::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        *azure.state.base.lock().unwrap() = format!("http://{address}");
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        azure
    }

    /// The same by HTTPS, with a certificate for 127.0.0.1.
    pub async fn start_with_tls(certificate: &str, key: &str) -> Self {
        let (azure, router) = Self::new();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (certificate, key) = (certificate.to_owned().into(), key.to_owned().into());
        let tls = axum_server::tls_rustls::RustlsConfig::from_pem(certificate, key).await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        *azure.state.base.lock().unwrap() = format!("https://{address}");
        let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
        tokio::spawn(async { server.serve(router.into_make_service()).await.unwrap() });
        azure
    }

    fn new() -> (Self, Router) {
        let state = Arc::new(State::default());
        let of_handler = Arc::clone(&state);
        let router =
            Router::new().fallback(move |request| handle(Arc::clone(&of_handler), request));
        (Self { state }, router)
    }

    pub fn url(&self, path: &str) -> Url {
        format!("{}{path}", self.state.base.lock().unwrap()).parse().unwrap()
    }

    /// `/entra`, `/acr` or `/imds` answers nothing else from now on.
    pub fn answer(&self, service: &'static str, forced: Forced) {
        self.state.forced.lock().unwrap().insert(service, forced);
    }

    /// As under "Certificates & secrets" of the application.
    pub fn upload(&self, thumbprint: String, public_key: Vec<u8>) {
        self.state.certificates.lock().unwrap().push((thumbprint, public_key));
    }

    /// The `iat` and `exp` of this registry's tokens are these from now on.
    pub fn times(&self, registry: &str, times: Value) {
        self.state.times.lock().unwrap().insert(registry.to_owned(), times);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// What was asked last of a service.
    pub fn last(&self, line: &str) -> Asked {
        let asked = self.asked();
        let last = asked.iter().rev().find(|asked| asked.line.starts_with(line));
        last.unwrap_or_else(|| panic!("{line}: {asked:?}")).clone()
    }
}

/// A token of a registry. `times` are `iat` and `exp`; `null` is a claim that it does not have.
pub fn refresh_token(registry: &str, times: &Value) -> String {
    let mut claims = json!({"aud": registry, "grant_type": "refresh_token", "tenant": TENANT});
    for (name, time) in ["iat", "exp"].iter().zip(times.as_array().unwrap()) {
        if !time.is_null() {
            claims[*name] = time.clone();
        }
    }
    format!("eyJhbGci.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

type Answer = Result<Value, (u16, Value)>;

async fn handle(state: Arc<State>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default();
    let text =
        if body.is_empty() { query.to_owned() } else { String::from_utf8(body.to_vec()).unwrap() };
    let fields: Vec<(String, String)> = Url::parse(&format!("http://form/?{text}"))
        .unwrap()
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let count = fields.len();
    let fields: BTreeMap<_, _> = fields.into_iter().collect();
    assert_eq!(fields.len(), count, "no field twice");
    let headers = parts.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let asked =
        Asked { line: format!("{} {path}", parts.method), fields, headers: headers.collect() };
    state.asked.lock().unwrap().push(asked.clone());

    let forced = state.forced.lock().unwrap();
    let forced = forced.iter().find(|(service, _)| path.starts_with(**service));
    if let Some((_, (status, headers, body))) = forced {
        let sent: Vec<String> = asked.fields.values().cloned().collect();
        let body = body.replace("ECHO", &sent.join(" "));
        let mut response = (StatusCode::from_u16(*status).unwrap(), body).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        return response;
    }
    let answer =
        match path.strip_prefix("/entra/").and_then(|path| path.strip_suffix("/oauth2/v2.0/token"))
        {
            Some(tenant) => entra(&state, tenant, &asked),
            None if asked.line == "POST /acr/oauth2/exchange" => acr(&state, &asked),
            None if asked.line == "GET /imds/metadata/identity/oauth2/token" => imds(&asked),
            None => Err((404, json!({}))),
        };
    match answer {
        Ok(body) => Json(body).into_response(),
        Err((status, body)) => (StatusCode::from_u16(status).unwrap(), Json(body)).into_response(),
    }
}

/// An error as Microsoft Entra has it.
pub fn aadsts(error: &str, number: u32) -> Value {
    json!({
        "error": error,
        "error_description": format!("AADSTS{number}: Something in many words. Trace ID: 0000aaaa Timestamp: 2026-11-01 00:00:00Z"),
        "error_codes": [number],
        "timestamp": "2026-11-01 00:00:00Z",
        "trace_id": "0000aaaa-11bb-cccc-dd22-eeeeee333333",
        "correlation_id": "aaaa0000-bb11-2222-33cc-444444dddddd",
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    })
}

fn entra(state: &State, tenant: &str, asked: &Asked) -> Answer {
    let refused = |status, error, number| Err((status, aadsts(error, number)));
    let field = |name: &str| asked.fields.get(name).map(String::as_str);
    if asked.headers.get("content-type").map(String::as_str)
        != Some("application/x-www-form-urlencoded")
    {
        return refused(400, "invalid_request", 900_144);
    }
    if tenant != TENANT && tenant != "contoso.onmicrosoft.com" {
        return refused(400, "invalid_request", 90_002);
    }
    if field("grant_type") != Some("client_credentials") {
        return refused(400, "unsupported_grant_type", 70_003);
    }
    if field("client_id") != Some(CLIENT) {
        return refused(400, "unauthorized_client", 700_016);
    }
    if field("scope") != Some("https://containerregistry.azure.net/.default") {
        return refused(400, "invalid_scope", 70_011);
    }
    match (field("client_secret"), field("client_assertion")) {
        (Some(SECRET), None) => {}
        (Some("expired"), None) => return refused(401, "invalid_client", 7_000_222),
        (None, Some(assertion)) => {
            if field("client_assertion_type")
                != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            {
                return refused(400, "invalid_request", 900_144);
            }
            if assertion != SERVICE_ACCOUNT_TOKEN {
                signed(state, tenant, assertion)?;
            }
        }
        _ => return refused(401, "invalid_client", 7_000_215),
    }
    Ok(
        json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": ENTRA_TOKEN}),
    )
}

/// An assertion of the application itself.
fn signed(state: &State, tenant: &str, assertion: &str) -> Result<(), (u16, Value)> {
    let refused = |number| (401, aadsts("invalid_client", number));
    let header = decode_header(assertion).map_err(|_| refused(50_027))?;
    assert_eq!((header.typ.as_deref(), header.alg), (Some("JWT"), Algorithm::PS256));
    let certificates = state.certificates.lock().unwrap();
    let certificate =
        certificates.iter().find(|(thumbprint, _)| Some(thumbprint) == header.x5t_s256.as_ref());
    let (_, public_key) = certificate.ok_or_else(|| refused(700_027))?;
    let mut validation = Validation::new(Algorithm::PS256);
    let audience = format!("{}/entra/{tenant}/oauth2/v2.0/token", state.base.lock().unwrap());
    validation.set_audience(&[audience]);
    validation.set_issuer(&[CLIENT]);
    validation.sub = Some(CLIENT.to_owned());
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["aud", "exp", "nbf", "iss", "sub"]);
    let claims = decode::<Value>(assertion, &DecodingKey::from_rsa_der(public_key), &validation);
    let claims = claims.map_err(|error| panic!("{error}")).unwrap().claims;
    let number = |name: &str| claims[name].as_i64().unwrap();
    let now = jiff::Timestamp::now().as_second();
    assert!((now - 5..=now).contains(&number("iat")) && number("nbf") == number("iat"), "{claims}");
    assert!((60..=600).contains(&(number("exp") - number("nbf"))), "at most 10 minutes: {claims}");
    let id = claims["jti"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "4"), "a version 4 UUID: {id}");
    assert!(state.seen.lock().unwrap().insert(id.to_owned()), "no assertion has the ID of another");
    Ok(())
}

fn acr(state: &State, asked: &Asked) -> Answer {
    let unauthorized = json!({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required, visit https://aka.ms/acr/authorization for more information."}]});
    let field = |name: &str| asked.fields.get(name).map(String::as_str);
    let service = field("service").unwrap();
    if field("grant_type") != Some("access_token") || field("access_token") != Some(ENTRA_TOKEN) {
        return Err((401, unauthorized));
    }
    let times = state.times.lock().unwrap().get(service).cloned().unwrap_or_else(|| json!(TIMES));
    Ok(json!({"refresh_token": refresh_token(service, &times)}))
}

fn imds(asked: &Asked) -> Answer {
    let refused =
        |told: &str| Err((400, json!({"error": "invalid_request", "error_description": told})));
    let field = |name: &str| asked.fields.get(name).map(String::as_str);
    if asked.headers.get("metadata").map(String::as_str) != Some("true") {
        return refused("Required metadata header not specified");
    }
    if field("api-version") != Some("2018-02-01") {
        return refused("Bad api-version");
    }
    if field("resource") != Some("https://containerregistry.azure.net") {
        return refused("Invalid resource");
    }
    match field("client_id") {
        None | Some(CLIENT) => Ok(json!({
            "access_token": ENTRA_TOKEN,
            "client_id": CLIENT,
            "expires_in": "86400",
            "expires_on": "1999999999",
            "resource": "https://containerregistry.azure.net",
            "token_type": "Bearer",
        })),
        Some(_) => refused("Identity not found"),
    }
}
