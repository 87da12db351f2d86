//! Google, as far as it gives out tokens: what is not asked as Google documents it is refused as Google refuses.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

pub const SERVICE_ACCOUNT: &str = "canary-account@p.iam.gserviceaccount.com";
pub const OTHER_ACCOUNT: &str = "puller@q.iam.gserviceaccount.com";
pub const KEY_ID: &str = "canarykeyid";
pub const PROVIDER: &str =
    "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/pool/providers/cluster";
const SCOPES: &str = "https://www.googleapis.com/auth/";

/// The only key of the service account.
pub struct Key {
    pub private: String,
    pub public: String,
}

pub fn new_key() -> Key {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let private: Pkcs8V1Der = pair.as_der().unwrap();
    let public: PublicKeyX509Der = pair.public_key().as_der().unwrap();
    let pem = |tag: &str, der: &[u8]| pem::encode(&pem::Pem::new(tag, der));
    Key {
        private: pem("PRIVATE KEY", private.as_ref()),
        public: pem("PUBLIC KEY", public.as_ref()),
    }
}

pub fn key() -> &'static Key {
    static KEY: LazyLock<Key> = LazyLock::new(new_key);
    &KEY
}

/// What Google was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The fields of its form, in order.
    pub fn form(&self) -> Vec<(String, String)> {
        assert_eq!(self.header("content-type"), "application/x-www-form-urlencoded");
        let base = reqwest::Url::parse(&format!("http://x/?{}", self.body)).unwrap();
        base.query_pairs().into_owned().collect()
    }
}

/// An answer in place of Google's own: a status, headers, and a body in which `ECHO` is what was sent.
#[derive(Clone)]
pub struct Reply(pub u16, pub Vec<(&'static str, String)>, pub String);

#[derive(Default)]
struct Inside {
    asked: Mutex<Vec<Asked>>,
    replies: Mutex<HashMap<String, Reply>>,
    /// The scopes of the tokens that were given out.
    tokens: Mutex<HashMap<String, String>>,
    /// The ServiceAccount's tokens that the provider accepts.
    subjects: Mutex<Vec<String>>,
}

pub struct Google {
    pub url: String,
    inside: Arc<Inside>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Google {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Google {
    pub async fn start() -> Self {
        let inside = Arc::new(Inside::default());
        let router = Router::new().fallback(answer).with_state(inside.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inside, server }
    }

    /// Answers so whenever this is asked.
    pub fn reply(&self, path: &str, reply: Reply) {
        self.inside.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    pub fn accept_subject(&self, token: &str) {
        self.inside.subjects.lock().unwrap().push(token.to_owned());
    }

    /// What was asked until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.inside.asked.lock().unwrap().clone()
    }

    pub fn scope_of(&self, token: &str) -> String {
        self.inside.tokens.lock().unwrap()[token].clone()
    }
}

async fn answer(
    State(google): State<Arc<Inside>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = Asked {
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    google.asked.lock().unwrap().push(asked.clone());
    if let Some(Reply(status, headers, body)) = google.replies.lock().unwrap().get(&asked.path) {
        let echo = format!("{} {:?} {}", asked.query, asked.headers, asked.body);
        let body = body.replace("ECHO", &echo.replace(['"', '\\'], "'"));
        let mut response = (StatusCode::from_u16(*status).unwrap(), body).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        return response;
    }
    let email = asked.path.strip_prefix("/v1/projects/-/serviceAccounts/");
    match (method.as_str(), &*asked.path, email) {
        ("POST", "/token", _) => google.by_assertion(&asked),
        ("POST", "/v1/token", _) => google.by_subject_token(&asked),
        ("POST", _, Some(email)) => google.in_the_name_of(&asked, email),
        ("GET", "/computeMetadata/v1/instance/service-accounts/default/token", _) => {
            google.of_the_machine(&asked)
        }
        _ => (StatusCode::NOT_FOUND, "not found").into_response(),
    }
}

fn oauth_error(status: u16, error: &str, description: &str) -> Response {
    let body = json!({"error": error, "error_description": description}).to_string();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn api_error(status: u16, code: &str, message: &str) -> Response {
    let body = json!({"error": {"code": status, "message": message, "status": code}}).to_string();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

impl Inside {
    fn give(&self, scope: &str) -> String {
        let mut tokens = self.tokens.lock().unwrap();
        let token = format!("ya29.canary-{}", tokens.len());
        tokens.insert(token.clone(), scope.to_owned());
        token
    }

    /// <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>
    fn by_assertion(&self, asked: &Asked) -> Response {
        let form = asked.form();
        let [(grant, grant_type), (field, assertion)] = &form[..] else {
            return oauth_error(400, "invalid_request", "other fields");
        };
        if grant != "grant_type" || grant_type != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return oauth_error(400, "unsupported_grant_type", "Invalid grant_type");
        }
        assert_eq!(field, "assertion");
        let header = jsonwebtoken::decode_header(assertion).unwrap();
        assert_eq!(header.typ.as_deref(), Some("JWT"));
        if header.kid.as_deref() != Some(KEY_ID) {
            return oauth_error(400, "invalid_grant", "Invalid JWT Signature.");
        }
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&["https://oauth2.googleapis.com/token"]);
        validation.leeway = 0;
        let key = DecodingKey::from_rsa_pem(key().public.as_bytes()).unwrap();
        let claims = match jsonwebtoken::decode::<Value>(assertion, &key, &validation) {
            Ok(token) => token.claims,
            Err(_) => return oauth_error(400, "invalid_grant", "Invalid JWT Signature."),
        };
        if claims["iss"] != SERVICE_ACCOUNT {
            return oauth_error(400, "invalid_grant", "Invalid grant: account not found");
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (issued, ends) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
        if issued > now || ends <= now || ends - issued > 3600 {
            let description = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
            return oauth_error(400, "invalid_grant", description);
        }
        let scope = claims["scope"].as_str().unwrap();
        if !scope.split(' ').all(|scope| scope.starts_with(SCOPES)) {
            return oauth_error(400, "invalid_scope", "Invalid OAuth scope or ID token audience.");
        }
        let names: Vec<_> = claims.as_object().unwrap().keys().collect();
        assert_eq!(names, ["iss", "scope", "aud", "iat", "exp"]);
        let token = self.give(scope);
        json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
            .to_string()
            .into_response()
    }

    /// <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>
    fn by_subject_token(&self, asked: &Asked) -> Response {
        let form: HashMap<_, _> = asked.form().into_iter().collect();
        let is = |name: &str, value: &str| form.get(name).is_some_and(|it| it == value);
        let is_exchange = is("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
            && is("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
            && is("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
            && form.len() == 6;
        if !is_exchange || !form["scope"].starts_with(SCOPES) {
            return oauth_error(400, "invalid_request", "Request does not match.");
        }
        if form["audience"] != PROVIDER {
            let description =
                "The target service indicated by the \"audience\" parameters is invalid.";
            return oauth_error(400, "invalid_target", description);
        }
        if !self.subjects.lock().unwrap().contains(&form["subject_token"]) {
            return oauth_error(400, "invalid_grant", "The ID Token issued is not accepted.");
        }
        let token = self.give(&form["scope"]);
        json!({
            "access_token": token,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3599
        })
        .to_string()
        .into_response()
    }

    /// <https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken>
    fn in_the_name_of(&self, asked: &Asked, email: &str) -> Response {
        assert_eq!(asked.header("content-type"), "application/json");
        let bearer = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let Some(scope) = self.tokens.lock().unwrap().get(bearer).cloned() else {
            return api_error(401, "UNAUTHENTICATED", "Invalid credentials");
        };
        let may = [
            "https://www.googleapis.com/auth/iam",
            "https://www.googleapis.com/auth/cloud-platform",
        ];
        if !may.contains(&&*scope) {
            return api_error(403, "PERMISSION_DENIED", "insufficient authentication scopes");
        }
        if email != format!("{OTHER_ACCOUNT}:generateAccessToken") {
            return api_error(404, "NOT_FOUND", "Unknown service account");
        }
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        let lifetime = body["lifetime"].as_str().and_then(|text| text.strip_suffix('s'));
        assert!((1..=3600).contains(&lifetime.unwrap().parse::<u32>().unwrap()), "{body}");
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        let [scope] = &body["scope"].as_array().unwrap()[..] else { panic!("{body}") };
        let token = self.give(scope.as_str().unwrap());
        json!({"accessToken": token, "expireTime": "2030-01-02T03:04:05Z"})
            .to_string()
            .into_response()
    }

    /// <https://cloud.google.com/compute/docs/access/authenticate-workloads#applications>
    fn of_the_machine(&self, asked: &Asked) -> Response {
        if asked.header("metadata-flavor") != "Google" {
            return (StatusCode::FORBIDDEN, "Missing Metadata-Flavor:Google header.")
                .into_response();
        }
        let token = self.give(asked.query.strip_prefix("scopes=").unwrap_or_default());
        let body = json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"});
        ([("metadata-flavor", "Google")], body.to_string()).into_response()
    }
}
