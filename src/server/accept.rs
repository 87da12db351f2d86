//! From an accepted socket to a connection that may ask: the cap, the handshake, the deadlines.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum_server::accept::Accept;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tracing::debug;

use super::budget::Budget;
use super::connection::Connection;
use super::handshake::classify;
use super::options::Limits;
use super::service::ConnectionService;
use super::shutdown::Shutdown;
use super::stream::{DeadlineStream, Deadlines, OnSocket, Seat};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{HandshakeFailure, Listener};
use crate::tls::ServingCertificate;

/// What a listener needs to serve TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// As [`server_config`](crate::tls::server_config) makes it.
    pub config: Arc<ServerConfig>,
    /// The certificate that the configuration resolves to.
    pub certificate: Arc<ServingCertificate>,
}

/// Lets connections in; one for each listener.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    listener: Listener,
    tls: Option<Tls>,
    limits: Limits,
    connections: Budget,
    spread: Spread,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
}

/// Plain TCP or TLS.
pub type Transport = Either<TcpStream, Box<TlsStream<TcpStream>>>;

impl OnSocket for Transport {
    fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Left(socket) => socket,
            Self::Right(stream) => stream.get_mut().0,
        }
    }
}

impl Gate {
    pub(super) fn new(
        listener: Listener,
        tls: Option<Tls>,
        limits: Limits,
        metrics: Arc<Metrics>,
        shutdown: Shutdown,
    ) -> Self {
        Self(Arc::new(Inner {
            connections: Budget::new(limits.connections),
            listener,
            tls,
            limits,
            spread: Spread::default(),
            metrics,
            shutdown,
        }))
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Gate {
    type Stream = DeadlineStream<Transport>;
    type Service = ConnectionService<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let gate = Arc::clone(&self.0);
        Box::pin(async move {
            let seat = gate.seat()?;
            stream.set_nodelay(true)?;
            let transport = gate.secure(stream).await?;
            let connection = Arc::new(gate.new_connection());
            let stream = DeadlineStream::new(
                transport,
                Arc::clone(&connection),
                Deadlines::from(&gate.limits),
                Arc::clone(&gate.metrics),
                seat,
            );
            Ok((stream, ConnectionService::new(service, connection, gate.shutdown.clone())))
        })
    }
}

impl Inner {
    fn seat(&self) -> io::Result<Seat> {
        let Some(share) = self.connections.take(1) else {
            self.metrics.server.connections_refused.inc(self.listener);
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        Ok(Seat::take(share, self.metrics.server.connections.of(self.listener)))
    }

    async fn secure(&self, stream: TcpStream) -> io::Result<Transport> {
        let Some(tls) = &self.tls else {
            return Ok(Either::Left(stream));
        };
        let peer = stream.peer_addr().ok();
        let handshake = TlsAcceptor::from(Arc::clone(&tls.config)).accept(stream);
        match timeout(self.limits.handshake_timeout, handshake).await {
            Ok(Ok(stream)) => Ok(Either::Right(Box::new(stream))),
            Ok(Err(error)) => {
                let failure = classify(&error, tls.certificate.is_loaded());
                self.report(failure, peer, &error);
                Err(error)
            }
            Err(_) => {
                let error = io::ErrorKind::TimedOut.into();
                self.report(HandshakeFailure::Timeout, peer, &error);
                Err(error)
            }
        }
    }

    fn report(&self, failure: HandshakeFailure, peer: Option<SocketAddr>, error: &io::Error) {
        self.metrics.server.handshake_failures.inc(failure);
        debug!(?failure, ?peer, %error, "TLS handshake failed");
    }

    fn new_connection(&self) -> Connection {
        let age = self.spread.next(self.limits.connection_max_age);
        Connection::new(self.limits.connection_max_requests, Instant::now() + age)
    }
}

/// Spreads ages evenly over the last quarter of a maximum, so that connections opened together do
/// not close together. Steps of the golden ratio leave no gaps and need no random source.
#[derive(Default)]
struct Spread(AtomicU32);

impl Spread {
    const GOLDEN: u32 = 0x9E37_79B9;

    fn next(&self, max: Duration) -> Duration {
        let step = self.0.fetch_add(Self::GOLDEN, Ordering::Relaxed);
        let part = f64::from(step) / f64::from(u32::MAX);
        max.mul_f64(1.0 - part / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_21_ages_are_spread_over_the_last_quarter() {
        let spread = Spread::default();
        let max = Duration::from_secs(400);
        let mut ages: Vec<_> = (0..100).map(|_| spread.next(max)).collect();
        ages.sort();
        assert!(ages.iter().all(|age| (300..=400).contains(&age.as_secs())));
        let widest = ages.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest < Duration::from_secs(4), "{widest:?}");
    }
}
