//! Reading a request body within bounds of size, time and memory.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use thiserror::Error;
use tokio::time::timeout;

use super::budget::{Budget, Share};
use super::options::Limits;
use super::respond::{Reason, failure};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{Deadline, Shed};

/// Bodies of up to this many bytes are small; nearly all are. Large ones leave room for them.
pub const SMALL_BODY: usize = 64 * 1024;
/// Of what a body announces, so much is taken from the budget before any of it is read. In a burst
/// those that come too late are then refused at once, and the others are read to their end: taken as the
/// bytes come, the budget would be shared among bodies of which none could be completed. Not more is
/// taken, so that few clients who announce much and send nothing cannot keep all others out.
const TAKEN_AHEAD: usize = 1024 * 1024;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// It is, or says it is, over the cap.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The cap in bytes.
        limit: usize,
    },
    /// It was not complete by the deadline.
    #[error("the request body did not arrive within {} ms", .limit.as_millis())]
    TimedOut {
        /// The deadline.
        limit: Duration,
    },
    /// The process holds as many bytes of bodies as it may.
    #[error("too many request bodies are being read at once; try again")]
    Exhausted,
    /// The client left, or broke the framing.
    #[error("the request body ended before it was complete")]
    Broken,
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let reason = match self {
            Self::TooLarge { .. } => Reason::RequestEntityTooLarge,
            Self::TimedOut { .. } => Reason::Timeout,
            Self::Exhausted => Reason::ServiceUnavailable,
            Self::Broken => Reason::BadRequest,
        };
        failure(reason, &self.to_string())
    }
}

/// A whole body. The bytes count against the process's budget until it is dropped.
#[derive(Debug)]
pub struct BufferedBody {
    bytes: Bytes,
    _share: Share,
}

impl Deref for BufferedBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads bodies for all handlers of a listener, which share one budget of bytes.
#[derive(Clone, Debug)]
pub struct BodyReader {
    limit: usize,
    deadline: Duration,
    budget: Budget,
    /// What large bodies leave of the budget.
    kept_for_small: usize,
    metrics: Arc<Metrics>,
}

impl BodyReader {
    /// A reader with the limits' cap, deadline and budget.
    pub fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            limit: limits.body_bytes,
            deadline: limits.body_timeout,
            budget: Budget::new(limits.buffered_bytes),
            kept_for_small: limits.buffered_bytes / 4,
            metrics,
        }
    }

    /// Reads the whole body. One that announces too many bytes is refused before any is read.
    ///
    /// # Errors
    /// Why not; turned into the right response by `into_response`.
    pub async fn read(&self, body: Body) -> Result<BufferedBody, BodyError> {
        let read = match timeout(self.deadline, self.collect(body)).await {
            Ok(read) => read,
            Err(_) => Err(BodyError::TimedOut { limit: self.deadline }),
        };
        match read {
            Err(BodyError::TimedOut { .. }) => {
                self.metrics.server.deadlines_exceeded.inc(Deadline::Body);
            }
            Err(BodyError::Exhausted) => self.metrics.server.requests_shed.inc(Shed::BufferedBytes),
            _ => {}
        }
        read
    }

    async fn collect(&self, mut body: Body) -> Result<BufferedBody, BodyError> {
        let too_large = BodyError::TooLarge { limit: self.limit };
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.limit {
            return Err(too_large);
        }
        let kept = |length: usize| if length > SMALL_BODY { self.kept_for_small } else { 0 };
        let share = self.budget.take_leaving(kept(announced), announced.min(TAKEN_AHEAD));
        let mut share = share.ok_or(BodyError::Exhausted)?;
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
                continue;
            };
            let length = first.len() + joined.len();
            if data.len() > self.limit.saturating_sub(length) {
                return Err(too_large);
            }
            let read = length + data.len();
            if !share.grow_leaving(kept(read), read.saturating_sub(share.amount())) {
                return Err(BodyError::Exhausted);
            }
            if length == 0 {
                first = data;
                continue;
            }
            if joined.is_empty() {
                // The pages of what is announced but does not come are never touched.
                joined.reserve(announced.max(read));
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
        let bytes = if joined.is_empty() { first } else { joined.freeze() };
        Ok(BufferedBody { bytes, _share: share })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::convert::Infallible;

    fn reader(body_bytes: usize, buffered_bytes: usize) -> BodyReader {
        let limits = Limits {
            body_bytes,
            buffered_bytes,
            body_timeout: Duration::from_millis(50),
            ..Limits::default()
        };
        BodyReader::new(
            &limits,
            Arc::new(Metrics::new("test", crate::telemetry::Component::Webhook)),
        )
    }

    fn frames(frames: &[&'static str]) -> Body {
        let frames: Vec<_> = frames.iter().map(|f| Ok::<_, Infallible>(*f)).collect();
        Body::from_stream(stream::iter(frames))
    }

    #[tokio::test]
    async fn a_body_of_one_frame_is_not_copied() {
        let bytes = Bytes::from(vec![7; 1000]);
        let body = reader(1000, 1000).read(Body::from(bytes.clone())).await;
        assert_eq!(body.unwrap().as_ptr(), bytes.as_ptr());
    }

    #[tokio::test]
    async fn frames_are_joined_in_order() {
        let body = reader(9, 9).read(frames(&["", "abc", "", "def", "ghi"])).await;
        assert_eq!(&*body.unwrap(), b"abcdefghi");
        assert_eq!(&*reader(9, 9).read(Body::empty()).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn fault_12_the_cap_holds_with_and_without_an_announced_length() {
        let reader = reader(4, 100);
        let over = Err(BodyError::TooLarge { limit: 4 });
        assert_eq!(reader.read(Body::from("12345")).await.map(|_| ()), over);
        assert_eq!(reader.read(frames(&["12", "345"])).await.map(|_| ()), over);
        assert!(reader.read(frames(&["12", "34"])).await.is_ok());
    }

    #[tokio::test]
    async fn fault_15_a_body_that_stalls_is_given_up() {
        let stalled = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let error = reader(4, 4).read(stalled).await.unwrap_err();
        assert!(matches!(error, BodyError::TimedOut { .. }));
    }

    #[tokio::test]
    async fn fault_17_bytes_are_taken_from_one_budget_and_given_back() {
        let reader = reader(10, 10);
        let held = reader.read(frames(&["123", "456"])).await.unwrap();
        assert_eq!(reader.budget.left(), 4);
        let error = reader.read(frames(&["123", "456"])).await.unwrap_err();
        assert_eq!(error, BodyError::Exhausted);
        assert_eq!(reader.budget.left(), 4);
        drop(held);
        assert_eq!(reader.budget.left(), 10);
        assert!(reader.read(frames(&["1234567890"])).await.is_ok());
    }
}
