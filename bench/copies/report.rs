//! The figures as a section of `bench/RESULTS.md`.

use crate::{
    cluster::ENTRIES,
    common::{
        machine::Machine,
        results::{row, spread},
        statistics::{Sample, seconds, thousands},
    },
    controller::Memory,
    requests::Requests,
};

/// Under this title it stands.
pub const TITLE: &str = "## Copies of pull secrets";

/// All that was measured.
#[derive(Default)]
pub struct Figures {
    pub restarts: Vec<RestartFigure>,
    pub newcomers: Vec<NewcomerFigure>,
    pub rotations: Vec<RotationFigure>,
    pub memory: Vec<MemoryFigure>,
}

/// Restarts.
pub struct RestartFigure {
    pub namespaces: usize,
    pub bystanders: usize,
    /// With nothing to do.
    pub idle: Vec<Requests>,
    /// From the start until a namespace that was made meanwhile had its copies.
    pub times: Vec<f64>,
}

/// New namespaces, each with the time until it had its copies.
pub struct NewcomerFigure {
    pub present: usize,
    pub bystanders: usize,
    pub how: &'static str,
    pub times: Vec<f64>,
    /// For all of them, if there was nothing else.
    pub requests: Option<Requests>,
}

/// Rotations of one source.
#[derive(Default)]
pub struct RotationFigure {
    pub namespaces: usize,
    pub times: Vec<f64>,
    pub requests: Vec<Requests>,
}

/// The memory of one process.
pub struct MemoryFigure {
    pub namespaces: usize,
    pub bystanders: usize,
    pub process: &'static str,
    pub memory: Memory,
}

/// The whole section.
pub fn section(command: &str, machine: &Machine, versions: &str, figures: &Figures) -> String {
    [
        format!("{TITLE}\n\n`{command}`\n\n"),
        machine.text(),
        versions.to_owned(),
        format!(
            "- {ENTRIES} entries, each with a source of 3 KiB of its own, grant every namespace: {ENTRIES} copies each. The \
             controller has the ServiceAccount, the rights and the fence of the default overlay.\n\
             - Times end when a watch of another client has seen the last copy. Requests are counted by the audit log; those \
             for the Lease come with time and are told apart.\n"
        ),
        restarts(&figures.restarts),
        newcomers(&figures.newcomers),
        rotations(&figures.rotations),
        memory(&figures.memory),
    ]
    .concat()
}

fn restarts(figures: &[RestartFigure]) -> String {
    let mut text = String::from(
        "\n### Restart\n\nAim: no write. `back at work` is the time from the start of the process until a namespace that was made \
         while none ran has its copies: median (least to greatest).\n\n\
         | namespaces | Secrets of others | restarts | writes of Secrets | other writes | requests | back at work |\n|---|---|---|---|---|---|---|\n",
    );
    for RestartFigure { namespaces, bystanders, idle, times } in figures {
        let most = |count: fn(&Requests) -> usize| idle.iter().map(count).max().unwrap_or_default();
        let cells = [
            thousands(*namespaces),
            thousands(*bystanders),
            idle.len().to_string(),
            most(Requests::writes_of_secrets).to_string(),
            most(Requests::other_writes).to_string(),
            most(Requests::total).to_string(),
            spread(times, seconds),
        ];
        text.push_str(&row(&cells));
    }
    text.push_str("\nThe requests of one restart:\n\n");
    text.push_str(&requests_by_size(figures.iter().map(|f| (f.namespaces, f.idle.last()))));
    text
}

fn newcomers(figures: &[NewcomerFigure]) -> String {
    let mut text = format!(
        "\n### A new namespace\n\nFrom the answer to its creation until it has all {ENTRIES} copies. Aim: a p99 under 250 ms, one by one. \
         One by one is one every 100 ms, during a rotation one every 250 ms. At once, the pace shows that the controller keeps: 200 \
         copies, then 100 a second.\n\n\
         | namespaces before | Secrets of others | new | p50 | p99 | greatest |\n|---|---|---|---|---|---|\n"
    );
    for NewcomerFigure { present, bystanders, how, times, .. } in figures {
        let sample: Sample = times.iter().copied().collect();
        let cells = [
            thousands(*present),
            thousands(*bystanders),
            format!("{} {how}", sample.count()),
            seconds(sample.median()),
            seconds(sample.percentile(99.0)),
            seconds(sample.greatest()),
        ];
        text.push_str(&row(&cells));
    }
    let each = figures
        .iter()
        .find_map(|figure| Some(figure.requests.as_ref()?.for_each(figure.times.len())));
    text.push_str(&format!("\nRequests for each new namespace: {}.\n", each.unwrap_or_default()));
    text
}

fn rotations(figures: &[RotationFigure]) -> String {
    let mut text = String::from(
        "\n### Rotation of a source\n\nFrom the answer to the change of the source until the last copy is new: median (least to greatest). \
         The controller begins 200 copies at once and 100 a second after that, so that others are not kept waiting: that is the \
         bound. Aim: each copy is written once.\n\n\
         | namespaces | rotations | time | bound | writes, each | most writes of one copy |\n|---|---|---|---|---|---|\n",
    );
    for RotationFigure { namespaces, times, requests } in figures {
        let writes: Vec<_> =
            requests.iter().map(|one| thousands(one.writes_of_secrets())).collect();
        let most = requests.iter().map(Requests::most_writes_of_one).max().unwrap_or_default();
        let cells = [
            thousands(*namespaces),
            times.len().to_string(),
            spread(times, seconds),
            format!("{} s", namespaces.saturating_sub(200) / 100),
            writes.join(", "),
            most.to_string(),
        ];
        text.push_str(&row(&cells));
    }
    text.push_str("\nThe requests of one rotation:\n\n");
    text.push_str(&requests_by_size(figures.iter().map(|f| (f.namespaces, f.requests.last()))));
    text
}

fn memory(figures: &[MemoryFigure]) -> String {
    let mut text = String::from(
        "\n### Memory\n\nAim: under 64 MiB at 10,000 namespaces, and nothing for Secrets of others. In MiB, of `/proc/PID/status` and \
         `smaps_rollup`; the peak is that of the process's whole life.\n\n\
         | namespaces | copies | Secrets of others | process | resident | proportional | peak |\n|---|---|---|---|---|---|---|\n",
    );
    for MemoryFigure { namespaces, bystanders, process, memory } in figures {
        let cells = [
            thousands(*namespaces),
            thousands(namespaces * ENTRIES),
            thousands(*bystanders),
            (*process).to_owned(),
            mebibytes(memory.resident),
            mebibytes(memory.proportional),
            mebibytes(memory.peak),
        ];
        text.push_str(&row(&cells));
    }
    text
}

fn requests_by_size<'a>(of: impl Iterator<Item = (usize, Option<&'a Requests>)>) -> String {
    let line = |(namespaces, requests): (usize, Option<&Requests>)| {
        Some(format!("- {} namespaces: {}\n", thousands(namespaces), requests?))
    };
    of.filter_map(line).collect()
}

fn mebibytes(kib: usize) -> String {
    format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024)
}
