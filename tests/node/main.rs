//! Tests on a real node: Pullpass runs as Pods from its own manifests, and a kubelet pulls from a registry
//! that demands credentials. They take turns on one node, so this program runs them itself.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a part of the fixture that cannot do its work fails the test, and says why"
)]

mod built;
mod containerd;
mod fixtures;
mod installed;
mod kubelet;
mod machine;
mod namespaces;
mod node;
mod pods;

mod drained;
mod kept_images;
mod overlay;
mod places;
mod private_images;
mod reboot;
mod rolling;
mod shell;
mod torn_down;
mod webhook_down;

// The fixtures name each other by these.
use fixtures::{
    audit, control_plane, docker_config, eventually, kubectl, oci_layout, pki, plain_http, ports,
    programs, registry, run_folder, supervised,
};

use std::sync::{Arc, LazyLock};

use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::{Builder, Runtime};

use crate::node::Node;

/// A test, by its name.
type Test = (&'static str, for<'a> fn(&'a Node) -> LocalBoxFuture<'a, ()>);

macro_rules! tests {
    ($($file:ident: $($name:ident),+;)+) => {
        &[$($((
            concat!(stringify!($file), "::", stringify!($name)),
            |node| Box::pin($file::$name(node)),
        )),+),+]
    };
}

/// In this order, on one node.
const TESTS: &[Test] = tests![
    overlay:
        its_pods_are_ready_under_pod_security_restricted,
        its_processes_have_no_rights_on_the_node,
        its_certificate_comes_from_the_controller,
        its_webhook_is_called_through_the_service;
    private_images:
        a_granted_namespace_runs_it,
        a_namespace_that_is_not_granted_cannot_pull,
        who_opted_out_cannot_pull,
        an_image_that_no_pattern_matches_cannot_be_pulled,
        a_wrong_password_is_told_and_can_be_corrected,
        a_credential_that_is_made_opens_the_registry,
        a_namespace_that_opts_out_loses_its_copy;
    kept_images: an_image_on_the_node_is_refused_without_a_grant;
    places: init_containers_and_image_volumes_are_pulled;
    rolling: a_deployment_of_20_pods_has_its_secrets_throughout;
    webhook_down: what_the_manual_says_heals_pods_that_were_missed;
    drained: a_drain_of_the_only_node_leaves_a_replica_at_work;
    overlay: its_rights_were_enough_and_nothing_restarted;
    reboot: pullpass_comes_back_by_itself;
    torn_down: nothing_is_left_of_a_node_whose_test_is_killed;
];

/// One thread, so that all that it starts is in the network of the node.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime is made")
});

fn main() {
    pullpass::tls::install_provider();
    if std::env::var_os(torn_down::VICTIM).is_some() {
        RUNTIME.block_on(torn_down::be_the_victim());
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let is_skipped = machine::is_skipped();
    let is_asked_for = |(name, _): &Test| match &arguments.filter {
        Some(filter) => name.contains(filter),
        None => true,
    };
    let is_needed = !arguments.list && !is_skipped && TESTS.iter().any(is_asked_for);
    let node = is_needed.then(|| Arc::new(start()));
    let trials = TESTS.iter().map(|(name, test)| {
        let node = node.clone();
        let run = move || {
            RUNTIME.block_on(test(node.as_ref().expect("the node was started")));
            Ok(())
        };
        Trial::test(*name, run).with_ignored_flag(is_skipped)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if let Some(node) = node {
        end(node);
    }
    conclusion.exit();
}

fn start() -> Node {
    machine::is_able();
    let image = installed::image();
    RUNTIME.block_on(async { Node::start().await.with_pullpass(&image).await })
}

/// Nothing is left of it but logs.
fn end(node: Arc<Node>) {
    let cgroups = node.namespaces.cgroups();
    let node = Arc::into_inner(node).expect("no test has kept the node");
    let _inside = RUNTIME.enter();
    drop(node);
    for cgroup in cgroups {
        assert!(!cgroup.exists(), "the node has ended, and {} is left", cgroup.display());
    }
}
