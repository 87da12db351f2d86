//! `pullpass controller`, the real binary.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::{
    cluster::Cluster,
    eventually::eventually,
    plain_http::{self, Answer},
    ports,
    supervised::{Program, Supervised},
};

const START: Duration = Duration::from_secs(20);
/// Above the default of `--shutdown-grace`.
const END: Duration = Duration::from_secs(30);

/// A controller to be started, by the administrator's rights unless [`NewController::kubeconfig`] says
/// otherwise.
pub struct NewController {
    name: String,
    folder: PathBuf,
    kubeconfig: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

/// The running controller. Dropping it kills it.
pub struct ControllerProcess {
    name: String,
    admin_port: u16,
    process: Supervised,
}

impl Cluster {
    /// A controller process to be started.
    pub fn controller(&self) -> NewController {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("controller-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        NewController {
            folder: self.control_plane().folder().path().to_path_buf(),
            kubeconfig: self.control_plane().admin_kubeconfig(),
            arguments: vec![],
            environment: vec![("HOSTNAME".into(), name.clone())],
            name,
        }
    }
}

impl NewController {
    /// In the cluster under the identity of this kubeconfig.
    pub fn kubeconfig(mut self, file: &Path) -> Self {
        self.kubeconfig = file.to_path_buf();
        self
    }

    /// With one more argument, such as `--certificates=external`.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With one more environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> ControllerProcess {
        let mut controller = self.spawn();
        let admin_port = controller.admin_port;
        let process = &mut controller.process;
        eventually("the controller to be ready", START, async || {
            if let Some(status) = process.exited() {
                panic!("the controller ended ({status}): {}", process.log_tail());
            }
            match plain_http::get(admin_port, "/readyz").await {
                Ok(Answer { status: 200, .. }) => Ok(()),
                Ok(answer) => Err(format!("{answer:?}; {}", process.log_tail())),
                Err(error) => Err(format!("{error}; {}", process.log_tail())),
            }
        })
        .await;
        controller
    }

    /// Starts it and waits for nothing.
    pub fn spawn(self) -> ControllerProcess {
        let admin_port = ports::free();
        let mut command: Vec<OsString> = vec![
            env!("CARGO_BIN_EXE_pullpass").into(),
            "controller".into(),
            format!("--admin-listen=127.0.0.1:{admin_port}").into(),
            format!("--kubeconfig={}", self.kubeconfig.display()).into(),
            "--log-format=json".into(),
        ];
        command.extend(self.arguments);
        let process = Supervised::start(&Program {
            command,
            environment: self.environment,
            log: self.folder.join(format!("{}.log", self.name)),
            scratch: self.folder.join(&self.name),
        });
        ControllerProcess { name: self.name, admin_port, process }
    }
}

impl ControllerProcess {
    /// Its host name, with which its identity begins.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `/readyz` says, while the admin port may not be open yet.
    pub async fn ready(&self) -> Result<Answer, String> {
        plain_http::get(self.admin_port, "/readyz").await
    }

    /// The value of one sample of `/metrics`, named as it is written there, labels and all.
    pub async fn metric(&self, sample: &str) -> Option<f64> {
        let metrics = plain_http::get(self.admin_port, "/metrics").await.ok()?.body;
        let value =
            metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
        value.parse().ok()
    }

    /// Whether it says that it leads.
    pub async fn leads(&self) -> bool {
        self.metric("pullpass_leader").await == Some(1.0)
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Sends it a signal by its name without SIG.
    pub fn signal(&mut self, name: &str) {
        self.process.signal(name);
    }

    /// How it ended, if it did. Death by signal N is exit code 128 + N.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.process.exited()
    }

    /// Sends SIGTERM, waits for the end and says how it was.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        eventually("the controller to end", END, async || self.exited()).await
    }
}
