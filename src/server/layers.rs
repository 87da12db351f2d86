//! What stands between a connection and the router: the cap on requests in flight, and the catching
//! of panics. One future a request, no box and no lock.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::http::{Method, Request, Uri};
use axum::response::Response;
use futures::FutureExt;
use futures::future::CatchUnwind;
use pin_project_lite::pin_project;
use tower::Service;

use super::budget::{Budget, Share};
use super::options::Limits;
use super::respond::{Reason, failure};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{Code, Endpoint, Shed};

/// Guards a router: 404 and 405 in words, at most [`Limits::in_flight`] requests at once, panics
/// isolated, each answer counted.
pub(super) fn guard(router: Router, limits: &Limits, metrics: Arc<Metrics>) -> Guarded<Router> {
    Guarded {
        inner: router.fallback(not_found).method_not_allowed_fallback(method_not_allowed),
        in_flight: Budget::new(limits.in_flight),
        metrics,
    }
}

async fn not_found() -> Response {
    failure(Reason::NotFound, "there is nothing at this path")
}

async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let message = format!("the method {method} is not allowed at {}", uri.path());
    failure(Reason::MethodNotAllowed, &message)
}

/// The service that [`guard`] makes.
#[derive(Clone, Debug)]
pub(super) struct Guarded<S> {
    inner: S,
    in_flight: Budget,
    metrics: Arc<Metrics>,
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = GuardedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let endpoint = Endpoint::of(request.uri().path());
        let progress = match self.in_flight.take(1) {
            None => Progress::Shed,
            Some(share) => match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
                Ok(future) => Progress::Running {
                    future: AssertUnwindSafe(future).catch_unwind(),
                    _share: share,
                },
                Err(_) => Progress::Panicked,
            },
        };
        GuardedFuture { progress, endpoint, metrics: Arc::clone(&self.metrics) }
    }
}

pin_project! {
    /// The future of [`Guarded`].
    pub(super) struct GuardedFuture<F> {
        #[pin]
        progress: Progress<F>,
        endpoint: Endpoint,
        metrics: Arc<Metrics>,
    }
}

pin_project! {
    #[project = ProgressProjection]
    enum Progress<F> {
        Running { #[pin] future: CatchUnwind<AssertUnwindSafe<F>>, _share: Share },
        Shed,
        Panicked,
    }
}

impl<F> Future for GuardedFuture<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.progress.project() {
            ProgressProjection::Shed => shed(this.metrics),
            ProgressProjection::Panicked => panicked(this.metrics),
            ProgressProjection::Running { future, .. } => match ready!(future.poll(cx)) {
                Ok(Ok(response)) => response,
                Err(payload) => {
                    discard(payload);
                    panicked(this.metrics)
                }
            },
        };
        let code = Code::of(response.status().as_u16());
        this.metrics.server.requests.inc(*this.endpoint, code);
        Poll::Ready(Ok(response))
    }
}

fn shed(metrics: &Metrics) -> Response {
    metrics.server.requests_shed.inc(Shed::InFlight);
    failure(Reason::ServiceUnavailable, "too many requests are in flight; try again")
}

/// The panic hook has logged the place. The message is not shown: it may hold bytes of the request.
fn panicked(metrics: &Metrics) -> Response {
    metrics.server.panics.inc();
    failure(Reason::InternalError, "an internal error occurred; the webhook's log names the place")
}

/// A payload whose drop panics would otherwise escape the guard.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}
