//! `pullpass controller`, the binary as shipped: its memory, its metrics, its end.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};

use crate::{
    eventually::eventually,
    plain_http, ports,
    supervised::{Program, Supervised},
};

const BINARY: &str = env!("CARGO_BIN_EXE_pullpass");
/// It may have to wait for a Lease that was not given back.
const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(30);

/// The running controller. Dropping it kills it.
pub struct Controller {
    process: Supervised,
    admin_port: u16,
    /// When it was started.
    pub started: Instant,
}

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// What is resident.
    pub resident: usize,
    /// What is resident, shared pages by their share.
    pub proportional: usize,
    /// The most that was ever resident.
    pub peak: usize,
}

impl Controller {
    /// Starts it, and waits for nothing.
    pub fn start(folder: &Path, kubeconfig: &Path) -> Self {
        let admin_port = ports::free();
        let command = vec![
            BINARY.into(),
            "controller".into(),
            admin_argument(admin_port).into(),
            format!("--kubeconfig={}", kubeconfig.display()).into(),
            "--certificates=external".into(),
            "--log-format=json".into(),
        ];
        let started = Instant::now();
        let process = Supervised::start(&Program {
            command,
            environment: vec![("HOSTNAME".into(), format!("controller-{admin_port}"))],
            log: folder.join(format!("controller-{admin_port}.log")),
            scratch: folder.join(format!("controller-{admin_port}")),
            ..Program::default()
        });
        Self { process, admin_port, started }
    }

    /// Waits until it says, from now on, that so many copies are wanted and in place, and nothing is
    /// left to do. It counts every 5 s.
    pub async fn has_in_place(&self, copies: usize) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let what = format!("the controller to have {copies} copies in place");
        eventually(&what, START, async || {
            let metrics = plain_http::get(self.admin_port, "/metrics").await?.body;
            let of = |sample: &str| -> Option<u64> {
                let value = metrics.lines().find_map(|line| line.strip_prefix(sample));
                value?.trim().parse().ok()
            };
            let has = |state| {
                let count = of(&format!("pullpass_copies{{state=\"{state}\"}} "));
                count.is_some_and(|count| usize::try_from(count) == Ok(copies))
            };
            let last_success = of("pullpass_copies_last_success_timestamp_seconds ");
            let is_so = has("wanted") && has("in_place") && last_success > Some(now);
            is_so.then_some(()).ok_or_else(|| self.process.log_tail())
        })
        .await;
    }

    /// Its memory.
    pub fn memory(&self) -> Result<Memory> {
        let process = self.process_folder().context("the controller is not running")?;
        let of = |file: &str, field: &str| {
            let path = process.join(file);
            let text = fs::read_to_string(&path)
                .with_context(|| format!("failed to read {}", path.display()))?;
            let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            let value = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            value.with_context(|| format!("{} has no {field}", path.display()))
        };
        Ok(Memory {
            resident: of("status", "VmRSS")?,
            proportional: of("smaps_rollup", "Pss")?,
            peak: of("status", "VmHWM")?,
        })
    }

    /// The process, which is a child of its supervisor: known by its argument.
    fn process_folder(&self) -> Option<PathBuf> {
        let mark = admin_argument(self.admin_port);
        let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
        let is_it = |process: &PathBuf| {
            let command = fs::read(process.join("cmdline")).unwrap_or_default();
            let mut words = command.split(|byte| *byte == 0);
            words.next() == Some(BINARY.as_bytes()) && words.any(|word| word == mark.as_bytes())
        };
        processes.filter(|process| process.is_dir()).find(is_it)
    }

    /// Ends it by SIGTERM, as a rolling update does.
    pub async fn end(&mut self) -> Result<()> {
        self.process.signal("TERM");
        let process = &mut self.process;
        let status = eventually("the controller to end", END, async || process.exited()).await;
        ensure!(status.success(), "the controller ended ({status}): {}", self.process.log_tail());
        Ok(())
    }
}

fn admin_argument(port: u16) -> String {
    format!("--admin-listen=127.0.0.1:{port}")
}
