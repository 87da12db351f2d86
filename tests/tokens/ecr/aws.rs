//! A server that answers what it is told to, in that order, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A running one. Dropping it ends it.
pub struct Aws {
    /// Where it is asked.
    pub url: String,
    shared: Arc<Mutex<Shared>>,
    task: tokio::task::JoinHandle<()>,
}

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The path, or the whole URL if a proxy was asked for it.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// What it answers.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    echoes: bool,
    is_late: bool,
}

struct Shared {
    answers: VecDeque<Answer>,
    asked: Vec<Asked>,
}

impl Answer {
    /// This body, of no type.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: vec![], body: body.into(), echoes: false, is_late: false }
    }

    /// This document.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string()).header("content-type", "application/x-amz-json-1.1")
    }

    /// An error as services with JSON give it.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"__type": code, "message": message}))
    }

    /// An error as STS gives it.
    pub fn sts_error(status: u16, code: &str) -> Self {
        let xml = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        );
        Self::text(status, xml).header("content-type", "text/xml")
    }

    /// The credentials of a role, as STS gives them.
    pub fn role(operation: &str, id: &str) -> Self {
        let xml = format!(
            "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result><Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-session</SessionToken><Expiration>2026-12-01T00:00:00Z</Expiration></Credentials></{operation}Result></{operation}Response>"
        );
        Self::text(200, xml).header("content-type", "text/xml")
    }

    /// A token of private registries.
    pub fn token(password: &str, expires_at: &Value) -> Self {
        let data = json!({"authorizationToken": encoded(password), "expiresAt": expires_at, "proxyEndpoint": "https://x"});
        Self::json(200, &json!({"authorizationData": [data]}))
    }

    /// With this header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With all that was sent, headers and body, at the end of its body.
    pub fn echoing(self) -> Self {
        Self { echoes: true, ..self }
    }

    /// Never.
    pub fn late(self) -> Self {
        Self { is_late: true, ..self }
    }
}

/// `AWS:PASSWORD` in base64.
pub fn encoded(password: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(format!("AWS:{password}"))
}

impl Aws {
    /// Starts one; the last answer is given again and again.
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared { answers: answers.into_iter().collect(), asked: vec![] };
        let shared = Arc::new(Mutex::new(shared));
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    /// What it was asked until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.lock().unwrap().asked.clone()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Asked {
    /// A header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The fields of a form.
    pub fn form(&self) -> Vec<(String, String)> {
        let url = reqwest::Url::parse(&format!("http://x/?{}", self.body)).unwrap();
        url.query_pairs().into_owned().collect()
    }

    /// Who signed, and for what: `KEY/DATE/REGION/SERVICE/aws4_request` without the date.
    pub fn signed_by(&self) -> String {
        let text = self.header("authorization");
        let scope = text.strip_prefix("AWS4-HMAC-SHA256 Credential=").expect("a signature");
        let parts: Vec<&str> = scope.split(',').next().unwrap().split('/').collect();
        assert_eq!(parts[1].len(), 8, "{text}");
        assert!(self.header("x-amz-date").starts_with(parts[1]), "{self:?}");
        format!("{} {} {} {}", parts[0], parts[2], parts[3], parts[4])
    }
}

async fn answer(
    State(shared): State<Arc<Mutex<Shared>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let echo = format!("{headers:?}{body}");
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.asked.push(Asked { method, uri, headers, body });
        match shared.answers.len() {
            0 | 1 => shared.answers.front().cloned().expect("an answer"),
            _ => shared.answers.pop_front().unwrap(),
        }
    };
    if answer.is_late {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let echo = if answer.echoes { echo } else { String::new() };
    response.body(Body::from(answer.body + &echo)).unwrap()
}
