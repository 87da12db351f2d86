//! The fixtures of tests/cluster that the node is built on.

#![allow(dead_code, reason = "tests/cluster needs more of them")]

#[path = "../cluster/audit.rs"]
pub mod audit;
#[path = "../cluster/control_plane.rs"]
pub mod control_plane;
#[path = "../cluster/docker_config.rs"]
pub mod docker_config;
#[path = "../cluster/eventually.rs"]
pub mod eventually;
#[path = "../cluster/kubectl.rs"]
pub mod kubectl;
#[path = "../cluster/oci_layout.rs"]
pub mod oci_layout;
#[path = "../cluster/pki.rs"]
pub mod pki;
#[path = "../cluster/plain_http.rs"]
pub mod plain_http;
#[path = "../cluster/ports.rs"]
pub mod ports;
#[path = "../cluster/programs.rs"]
pub mod programs;
#[path = "../cluster/registry.rs"]
pub mod registry;
#[path = "../cluster/run_folder.rs"]
pub mod run_folder;
#[path = "../cluster/supervised.rs"]
pub mod supervised;
