//! The token server of a registry (https://distribution.github.io/distribution/spec/auth/token/): for a user
//! name and a password it issues a token for those of the repositories asked for that the account may pull
//! from.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use axum_server::Handle;
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    docker_config::USER,
    pki::{Authority, Leaf},
};

/// What it is called in tokens, and the registry too.
pub const NAME: &str = "registry-of-the-tests";
/// Of [`USER`], who may push to every repository.
pub const PASSWORD_TO_PUSH: &str = "may push";
const LIFE: u64 = 300;

/// The running server, on a thread of its own: the tests wait for skopeo, which asks it. Dropping it stops it.
pub struct TokenIssuer {
    port: u16,
    authority: Authority,
    desk: Arc<Desk>,
    handle: Handle<SocketAddr>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Who may pull what.
#[derive(Clone, Debug)]
pub struct Account {
    pub username: String,
    pub password: String,
    /// The repositories begin so.
    pub repositories: String,
}

struct Desk {
    leaf: Leaf,
    accounts: Mutex<Vec<Account>>,
}

/// One `repository:NAME:ACTION[,ACTION]` of a request.
struct Scope<'a> {
    repository: &'a str,
    actions: Vec<&'a str>,
}

impl TokenIssuer {
    /// Starts one that knows nobody but [`USER`].
    pub fn start() -> Self {
        let authority = Authority::new("token issuer");
        let desk = Arc::new(Desk { leaf: authority.issue(&[NAME]), accounts: Mutex::default() });
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("the listener serves tokio");
        let port = listener.local_addr().expect("a listener has an address").port();
        let handle = Handle::new();
        let router = Router::new().route("/token", get(answer)).with_state(Arc::clone(&desk));
        let thread = thread::spawn({
            let handle = handle.clone();
            move || serve(listener, handle, router)
        });
        Self { port, authority, desk, handle, thread: Some(thread) }
    }

    /// Where registries send their clients.
    pub fn realm(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    /// The authority of its tokens, as PEM.
    pub fn authority(&self) -> String {
        self.authority.pem()
    }

    /// Knows this account from now on, with this password and no other.
    pub fn knows(&self, account: Account) {
        let mut accounts = self.desk.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|known| known.username != account.username);
        accounts.push(account);
    }
}

impl Drop for TokenIssuer {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: TcpListener, handle: Handle<SocketAddr>, router: Router) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.expect("a runtime is built").block_on(async {
        let server = axum_server::from_tcp(listener).expect("the listener is taken over");
        server.handle(handle).serve(router.into_make_service()).await
    });
    served.expect("the token issuer serves until it is stopped");
}

async fn answer(
    State(desk): State<Arc<Desk>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    if asked(&query, "service").collect::<Vec<_>>() != [NAME] {
        return refusal(StatusCode::BAD_REQUEST, "UNSUPPORTED", "another service is asked for");
    }
    let Some((username, password)) = basic(&headers) else {
        return refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "no user name and password");
    };
    let Some(may) = desk.recognises(&username, &password) else {
        return refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "wrong user name or password");
    };
    let scopes = asked(&query, "scope").flat_map(|value| value.split(' ')).filter_map(scope);
    let access: Vec<_> = scopes.map(|scope| granted(&scope, &may)).collect();
    let token = desk.token(&username, access);
    Json(json!({"token": token, "expires_in": LIFE})).into_response()
}

/// The values of this parameter.
fn asked<'a>(query: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    query.iter().filter(move |(key, _)| key == name).map(|(_, value)| &**value)
}

/// What an account may do with repositories that begin so.
struct May {
    actions: &'static [&'static str],
    repositories: String,
}

impl Desk {
    fn recognises(&self, username: &str, password: &str) -> Option<May> {
        if (username, password) == (USER, PASSWORD_TO_PUSH) {
            return Some(May { actions: &["pull", "push"], repositories: String::new() });
        }
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_this =
            |account: &&Account| account.username == username && account.password == password;
        let account = accounts.iter().find(is_this)?;
        Some(May { actions: &["pull"], repositories: account.repositories.clone() })
    }

    fn token(&self, username: &str, access: Vec<Value>) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        let now = now.as_secs();
        let claims = json!({
            "iss": NAME,
            "sub": username,
            "aud": NAME,
            "exp": now + LIFE,
            "nbf": now - 1,
            "iat": now,
            "jti": format!("{now}-{username}"),
            "access": access,
        });
        let header = Header {
            x5c: Some(vec![STANDARD.encode(self.leaf.der())]),
            ..Header::new(Algorithm::ES256)
        };
        let key = EncodingKey::from_ec_pem(self.leaf.key.as_bytes()).expect("the key is PEM");
        jsonwebtoken::encode(&header, &claims, &key).expect("the token is signed")
    }
}

/// Of what is asked for, as much as the account may do.
fn granted(scope: &Scope<'_>, may: &May) -> Value {
    let is_theirs = scope.repository.starts_with(&may.repositories);
    let actions = scope.actions.iter().filter(|action| is_theirs && may.actions.contains(action));
    let actions: Vec<_> = actions.collect();
    json!({"type": "repository", "name": scope.repository, "actions": actions})
}

fn scope(text: &str) -> Option<Scope<'_>> {
    let (repository, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
    Some(Scope { repository, actions: actions.split(',').collect() })
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"errors": [{"code": code, "message": message}]}))).into_response()
}
