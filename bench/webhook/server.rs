//! A running server.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::time::sleep;

use crate::{
    bench::Bench,
    cpu::{Cores, Used},
    members::Member,
    plain_http, ports,
};

const START: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(1);

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The table.
    pub config: PathBuf,
    /// Where it runs.
    pub cores: Cores,
    /// The cluster whose namespaces it knows.
    pub kubeconfig: Option<PathBuf>,
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    /// Which one it is.
    pub member: Member,
    /// Where it answers.
    pub port: u16,
    /// How long it took from the start of the process until it was ready.
    pub started_in: Duration,
    admin_port: u16,
    child: Child,
    log: PathBuf,
}

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// What is resident.
    pub resident: usize,
    /// The most that was ever resident.
    pub peak: usize,
}

impl Server {
    /// Starts one, and waits until it is ready.
    pub async fn start(bench: &Bench, member: Member, setup: &Setup) -> Result<Self> {
        let (port, admin_port) = (ports::free(), ports::free());
        let log = bench.path(&format!("{}-{port}.log", member.file()));
        let program = bench.programs.of(member);
        let mut command = match setup.cores.of_server() {
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["-c", cores]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let [certificate, key] = &bench.certificate;
        if member == Member::Pullpass {
            command.arg("webhook").arg(format!("--admin-listen=127.0.0.1:{admin_port}"));
            let kubeconfig = setup.kubeconfig.as_ref();
            command.args(kubeconfig.map(|file| format!("--kubeconfig={}", file.display())));
        }
        command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .arg("--tls-cert")
            .arg(certificate)
            .arg("--tls-key")
            .arg(key)
            .arg("--config")
            .arg(&setup.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("failed to start {command:?}"))?;
        let mut server = Self { member, port, started_in: Duration::ZERO, admin_port, child, log };
        while !server.is_ready().await {
            if let Some(status) = server.child.try_wait()? {
                bail!("{member} ended ({status}): {}", server.log());
            }
            if started.elapsed() > START {
                bail!("{member} is not ready after {START:?}: {}", server.log());
            }
            sleep(PAUSE).await;
        }
        server.started_in = started.elapsed();
        Ok(server)
    }

    async fn is_ready(&self) -> bool {
        match self.member {
            Member::Pullpass => {
                let answer = plain_http::get(self.admin_port, "/readyz").await;
                answer.is_ok_and(|answer| answer.status == 200)
            }
            _ => self.log().contains("listening on"),
        }
    }

    /// What it has used of processors so far.
    pub fn used(&self) -> Result<Used> {
        Used::by(self.child.id())
    }

    /// Its memory.
    pub fn memory(&self) -> Result<Memory> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        let of = |field: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            let value = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            value.with_context(|| format!("{path} has no {field}"))
        };
        Ok(Memory { resident: of("VmRSS")?, peak: of("VmHWM")? })
    }

    /// The value of one sample of Pullpass's `/metrics`.
    pub async fn metric(&self, sample: &str) -> Result<f64> {
        let answer = plain_http::get(self.admin_port, "/metrics").await;
        let metrics = answer.map_err(|error| anyhow::anyhow!(error))?.body;
        let value = metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        let value = value.with_context(|| format!("there is no metric {sample}"))?;
        value.parse().with_context(|| format!("{sample} is {value:?}"))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
