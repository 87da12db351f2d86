//! A request body that tells its connection when it has been read to the end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};

use super::connection::Connection;

/// What handlers are given as the request body.
#[derive(Debug)]
pub struct TrackedBody {
    inner: Incoming,
    connection: Arc<Connection>,
}

impl TrackedBody {
    pub(super) fn new(inner: Incoming, connection: Arc<Connection>) -> Self {
        connection.set_body_pending(!inner.is_end_stream());
        Self { inner, connection }
    }
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || this.inner.is_end_stream() {
            this.connection.set_body_pending(false);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
