//! With what, and on what, the figures were measured.

use std::{fs, process::Command};

/// The machine.
#[derive(Debug)]
pub struct Machine {
    processor: String,
    processors: usize,
    memory_gib: usize,
    kernel: String,
    load: String,
    date: String,
}

impl Machine {
    /// Looks at it. The load is that of before.
    pub fn look() -> Self {
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: field("/proc/meminfo", "MemTotal")
                .and_then(|text| text.split_whitespace().next()?.parse::<usize>().ok())
                .map_or(0, |kib| (kib + 524_288) / 1_048_576),
            kernel: first_words("/proc/sys/kernel/osrelease", 1),
            load: first_words("/proc/loadavg", 3),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        }
    }

    /// A list, in Markdown.
    pub fn text(&self) -> String {
        let Self { processor, processors, memory_gib, kernel, load, date } = self;
        format!(
            "- Measured on {date}, on a machine of {processors} processors ({processor}) and {memory_gib} GiB, \
             Linux {kernel}; its load before was {load}, and is {} after. All on this one machine.\n",
            first_words("/proc/loadavg", 3)
        )
    }
}

/// What was measured, with how it was built and what it ran on: a list, in Markdown.
pub fn versions(built: &str, on: &str) -> String {
    format!(
        "- {}; {on}, which writes an audit log of every request, on an etcd that does not sync its files.\n",
        pullpass(built)
    )
}

/// Pullpass, with how it was built.
pub fn pullpass(built: &str) -> String {
    let commit = output("git", &["describe", "--always", "--dirty", "--abbrev=10"]);
    let (version, rust) = (env!("CARGO_PKG_VERSION"), output("rustc", &["--version"]));
    format!("pullpass {version} at commit {commit}, {built} ({rust})")
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_words(file: &str, count: usize) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".into())
}
