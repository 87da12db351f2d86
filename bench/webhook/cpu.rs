//! The processor time of a process, and on which processors it runs.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::{Context, Result};

/// Who shares which processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cores {
    /// The server has the first for itself, the load has the second.
    Apart,
    /// Both run on both.
    Shared,
}

impl Cores {
    /// Where the server runs, as `taskset` takes it.
    pub fn of_server(self) -> Option<&'static str> {
        (self == Self::Apart).then_some("0")
    }

    /// Where the load runs, as `taskset` takes it.
    pub fn of_load(self) -> Option<&'static str> {
        (self == Self::Apart).then_some("1")
    }
}

/// What a process has used: by each thread to the nanosecond, and in all to the tick, those of threads that
/// have ended among it.
#[derive(Debug, Clone)]
pub struct Used {
    threads: BTreeMap<String, u64>,
    ticks: u64,
}

/// A tick of `/proc/PID/stat`, which is the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

impl Used {
    /// What it has used so far.
    pub fn by(pid: u32) -> Result<Self> {
        let process = Path::new("/proc").join(pid.to_string());
        let read = |path: &Path| {
            fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
        };
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(process.join("task"))?.flatten() {
            // One that has just ended is in the ticks.
            let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
            let ran = text.split_whitespace().next().and_then(|text| text.parse().ok());
            let ran = ran.context("a schedstat has no time")?;
            threads.insert(thread.file_name().to_string_lossy().into_owned(), ran);
        }
        let ticks = ticks(&read(&process.join("stat"))?).context("the stat has no times")?;
        Ok(Self { threads, ticks })
    }

    /// What was used since an earlier moment.
    pub fn since(&self, before: &Self) -> Duration {
        let in_ticks = TICK * u32::try_from(self.ticks - before.ticks).unwrap_or(u32::MAX);
        let of_each = self.threads.iter().map(|(thread, ran)| {
            ran.saturating_sub(before.threads.get(thread).copied().unwrap_or_default())
        });
        let of_threads = Duration::from_nanos(of_each.sum());
        // Beyond what ticks leave out, the rest is of threads that have come and gone.
        if in_ticks > of_threads + 4 * TICK { in_ticks } else { of_threads }
    }
}

/// The user and the system time of a `/proc/PID/stat`, together.
pub fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}
