//! The fixtures of tests/cluster that start a control plane, and issue certificates.

#![allow(dead_code, unused_imports, reason = "the tests need more of them")]

#[path = "../../tests/cluster/control_plane.rs"]
pub mod control_plane;
#[path = "../../tests/cluster/eventually.rs"]
pub mod eventually;
#[path = "../../tests/cluster/pki.rs"]
pub mod pki;
#[path = "../../tests/cluster/plain_http.rs"]
pub mod plain_http;
#[path = "../../tests/cluster/ports.rs"]
pub mod ports;
#[path = "../../tests/cluster/programs.rs"]
pub mod programs;
#[path = "../../tests/cluster/run_folder.rs"]
pub mod run_folder;
#[path = "../../tests/cluster/supervised.rs"]
pub mod supervised;
