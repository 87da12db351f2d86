//! The plain-HTTP endpoints for the kubelet's probes and for Prometheus.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::liveness::Liveness;
use super::readiness::Readiness;
use super::respond::{Reason, failure};
use crate::telemetry::{Metrics, OPENMETRICS};

#[derive(Clone)]
struct Admin {
    liveness: Liveness,
    readiness: Readiness,
    metrics: Arc<Metrics>,
}

/// `/livez`, `/readyz` and `/metrics`.
pub fn admin_router(liveness: Liveness, readiness: Readiness, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(expose))
        .with_state(Admin { liveness, readiness, metrics })
}

async fn livez(State(admin): State<Admin>) -> Response {
    let still: Vec<_> = admin.liveness.standing_still(Instant::now());
    if still.is_empty() {
        return "ok".into_response();
    }
    let lines: Vec<_> = still.iter().map(|what| format!("{what}: stands still")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines.join("\n") + "\n").into_response()
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let missing = admin.readiness.missing();
    if missing.is_empty() {
        return "ok".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n").into_response()
}

async fn expose(State(admin): State<Admin>) -> Response {
    let ready = i64::from(admin.readiness.is_ready());
    admin.metrics.server.ready.set(ready);
    match admin.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => failure(Reason::InternalError, "the metrics could not be written"),
    }
}
