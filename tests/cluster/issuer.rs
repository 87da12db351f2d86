//! A metadata server of Google's on loopback, which gives out what a test says.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// The running server. Dropping it ends it.
pub struct Issuer {
    port: u16,
    said: Arc<Mutex<Said>>,
    server: JoinHandle<()>,
}

/// What it says, and how often it was asked.
struct Said {
    token: Option<String>,
    asked: usize,
}

impl Issuer {
    /// One that gives this token.
    pub async fn start(token: &str) -> Self {
        let said = Said { token: Some(token.to_owned()), asked: 0 };
        let said = Arc::new(Mutex::new(said));
        let app = Router::new().route(PATH, get(answer)).with_state(Arc::clone(&said));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("loopback has a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let server =
            tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        Self { port, said, server }
    }

    /// Where it is asked.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        lock(&self.said).asked
    }

    /// From now on it gives this token.
    pub fn gives(&self, token: &str) {
        lock(&self.said).token = Some(token.to_owned());
    }

    /// From now on it gives none.
    pub fn fails(&self) {
        lock(&self.said).token = None;
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(said): State<Arc<Mutex<Said>>>, headers: HeaderMap) -> Response {
    let mut said = lock(&said);
    said.asked += 1;
    if headers.get("metadata-flavor").is_none_or(|flavor| flavor != "Google") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(token) = &said.token else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let token = json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"});
    ([("metadata-flavor", "Google")], Json(token)).into_response()
}
