//! `pullpass controller`, the real binary.

use std::{
    ffi::OsString,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{cluster::Cluster, running::Running};

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
    running: Running,
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
        controller.becomes_ready().await;
        controller
    }

    /// Starts it and waits for nothing.
    pub fn spawn(mut self) -> ControllerProcess {
        self.arguments.push(format!("--kubeconfig={}", self.kubeconfig.display()).into());
        let place = (&*self.folder, &*self.name);
        let running = Running::spawn("controller", place, self.arguments, self.environment);
        ControllerProcess { name: self.name, running }
    }
}

impl ControllerProcess {
    /// Its host name, with which its identity begins.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it says that it leads.
    pub async fn leads(&self) -> bool {
        self.metric("pullpass_leader").await == Some(1.0)
    }

    /// Sends SIGTERM, waits for the end and says how it was.
    pub async fn terminate(mut self) -> ExitStatus {
        self.ends().await
    }
}

impl Deref for ControllerProcess {
    type Target = Running;
    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for ControllerProcess {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}
