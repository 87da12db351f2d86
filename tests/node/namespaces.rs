//! The namespaces of the node: mounts, processes, cgroups and network of its own.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{
    eventually::eventually,
    run_folder::RunFolder,
    supervised::{Program, Supervised},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/namespaces");
const START: Duration = Duration::from_secs(20);

/// They are there for as long as this is: dropping it ends all that runs in them.
pub struct Namespaces {
    folder: PathBuf,
    holder: Supervised,
}

impl Namespaces {
    /// Makes them, beneath the cgroups of this process. Their state is in the folder `node`.
    pub async fn make(folder: &RunFolder) -> Self {
        // Its name is that of the cgroups too.
        let own = folder.path().file_name().map(Path::new).expect("the folder has a name");
        let state = folder.path().join("namespaces").join(own);
        fs::create_dir_all(&state).expect("the folder of the namespaces is made");
        let remove = format!("{} remove {}", quoted(SCRIPT), quoted(&state.to_string_lossy()));
        let holder = Supervised::start(&Program {
            command: vec![SCRIPT.into(), "hold".into(), state.clone().into()],
            log: folder.path().join("namespaces.log"),
            scratch: state.clone(),
            last: remove.into(),
            ..Program::default()
        });
        let mut namespaces = Self { folder: state, holder };
        eventually("the namespaces of the node", START, async || {
            if let Some(status) = namespaces.holder.exited() {
                panic!("no namespaces ({status}): {}", namespaces.holder.log_tail());
            }
            namespaces.folder.join("ready").exists()
        })
        .await;
        namespaces
    }

    /// Starts a program in them.
    pub fn start(&self, log: &RunFolder, name: &str, command: Vec<OsString>) -> Supervised {
        Supervised::start(&Program {
            command: self.within(command),
            log: log.path().join(format!("{name}.log")),
            scratch: log.path().join(format!("{name}.scratch")),
            ..Program::default()
        })
    }

    /// The command line that runs this one in them.
    pub fn within(&self, command: Vec<OsString>) -> Vec<OsString> {
        let mut line = vec![SCRIPT.into(), "run".into(), self.folder.clone().into()];
        line.extend(command);
        line
    }

    /// Ends all that runs in them, as the end of power does; nothing starts by itself.
    pub fn reboot(&self) {
        let output = Command::new(SCRIPT).arg("reboot").arg(&self.folder).output();
        let output = output.unwrap_or_else(|error| panic!("cannot run {SCRIPT}: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Takes this thread, and all threads and processes that it starts from now on, into their network.
    pub fn enter_network(&self) {
        let network = File::open(format!("/proc/{}/ns/net", self.init()))
            .unwrap_or_else(|error| panic!("the network of the node: {error}"));
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
            .unwrap_or_else(|error| panic!("entering the network of the node: {error}"));
    }

    /// Process 1 of the node, by the number that it has on the machine.
    pub fn init(&self) -> u32 {
        let read = |path: &Path| {
            let text = fs::read_to_string(path);
            let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            text.trim().parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let holder: u32 = read(&self.folder.join("holder"));
        read(Path::new(&format!("/proc/{holder}/task/{holder}/children")))
    }

    /// The node's cgroups, as the machine sees them.
    pub fn cgroups(&self) -> Vec<PathBuf> {
        let cgroups = fs::read_to_string(self.folder.join("cgroups")).expect("they are written");
        cgroups.lines().map(PathBuf::from).collect()
    }
}

/// For a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
