//! The orderly end in two phases: not ready but serving, then draining.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::{Stream, StreamExt};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::readiness::Readiness;

/// How far the process is on its way out. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    closing: AtomicBool,
    draining: CancellationToken,
}

impl Shutdown {
    /// Not on its way out.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on each response closes its connection.
    pub fn begin_closing(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
    }

    /// From now on no connection is accepted, and listeners end once requests in flight have. A leader
    /// gives up its Lease.
    pub fn begin_draining(&self) {
        self.begin_closing();
        self.0.draining.cancel();
    }

    /// Whether responses close their connections.
    pub fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }

    /// Whether listeners are ending.
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// Waits until listeners are to end.
    pub async fn draining(&self) {
        self.0.draining.cancelled().await;
    }
}

/// The operator asked twice.
#[derive(Debug, Error)]
#[error("stop at once: a second signal came before the requests in flight had finished")]
pub struct Aborted;

/// SIGTERM and SIGINT, each as it comes. To be called within a Tokio runtime.
///
/// # Errors
/// If the handlers cannot be installed.
pub fn os_signals() -> io::Result<impl Stream<Item = ()> + Send + Unpin> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(futures::stream::poll_fn(move |cx| {
        match (terminate.poll_recv(cx), interrupt.poll_recv(cx)) {
            (Poll::Ready(Some(())), _) | (_, Poll::Ready(Some(()))) => Poll::Ready(Some(())),
            (Poll::Ready(None), Poll::Ready(None)) => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }))
}

/// At the first signal: not ready, and after `delay` (in which endpoints are told) draining. Returns
/// only at the second signal, so it is to be raced against the end of the listeners.
pub async fn shut_down_on(
    mut signals: impl Stream<Item = ()> + Unpin,
    shutdown: &Shutdown,
    readiness: &Readiness,
    delay: Duration,
) -> Aborted {
    next_signal(&mut signals).await;
    info!(?delay, "signal received: not ready any more, still serving");
    readiness.begin_shutdown();
    shutdown.begin_closing();
    tokio::select! {
        () = sleep(delay) => {}
        () = next_signal(&mut signals) => return Aborted,
    }
    info!("draining: requests in flight finish");
    shutdown.begin_draining();
    next_signal(&mut signals).await;
    Aborted
}

/// Waits for ever once there can be no more signals.
async fn next_signal(signals: &mut (impl Stream<Item = ()> + Unpin)) {
    if signals.next().await.is_none() {
        std::future::pending::<()>().await;
    }
}
