//! A process of the real binary: its admin port, its log, its end.

use std::{ffi::OsString, path::Path, process::ExitStatus, time::Duration};

use crate::{
    eventually::eventually,
    plain_http::{self, Answer},
    ports,
    supervised::{Program, Supervised},
};

const START: Duration = Duration::from_secs(20);
/// Above the default of `--shutdown-delay` and `--shutdown-grace` together.
const END: Duration = Duration::from_secs(30);

/// `pullpass SUBCOMMAND` at work. Dropping it kills it.
pub struct Running {
    what: &'static str,
    admin_port: u16,
    process: Supervised,
}

impl Running {
    /// Starts it and waits for nothing. Its log is written to this folder, under this name.
    pub fn spawn(
        subcommand: &'static str,
        (folder, name): (&Path, &str),
        arguments: impl IntoIterator<Item = OsString>,
        environment: Vec<(String, String)>,
    ) -> Self {
        let admin_port = ports::free();
        let mut command: Vec<OsString> = vec![
            env!("CARGO_BIN_EXE_pullpass").into(),
            subcommand.into(),
            format!("--admin-listen=127.0.0.1:{admin_port}").into(),
        ];
        command.extend(arguments);
        let is_format = |argument: &OsString| {
            argument.to_str().is_some_and(|argument| argument.starts_with("--log-format="))
        };
        if !command.iter().any(is_format) {
            command.push("--log-format=json".into());
        }
        let process = Supervised::start(&Program {
            command,
            environment,
            log: folder.join(format!("{name}.log")),
            scratch: folder.join(name),
            ..Program::default()
        });
        Self { what: subcommand, admin_port, process }
    }

    /// Waits until it is ready.
    pub async fn becomes_ready(&mut self) {
        eventually(&format!("the {} to be ready", self.what), START, async || {
            if let Some(status) = self.process.exited() {
                panic!("the {} ended ({status}): {}", self.what, self.process.log_tail());
            }
            match self.admin_if_up("/readyz").await {
                Ok(Answer { status: 200, .. }) => Ok(()),
                Ok(answer) => Err(format!("{answer:?}; {}", self.process.log_tail())),
                Err(error) => Err(format!("{error}; {}", self.process.log_tail())),
            }
        })
        .await;
    }

    /// The answer of a path on its admin port, while that may not be open yet.
    pub async fn admin_if_up(&self, path: &str) -> Result<Answer, String> {
        plain_http::get(self.admin_port, path).await
    }

    /// The answer of a path on its admin port.
    pub async fn admin(&self, path: &str) -> Answer {
        self.admin_if_up(path)
            .await
            .unwrap_or_else(|error| panic!("{error}; {}", self.process.log_tail()))
    }

    /// What `/readyz` says.
    pub async fn ready(&self) -> Answer {
        self.admin("/readyz").await
    }

    /// The value of one sample of `/metrics`, named as it is written there, labels and all; none while
    /// the admin port is not open.
    pub async fn metric(&self, sample: &str) -> Option<f64> {
        let metrics = self.admin_if_up("/metrics").await.ok()?.body;
        let value =
            metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
        value.parse().ok()
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
    pub async fn ends(&mut self) -> ExitStatus {
        self.signal("TERM");
        eventually(&format!("the {} to end", self.what), END, async || self.exited()).await
    }
}
