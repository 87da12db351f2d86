//! What the kernel knows of the webhook: memory, open files, processor time.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

/// In which /proc counts time: so many are a second on every Linux.
const TICKS: f64 = 100.0;

/// A process that is known by one of its arguments.
#[derive(Debug, Clone)]
pub struct Process(String);

impl Process {
    /// The one with this argument.
    pub fn known_by(argument: &str) -> Self {
        Self(argument.to_owned())
    }

    /// What is resident, in KiB.
    pub fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(self.folder()?.join("status"))?;
        let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let value = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
        value.context("its status has no VmRSS")
    }

    /// Open files.
    pub fn open_files(&self) -> Result<usize> {
        Ok(fs::read_dir(self.folder()?.join("fd"))?.count())
    }

    /// Processor time so far, in seconds.
    pub fn processor_time(&self) -> Result<f64> {
        processor_time_of(&self.folder()?)
    }

    fn folder(&self) -> Result<PathBuf> {
        let processes = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
        let is_it = |process: &PathBuf| {
            let command = fs::read(process.join("cmdline")).unwrap_or_default();
            let mut words = command.split(|byte| *byte == 0).skip(1);
            words.next() == Some(b"webhook") && words.any(|word| word == self.0.as_bytes())
        };
        processes.into_iter().find(is_it).context("the webhook is not running")
    }
}

/// Processor time of this process, which is the load, in seconds.
pub fn own_processor_time() -> Result<f64> {
    processor_time_of(&PathBuf::from("/proc/self"))
}

fn processor_time_of(folder: &std::path::Path) -> Result<f64> {
    let stat = fs::read_to_string(folder.join("stat"))?;
    let after_name = stat.rsplit_once(") ").context("its stat has no name")?.1;
    let mut fields = after_name.split(' ').skip(11);
    let mut next = || fields.next().and_then(|field| field.parse::<f64>().ok());
    let ticks = next().zip(next()).context("its stat has no times")?;
    Ok((ticks.0 + ticks.1) / TICKS)
}
