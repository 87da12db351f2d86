//! `pullpass status`: which copies of pull secrets there are in a cluster, which Pods cannot pull, and why.

use super::connected;
use super::output::{ERROR, Format, GOOD, OutputArgs, TITLE, WARNING, counted, printable};
use crate::{
    cluster::ObjectName,
    controller::{
        CopyOptions, SHARED_GRACE,
        copies::{EntryStatus, Survey, survey},
    },
};
use anyhow::Result;
use clap::Args;
use std::{io::Write, path::PathBuf, process::ExitCode};

/// Show the copies of pull secrets in a cluster, entry by entry, the Pods that cannot pull an image of an
/// entry, and what is wrong. Nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass status
  pullpass status --copies-only
  pullpass status --kubeconfig ~/.kube/config -o json | jq '.problems[]'
  pullpass status -o json | jq '.pulls[] | [.entry, .cause, .pods]'")]
pub struct Status {
    /// The kubeconfig of the cluster [default: KUBECONFIG, ~/.kube/config, or the Pod's ServiceAccount]
    #[arg(long, value_name = "FILE", env = "PULLPASS_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// The namespace of the sources
    #[arg(long, value_name = "NS", env = "PULLPASS_NAMESPACE", default_value = "pullpass-system")]
    namespace: String,
    /// The ConfigMap of the configuration [default: NS/pullpass, of --namespace]
    #[arg(long, value_name = "NS/NAME", env = "PULLPASS_CONFIG_MAP")]
    config_map: Option<ObjectName>,
    /// Look at the copies alone, and at no Pod: for a pipeline, which an image of others is not to stop
    #[arg(long, env = "PULLPASS_COPIES_ONLY", value_parser = clap::builder::BoolishValueParser::new())]
    copies_only: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const COLUMNS: [&str; 9] = [
    "ENTRY",
    "SOURCE",
    "PULL SECRET",
    "NAMESPACES",
    "IN PLACE",
    "MISSING",
    "OUTDATED",
    "IN THE WAY",
    "NOT GRANTED",
];

impl Status {
    /// Exit code 0 if every copy is in place and nothing is wrong, else 1.
    pub fn run(&self) -> Result<ExitCode> {
        let found = self.look()?;
        match self.output.output {
            Format::Json => {
                let mut out = std::io::stdout().lock();
                serde_json::to_writer_pretty(&mut out, &found)?;
                writeln!(out)?;
            }
            Format::Text => print_text(&found)?,
        }
        Ok(match is_in_order(&found) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn look(&self) -> Result<Survey> {
        let own = || ObjectName { namespace: (*self.namespace).into(), name: "pullpass".into() };
        let options = CopyOptions {
            namespace: self.namespace.clone(),
            config_map: self.config_map.clone().unwrap_or_else(own),
            shared_grace: SHARED_GRACE,
        };
        let no_pods = self.copies_only.then(|| "left out by `--copies-only`".to_owned());
        connected::run(self.kubeconfig.as_deref(), async |client| {
            Ok(survey(&client, &options, no_pods).await?)
        })
    }
}

fn is_in_order(found: &Survey) -> bool {
    found.problems.is_empty()
        && found.entries.iter().all(|entry| entry.missing + entry.outdated == 0)
}

fn print_text(found: &Survey) -> Result<()> {
    let mut out = anstream::stdout().lock();
    let rows: Vec<[String; 9]> = found.entries.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    writeln!(out, "{TITLE}{}{TITLE:#}", line(&COLUMNS))?;
    for row in &rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        writeln!(out, "{}", line(&cells))?;
    }
    for problem in &found.problems {
        writeln!(out, "{WARNING}problem{WARNING:#}: {}", printable(problem))?;
    }
    if let Some(reason) = &found.pods_not_listed {
        let reason = printable(reason);
        writeln!(out, "{WARNING}note{WARNING:#}: whether Pods can pull is not known: {reason}")?;
    }
    match is_in_order(found) {
        true => writeln!(out, "{GOOD}all copies are in place{GOOD:#}")?,
        false => {
            let problems = counted(found.problems.len(), "problem");
            let due: usize = found.entries.iter().map(|entry| entry.missing + entry.outdated).sum();
            writeln!(
                out,
                "{ERROR}not in order{ERROR:#}: {due} copies missing or outdated, {problems}"
            )?;
        }
    }
    Ok(())
}

fn row(entry: &EntryStatus) -> [String; 9] {
    let source = match entry.source.is_empty() {
        true => "(entry is gone)".to_owned(),
        false => entry.source.clone(),
    };
    [
        printable(&entry.entry).into_owned(),
        source,
        entry.pull_secret.clone(),
        entry.namespaces.to_string(),
        entry.in_place.to_string(),
        entry.missing.to_string(),
        entry.outdated.to_string(),
        entry.in_the_way.to_string(),
        entry.not_granted.to_string(),
    ]
}
