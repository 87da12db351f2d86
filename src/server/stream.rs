//! A stream that ends when its peer is too slow.
//!
//! hyper's own header timeout also runs between two requests, so it cannot be shorter than the time
//! that a client keeps an idle connection; here the two are apart.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::budget::Share;
use super::connection::{Connection, Phase};
use super::options::Limits;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Deadline;

/// The deadlines that a stream holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    header: Duration,
    idle: Duration,
    write: Duration,
    linger: Duration,
}

impl From<&Limits> for Deadlines {
    fn from(limits: &Limits) -> Self {
        Self {
            header: limits.header_timeout,
            idle: limits.idle_timeout,
            write: limits.write_timeout,
            linger: limits.linger,
        }
    }
}

/// One connection's place under the cap; left when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    gauge: Gauge,
    _share: Share,
}

impl Seat {
    pub(super) fn take(share: Share, gauge: Gauge) -> Self {
        gauge.inc();
        Self { gauge, _share: share }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// What knows the socket that it is on.
pub trait OnSocket {
    /// The socket.
    fn socket(&mut self) -> &mut TcpStream;
}

/// A stream with deadlines for the head of a request, for idling and for a peer that does not read.
pub struct DeadlineStream<T> {
    inner: T,
    connection: Arc<Connection>,
    deadlines: Deadlines,
    metrics: Arc<Metrics>,
    phase_began: Instant,
    read_timer: Timer,
    write_timer: Timer,
    write_stalled: Option<Instant>,
    /// Whether no byte of a first request has come yet.
    is_new: bool,
    peer_closed: bool,
    closed: Option<Instant>,
    _seat: Seat,
}

impl<T: AsyncRead + AsyncWrite + OnSocket + Unpin> DeadlineStream<T> {
    pub(super) fn new(
        inner: T,
        connection: Arc<Connection>,
        deadlines: Deadlines,
        metrics: Arc<Metrics>,
        seat: Seat,
    ) -> Self {
        Self {
            inner,
            connection,
            deadlines,
            metrics,
            phase_began: Instant::now(),
            read_timer: Timer::default(),
            write_timer: Timer::default(),
            write_stalled: None,
            is_new: true,
            peer_closed: false,
            closed: None,
            _seat: seat,
        }
    }

    fn on_bytes(&mut self) {
        if self.connection.phase() == Phase::Waiting {
            self.connection.enter(Phase::Head);
            self.phase_began = Instant::now();
            self.is_new = false;
        }
    }

    /// Ready when the peer has kept silent for too long: with an end of stream if it was idle, which
    /// closes the connection in good order, and an error in the midst of a head.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.connection.phase();
        let limit = match phase {
            Phase::Serving => return Poll::Pending,
            Phase::Answering => {
                self.connection.enter(Phase::Waiting);
                self.phase_began = Instant::now();
                self.deadlines.idle
            }
            Phase::Waiting if self.is_new => self.deadlines.header,
            Phase::Waiting => self.deadlines.idle,
            Phase::Head => self.deadlines.header,
        };
        ready!(self.read_timer.poll(cx, self.phase_began + limit));
        if phase == Phase::Head {
            return Poll::Ready(Err(self.exceeded(Deadline::Header)));
        }
        self.metrics.server.deadlines_exceeded.inc(Deadline::Idle);
        Poll::Ready(Ok(()))
    }

    fn poll_stall<R>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.write_stalled = None;
            return written;
        }
        let since = *self.write_stalled.get_or_insert_with(Instant::now);
        ready!(self.write_timer.poll(cx, since + self.deadlines.write));
        Poll::Ready(Err(self.exceeded(Deadline::Write)))
    }

    fn exceeded(&self, deadline: Deadline) -> io::Error {
        self.metrics.server.deadlines_exceeded.inc(deadline);
        io::ErrorKind::TimedOut.into()
    }

    /// Reads and drops what the peer still sends, until it closes too. Closing a socket with unread
    /// bytes resets the connection, and the peer may then never read the answer that refused it. Read
    /// from the socket itself: under overload there is no time to decrypt what nobody wants.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.closed.get_or_insert_with(Instant::now);
        let mut scratch = [0; 16 * 1024];
        loop {
            if self.peer_closed || since.elapsed() >= self.deadlines.linger {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(self.inner.socket()).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => self.peer_closed = true,
                Poll::Pending => {
                    ready!(self.read_timer.poll(cx, since + self.deadlines.linger));
                }
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + OnSocket + Unpin> AsyncRead for DeadlineStream<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buffer) {
            Poll::Pending => this.poll_silence(cx),
            Poll::Ready(result) => {
                if buffer.filled().len() > before {
                    this.on_bytes();
                } else {
                    this.peer_closed = true;
                }
                Poll::Ready(result)
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + OnSocket + Unpin> AsyncWrite for DeadlineStream<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.poll_stall(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.inner).poll_flush(cx);
        this.poll_stall(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closed.is_none() {
            let closed = Pin::new(&mut this.inner).poll_shutdown(cx);
            ready!(this.poll_stall(cx, closed))?;
        }
        this.poll_linger(cx).map(Ok)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, bytes);
        this.poll_stall(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// A timer whose deadline mostly moves on: it is then left as it is and set anew only when it fires
/// too early, so that a request costs no change of the runtime's timer wheel.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}
