//! The memory of webhook and controller, which holds secrets, is nobody else's and goes into no core dump.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::run::CONFIG;

/// Nobody's, on every Linux.
const USER: u32 = 65_534;
const SOON: Duration = Duration::from_secs(20);
const KUBECONFIG: &str = "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], users: [{name: a, user: {}}], clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]}";

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program as a user that is not root.
fn start(program: &Path, arguments: &[&str]) -> Killed {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(USER).gid(USER);
    }
    Killed(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display())))
}

/// Whose the kernel says that the process's memory is: root's, if no core dump of it is written.
fn owner(process: &Killed) -> u32 {
    fs::metadata(format!("/proc/{}/environ", process.0.id())).unwrap().uid()
}

#[test]
fn fault_51_webhook_and_controller_go_into_no_core_dump() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    open(folder.path());
    // Where that user can run it.
    let program = folder.path().join("pullpass");
    fs::copy(env!("CARGO_BIN_EXE_pullpass"), &program).unwrap();
    open(&program);
    let (config, kubeconfig) = (folder.path().join("config"), folder.path().join("kubeconfig"));
    fs::copy(CONFIG, &config).unwrap();
    fs::write(&kubeconfig, KUBECONFIG).unwrap();
    open(&config);
    open(&kubeconfig);
    let [config, kubeconfig] = [&config, &kubeconfig].map(|path| path.to_str().unwrap());

    let other = start(Path::new("/bin/sleep"), &["1000"]);
    let webhook = ["webhook", "--self-signed", "--listen=127.0.0.1:0", "--config", config];
    let controller = ["controller", "--kubeconfig", kubeconfig];
    for arguments in [&webhook[..], &controller] {
        let mut process = start(&program, &[arguments, &["--admin-listen=127.0.0.1:0"]].concat());
        let started = Instant::now();
        while owner(&process) != 0 {
            let ended = process.0.try_wait().unwrap();
            assert!(ended.is_none() && started.elapsed() < SOON, "{arguments:?}: {ended:?}");
            thread::sleep(Duration::from_millis(25));
        }
        assert!(process.0.try_wait().unwrap().is_none(), "{arguments:?} ended");
    }
    assert_ne!(owner(&other), 0, "of another process a core dump would be written");
}
