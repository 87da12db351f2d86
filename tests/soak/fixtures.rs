//! The fixtures of tests/cluster that a control plane and a program are run with.

#![allow(dead_code, unused_imports, reason = "tests/cluster needs more of them")]

#[path = "../cluster/control_plane.rs"]
pub mod control_plane;
#[path = "../cluster/eventually.rs"]
pub mod eventually;
#[path = "../cluster/kubectl.rs"]
pub mod kubectl;
#[path = "../cluster/pki.rs"]
pub mod pki;
#[path = "../cluster/plain_http.rs"]
pub mod plain_http;
#[path = "../cluster/ports.rs"]
pub mod ports;
#[path = "../cluster/programs.rs"]
pub mod programs;
#[path = "../cluster/run_folder.rs"]
pub mod run_folder;
#[path = "../../bench/common/statistics.rs"]
pub mod statistics;
#[path = "../cluster/supervised.rs"]
pub mod supervised;
