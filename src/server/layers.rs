//! What stands between a connection and the router: the count of answers, the cap on requests in
//! flight, and the isolation of panics.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{BoxError, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;

use super::options::Limits;
use super::respond::{Reason, failure};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{Code, Endpoint, Shed};

/// Guards a router: 404 and 405 in words, at most [`Limits::in_flight`] requests at once, panics
/// isolated, each answer counted.
pub(super) fn guard(router: Router, limits: &Limits, metrics: Arc<Metrics>) -> Router {
    let (at_shedding, at_panics) = (Arc::clone(&metrics), Arc::clone(&metrics));
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(metrics, count))
        .layer(HandleErrorLayer::new(move |_: BoxError| std::future::ready(shed(&at_shedding))))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(limits.in_flight))
        .layer(CatchPanicLayer::custom(move |payload| panicked(&at_panics, payload)));
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed).layer(layers)
}

async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let endpoint = Endpoint::of(request.uri().path());
    let response = next.run(request).await;
    metrics.server.requests.inc(endpoint, Code::of(response.status().as_u16()));
    response
}

async fn not_found() -> Response {
    failure(Reason::NotFound, "there is nothing at this path")
}

async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let message = format!("the method {method} is not allowed at {}", uri.path());
    failure(Reason::MethodNotAllowed, &message)
}

fn shed(metrics: &Metrics) -> Response {
    metrics.server.requests_shed.inc(Shed::InFlight);
    failure(Reason::ServiceUnavailable, "too many requests are in flight; try again")
}

/// The panic hook has logged the place. The payload is not shown: it may hold bytes of the request.
fn panicked(metrics: &Metrics, _payload: Box<dyn Any + Send>) -> Response {
    metrics.server.panics.inc();
    failure(Reason::InternalError, "an internal error occurred; the webhook's log names the place")
}
