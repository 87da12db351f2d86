//! Where the API server may be sent to: webhooks on loopback, and holes.

use std::net::{Ipv4Addr, TcpListener};

use crate::{pki::Authority, ports};

/// A server for admission reviews on 127.0.0.1.
pub trait Endpoint {
    /// Its TCP port.
    fn port(&self) -> u16;
    /// The authority of its certificate, as PEM.
    fn ca_pem(&self) -> String;
}

/// A port where nothing listens: connections are refused at once.
pub struct DeadPort {
    port: u16,
    authority: Authority,
}

impl DeadPort {
    pub fn new() -> Self {
        Self { port: ports::free(), authority: Authority::new("dead-port") }
    }
}

impl Endpoint for DeadPort {
    fn port(&self) -> u16 {
        self.port
    }
    fn ca_pem(&self) -> String {
        self.authority.pem()
    }
}

/// A port that takes connections and never says a word: callers wait for their timeout.
pub struct BlackHole {
    listener: TcpListener,
    authority: Authority,
}

impl BlackHole {
    pub fn open() -> Self {
        Self {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .expect("loopback has a free port"),
            authority: Authority::new("black-hole"),
        }
    }
}

impl Endpoint for BlackHole {
    fn port(&self) -> u16 {
        self.listener.local_addr().expect("a listener has an address").port()
    }
    fn ca_pem(&self) -> String {
        self.authority.pem()
    }
}
