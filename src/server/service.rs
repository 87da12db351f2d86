//! The service of one connection: tells the stream what the request is at, and says with the response
//! if the connection ends with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::Service;

use super::connection::{Connection, Phase};
use super::shutdown::Shutdown;
use super::tracked::TrackedBody;

/// Wraps the service that all connections of a listener share.
#[derive(Clone)]
pub struct ConnectionService<S> {
    inner: S,
    connection: Arc<Connection>,
    shutdown: Shutdown,
}

impl<S> ConnectionService<S> {
    pub(super) fn new(inner: S, connection: Arc<Connection>, shutdown: Shutdown) -> Self {
        Self { inner, connection, shutdown }
    }
}

impl<S, R> Service<Request<Incoming>> for ConnectionService<S>
where
    S: Service<Request<TrackedBody>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ConnectionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        self.connection.enter(Phase::Serving);
        let request = request.map(|body| TrackedBody::new(body, Arc::clone(&self.connection)));
        ConnectionFuture {
            inner: self.inner.call(request),
            connection: Arc::clone(&self.connection),
            shutdown: self.shutdown.clone(),
        }
    }
}

pin_project! {
    /// The future of [`ConnectionService`].
    pub struct ConnectionFuture<F> {
        #[pin]
        inner: F,
        connection: Arc<Connection>,
        shutdown: Shutdown,
    }
}

impl<F, R, E> Future for ConnectionFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx));
        this.connection.enter(Phase::Answering);
        if let Ok(response) = &mut response
            && is_last(this.connection, this.shutdown)
        {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        Poll::Ready(response)
    }
}

/// When it is old, when the process is about to go, and when the request was answered before its body
/// was read: hyper closes it then, and a client that is not told may send its next request into it.
fn is_last(connection: &Connection, shutdown: &Shutdown) -> bool {
    let is_spent = connection.is_spent();
    is_spent || shutdown.is_closing() || connection.is_body_pending()
}
