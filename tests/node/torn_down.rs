//! What is left of a node after a test process was killed: nothing.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{eventually::eventually, installed::SOON, node::Node};

/// Set for the process that is to be killed.
pub const VICTIM: &str = "PULLPASS_NODE_TO_BE_KILLED";

/// A second node, of a process of its own.
pub async fn nothing_is_left_of_a_node_whose_test_is_killed(_: &Node) {
    let mut victim = Command::new(env::current_exe().expect("this test is a program"))
        .env(VICTIM, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second test process starts");
    let mut lines = BufReader::new(victim.stdout.take().expect("stdout is piped")).lines();
    let mut line = || lines.next().expect("it tells of its node").expect("in UTF-8");
    let (init, cgroup) = (PathBuf::from(line()), PathBuf::from(line()));
    let running = fs::read_to_string(init.join("root/proc/loadavg"));
    assert!(running.is_ok() && cgroup.exists(), "the second node runs");

    victim.kill().expect("it is killed");
    victim.wait().expect("it has ended");

    eventually("all of its node to be gone", SOON, async || {
        let left = [&init, &cgroup].into_iter().filter(|path| path.exists()).collect::<Vec<_>>();
        left.is_empty().then_some(()).ok_or(format!("{left:?}"))
    })
    .await;
}

/// What the victim does: it starts a node, tells of it, and waits for its end.
pub async fn be_the_victim() {
    let node = Node::start().await;
    println!("/proc/{}", node.namespaces.init());
    println!("{}", node.namespaces.cgroup("memory").display());
    std::future::pending::<()>().await;
}
