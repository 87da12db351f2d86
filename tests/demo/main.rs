//! A demonstration for a person: Pullpass on a real node, by commands that anyone can type. `make demo` runs it.
//! It fails if what it shows is not what it says.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "the fixtures of the tests end what they cannot do, and say why"
)]

#[path = "../node/built.rs"]
mod built;
#[path = "../node/containerd.rs"]
mod containerd;
#[path = "../node/fixtures.rs"]
mod fixtures;
#[allow(dead_code, reason = "tests/node needs more of it")]
#[path = "../node/installed.rs"]
mod installed;
#[path = "../node/kubelet.rs"]
mod kubelet;
#[allow(dead_code, reason = "tests/node needs more of it")]
#[path = "../node/machine.rs"]
mod machine;
#[allow(dead_code, reason = "tests/node needs more of it")]
#[path = "../node/namespaces.rs"]
mod namespaces;
#[allow(dead_code, reason = "tests/node needs more of it")]
#[path = "../node/node.rs"]
mod node;
#[allow(dead_code, reason = "tests/node needs it")]
#[path = "../node/pods.rs"]
mod pods;
#[path = "../node/shell.rs"]
mod shell;

mod demonstration;
mod ending;
mod steps;

// The fixtures name each other by these.
use fixtures::{
    control_plane, docker_config, eventually, kubectl, oci_layout, pki, plain_http, ports,
    programs, registry, run_folder, supervised,
};

use std::{env, process::ExitCode};

use crate::ending::Ending;

const USAGE: &str =
    "usage: make demo [ARGS=--stay]\n  --stay  keep the node until Enter or Ctrl-C\n";

fn main() -> ExitCode {
    let stays = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [option] if option == "--stay" => true,
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    // As the commands name their files.
    env::set_current_dir(env!("CARGO_MANIFEST_DIR")).expect("the project is where it was built");
    pullpass::tls::install_provider();
    match ending::run(|progress| demonstration::show(stays, progress)) {
        Ending::Whole => ExitCode::SUCCESS,
        Ending::Interrupted => ExitCode::from(130),
        Ending::Failed => ExitCode::FAILURE,
    }
}
