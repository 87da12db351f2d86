//! Free loopback ports for programs that must be told theirs.

use std::net::{Ipv4Addr, TcpListener};

/// A port that was free a moment ago. The kernel gives it to nobody else soon.
pub fn free() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
        .port()
}
