//! What is printed of a plan, and what is written into files.

use super::super::new_file::{failure, write};
use super::super::output::{ERROR, FAINT, Format, OutputArgs, TITLE, WARNING, counted, printable};
use crate::import::{
    Hiding, LeftOut, Plan, PlannedEntry, TakenOver, config_text, secret_manifest, to_yaml,
};
use anyhow::{Context, Result, bail};
use clap::{Args, builder::BoolishValueParser};
use serde::Serialize;
use serde_json::Value;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

const CONFIG_FILE: &str = "config.yaml";
const SECRETS_FILE: &str = "secrets.yaml";
/// May be read by all.
const PUBLIC: u32 = 0o644;
/// May be read by the owner alone.
const PRIVATE: u32 = 0o600;

/// Where the entries and Secrets go.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Write config.yaml and secrets.yaml into this directory; made if it is not there
    #[arg(long, value_name = "DIR", env = "PULLPASS_OUT")]
    out: Option<PathBuf>,
    /// Replace the files that are there
    #[arg(long, env = "PULLPASS_FORCE", requires = "out", value_parser = BoolishValueParser::new())]
    force: bool,
    /// Print what the Secrets hold, where anybody may look on
    #[arg(long, env = "PULLPASS_SHOW_SECRETS", conflicts_with = "out", value_parser = BoolishValueParser::new())]
    show_secrets: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// The JSON form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    registries: &'a [PlannedEntry],
    secrets: &'a [Value],
    taken_over: &'a [TakenOver],
    left_out: &'a [LeftOut],
    notes: &'a [String],
    /// What was written.
    files: Vec<String>,
}

impl ReportArgs {
    /// Prints the plan. Exit code 1 if there is nothing to apply.
    pub fn print(&self, plan: &Plan) -> Result<ExitCode> {
        let config = match plan.entries.is_empty() {
            true => None,
            false => Some(config_text(&plan.entries)?),
        };
        let files = match &self.out {
            Some(out) if !plan.is_empty() => self.write(out, config.as_deref(), plan)?,
            _ => Vec::new(),
        };
        let hiding = match self.show_secrets {
            true => Hiding::Shown,
            false => Hiding::Hidden,
        };
        let secrets = manifests(plan, hiding)?;
        match self.output.output {
            Format::Json => {
                let report = Report {
                    registries: &plan.entries,
                    secrets: &secrets,
                    taken_over: &plan.taken_over,
                    left_out: &plan.left_out,
                    notes: &plan.notes,
                    files: files.iter().map(|file| file.path.display().to_string()).collect(),
                };
                let mut out = io::stdout().lock();
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            }
            Format::Text => {
                tell(plan);
                match self.out.is_some() {
                    true => list(&files)?,
                    false => print_documents(config.as_deref(), &secrets)?,
                }
            }
        }
        Ok(match plan.is_empty() {
            false => ExitCode::SUCCESS,
            true => {
                anstream::eprintln!("{ERROR}nothing can be taken over{ERROR:#}");
                ExitCode::FAILURE
            }
        })
    }

    fn write(&self, out: &Path, config: Option<&str>, plan: &Plan) -> Result<Vec<File>> {
        let secrets = documents(&manifests(plan, Hiding::Shown)?)?;
        let config = config.map(|config| (CONFIG_FILE, PUBLIC, config, counted_entries(plan)));
        let count = counted(plan.secrets.len(), "Secret");
        let secrets = (!plan.secrets.is_empty()).then_some((
            SECRETS_FILE,
            PRIVATE,
            &*secrets,
            format!("{count}, for nobody but you to read"),
        ));
        let all: Vec<_> = config.into_iter().chain(secrets).collect();
        fs::create_dir_all(out).with_context(|| failure("make the directory", out))?;
        let there = [CONFIG_FILE, SECRETS_FILE].map(|name| out.join(name));
        let there = there.iter().find(|path| path.symlink_metadata().is_ok());
        if let Some(path) = there.filter(|_| !self.force) {
            bail!(
                "`{}` is there already; nothing was written; replace it with --force, or give another --out",
                path.display()
            );
        }
        let mut files = Vec::new();
        for (name, mode, content, about) in all {
            let path = out.join(name);
            write(&path, mode, content).with_context(|| failure("write", &path))?;
            files.push(File { path, about });
        }
        Ok(files)
    }
}

/// A file that was written.
struct File {
    path: PathBuf,
    about: String,
}

fn manifests(plan: &Plan, hiding: Hiding) -> Result<Vec<Value>> {
    let manifests = plan.secrets.iter().map(|secret| secret_manifest(secret, hiding));
    Ok(manifests.collect::<Result<_, _>>()?)
}

fn counted_entries(plan: &Plan) -> String {
    match plan.entries.len() {
        1 => "1 entry, for the table".to_owned(),
        count => format!("{count} entries, for the table"),
    }
}

/// YAML documents of Secrets.
fn documents(secrets: &[Value]) -> Result<String> {
    let documents: Vec<_> = secrets.iter().map(to_yaml).collect::<Result<_, _>>()?;
    Ok(documents.join("---\n"))
}

fn print_documents(config: Option<&str>, secrets: &[Value]) -> Result<()> {
    let secrets = documents(secrets)?;
    let parts = config.into_iter().chain((!secrets.is_empty()).then_some(&*secrets));
    let text = parts.collect::<Vec<_>>().join("---\n");
    io::stdout().lock().write_all(text.as_bytes()).context("failed to print the entries")
}

fn list(files: &[File]) -> Result<()> {
    let mut out = anstream::stdout().lock();
    let width = files.iter().map(|file| file.path.display().to_string().len()).max().unwrap_or(0);
    for File { path, about } in files {
        let path = path.display().to_string();
        writeln!(out, "{TITLE}{:width$}{TITLE:#}  {FAINT}{about}{FAINT:#}", printable(&path))?;
    }
    Ok(())
}

/// What is to be known of it, beside the text that goes on.
fn tell(plan: &Plan) {
    for taken in &plan.taken_over {
        anstream::eprintln!("{TITLE}taken over{TITLE:#}: {}", printable(&taken.to_string()));
    }
    for left_out in &plan.left_out {
        let LeftOut { what, reason, instead } = left_out;
        let text = format!("{what}: {reason}");
        anstream::eprintln!("{WARNING}left out{WARNING:#}: {}", printable(&text));
        if let Some(entry) = instead {
            anstream::eprintln!("  entry: {}", printable(&entry.to_line()));
        }
    }
    for note in &plan.notes {
        anstream::eprintln!("{WARNING}note{WARNING:#}: {}", printable(note));
    }
}
