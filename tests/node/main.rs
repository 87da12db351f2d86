//! Tests on a real node: Pullpass runs as Pods from its own manifests, and a kubelet pulls from a registry
//! that demands credentials.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a part of the fixture that cannot do its work fails the test, and says why"
)]

mod containerd;
mod fixtures;
mod kubelet;
mod namespaces;
mod node;

// The fixtures name each other by these.
use fixtures::{
    control_plane, docker_config, eventually, kubectl, oci_layout, pki, plain_http, ports,
    programs, registry, run_folder, supervised,
};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    pullpass::tls::install_provider();
    let t = std::time::Instant::now();
    let node = runtime.block_on(node::Node::start());
    eprintln!("ready after {:?}", t.elapsed());
    std::io::stdin().read_line(&mut String::new()).unwrap();
    drop(node);
    eprintln!("down after {:?}", t.elapsed());
}
