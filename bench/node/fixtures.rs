//! The fixtures of tests/node, which start a node with Pullpass on it.

#![allow(dead_code, reason = "the tests need more of them")]

#[path = "../../tests/node/fixtures.rs"]
pub mod of_cluster;

#[path = "../../tests/node/built.rs"]
pub mod built;
#[path = "../../tests/node/containerd.rs"]
pub mod containerd;
#[path = "../../tests/node/installed.rs"]
pub mod installed;
#[path = "../../tests/node/kubelet.rs"]
pub mod kubelet;
#[path = "../../tests/node/machine.rs"]
pub mod machine;
#[path = "../../tests/node/namespaces.rs"]
pub mod namespaces;
#[path = "../../tests/node/node.rs"]
pub mod node;
#[path = "../../tests/node/pods.rs"]
pub mod pods;
