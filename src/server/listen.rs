//! Binding an address, and serving on it until the end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tower::make::Shared;
use tracing::{info, warn};

use super::accept::{Gate, Tls};
use super::layers::guard;
use super::options::Limits;
use super::shutdown::Shutdown;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Listener;

/// Connections that the kernel keeps until they are accepted; a burst fits in.
const BACKLOG: u32 = 4096;

/// Why an address was not bound.
#[derive(Debug, Error)]
#[error("failed to listen on {address} ({})", hint(.source))]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there: stop it or choose another port",
        io::ErrorKind::PermissionDenied => "choose a port from 1024 up",
        io::ErrorKind::AddrNotAvailable => "choose an address of this machine, such as 0.0.0.0",
        _ => "choose another address",
    }
}

/// Why serving ended other than in good order.
#[derive(Debug, Error)]
#[error("serve on {address}: {source}")]
pub struct ServeError {
    address: SocketAddr,
    source: io::Error,
}

/// A bound address at which nothing is accepted yet; the kernel already queues connections.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// With what, besides the service, a listener serves.
#[derive(Clone)]
pub struct Serving {
    /// For the metrics.
    pub listener: Listener,
    /// None for plain HTTP.
    pub tls: Option<Tls>,
    /// Its limits.
    pub limits: Limits,
    /// How long requests in flight may take once draining has begun.
    pub grace: Duration,
    /// What it counts with.
    pub metrics: Arc<Metrics>,
    /// What it ends by.
    pub shutdown: Shutdown,
}

impl Bound {
    /// Binds an address; port 0 takes a free one. To be called within a Tokio runtime.
    ///
    /// # Errors
    /// Which address, why, and what to do.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let refused = |source| BindError { address, source };
        let listener = listen(address).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the router, guarded: 404 and 405 in words, at most [`Limits::in_flight`] requests at once,
    /// panics isolated, each answer counted; until draining has begun and the requests in flight have ended, or the grace is over.
    ///
    /// # Errors
    /// If accepting failed for good.
    pub async fn serve(self, router: Router, serving: Serving) -> Result<(), ServeError> {
        let service = guard(router, &serving.limits, Arc::clone(&serving.metrics));
        let address = self.address;
        let handle = Handle::new();
        let gate = Gate::new(
            serving.listener,
            serving.tls,
            serving.limits.clone(),
            serving.metrics,
            serving.shutdown.clone(),
        );
        let mut server =
            Server::from_listener(self.listener).acceptor(gate).http1_only().handle(handle.clone());
        configure(&mut server, &serving.limits);
        info!(%address, listener = ?serving.listener, "listening");

        let mut serve = pin!(server.serve(Shared::new(service)));
        let outcome = tokio::select! {
            outcome = &mut serve => outcome,
            () = serving.shutdown.draining() => {
                handle.graceful_shutdown(Some(serving.grace));
                let outcome = serve.await;
                warn_of_cut(address, handle.connection_count());
                outcome
            }
        };
        outcome.map_err(|source| ServeError { address, source })
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn configure(server: &mut Server<SocketAddr, Gate>, limits: &Limits) {
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        // Held by the stream, which can tell a slow head from an idle connection.
        .header_read_timeout(None)
        .max_headers(limits.header_count)
        .max_buf_size(limits.header_bytes.max(8192));
}

fn warn_of_cut(address: SocketAddr, connections: usize) {
    if connections > 0 {
        warn!(%address, connections, "the grace is over: requests in flight were cut");
    }
}
