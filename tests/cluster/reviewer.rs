//! A server for admission reviews, on the runtime of a test.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
};

use axum::Router;
use axum_server::{Handle, tls_rustls::RustlsConfig};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    endpoint::Endpoint,
    pki::{Authority, Leaf},
};

/// The running server. Dropping it stops it.
pub struct Reviewer {
    port: u16,
    authority: Authority,
    handle: Handle<SocketAddr>,
}

impl Reviewer {
    /// Serves on loopback, with a certificate of an authority of this name.
    pub fn start(name: &str, router: Router) -> Self {
        let authority = Authority::new(name);
        let tls = tls(&authority.issue(&["127.0.0.1"]));
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("the listener serves tokio");
        let port = listener.local_addr().expect("a listener has an address").port();
        let handle = Handle::new();
        let server = axum_server::from_tcp_rustls(listener, tls)
            .expect("the listener is taken over")
            .handle(handle.clone());
        tokio::spawn(server.serve(router.into_make_service()));
        Self { port, authority, handle }
    }
}

impl Endpoint for Reviewer {
    fn port(&self) -> u16 {
        self.port
    }
    fn ca_pem(&self) -> String {
        self.authority.pem()
    }
}

impl Drop for Reviewer {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

fn tls(leaf: &Leaf) -> RustlsConfig {
    let chain = CertificateDer::pem_slice_iter(leaf.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .expect("the certificate is PEM");
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).expect("the key is PEM");
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the key fits the certificate");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    RustlsConfig::from_config(Arc::new(config))
}
