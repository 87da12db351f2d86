//! `pullpass match`: which entries match an image.

use super::{
    config_file::ConfigArgs,
    input::STDIN,
    output::{Format, GOOD, HINT, OutputArgs, TITLE, WARNING, printable},
    usage_error,
};
use crate::{
    config::{Config, Entry, HitRole},
    image::{NearMiss, Pattern, Reference, Scratch, near_miss},
};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, BufWriter, Write},
};

/// Show which entries match an image, whatever the namespace.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass match --config examples/config.yaml gcr.io/my-project/app:1.2
  kubectl get pods -A -o jsonpath='{range .items[*].spec.containers[*]}{.image}{\"\\n\"}{end}' |
    pullpass match --config examples/config.yaml -o json - | jq -r 'select(.pullSecrets == []).image'

One line of standard input is one image; LF or CRLF ends it, and nothing else is trimmed.")]
pub struct Match {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Images as Pods name them, or `-` alone to read one a line from standard input.
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<OsString>,
}

/// What is known of one image; the order of the fields is that of the JSON.
#[derive(Serialize)]
struct Answer<'a> {
    image: &'a str,
    reference: Option<ReferenceForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    registries: Vec<Matched<'a>>,
    #[serde(rename = "pullSecrets")]
    pull_secrets: Vec<&'a str>,
}

/// A reference in its parts.
#[derive(Debug, Serialize)]
pub struct ReferenceForm<'a> {
    domain: &'a str,
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

/// An entry that matches, by its first pattern that does.
#[derive(Serialize)]
struct Matched<'a> {
    name: &'a str,
    pattern: &'a str,
}

impl Match {
    /// Answers for each image, in the order given.
    pub fn run(&self) -> Result<()> {
        let from_stdin = self.images == [STDIN];
        if !from_stdin && self.images.iter().any(|image| image == STDIN) {
            return Err(usage_error("`-` reads the images from standard input; give it alone"));
        }
        if from_stdin && self.config.is_stdin() {
            return Err(usage_error(
                "--config and the images cannot both come from standard input",
            ));
        }
        let config = self.config.load()?;
        let format = self.output.output;
        let stdout: Box<dyn Write> = match format {
            Format::Json => Box::new(io::stdout().lock()),
            Format::Text => Box::new(anstream::stdout().lock()),
        };
        let out = BufWriter::with_capacity(1 << 16, stdout);
        let mut answers = Answers { config: &config, format, scratch: Scratch::default(), out };
        match from_stdin {
            true => answers.lines(BufReader::with_capacity(1 << 16, io::stdin().lock()))?,
            false => {
                self.images.iter().try_for_each(|image| answers.image(image.as_encoded_bytes()))?
            }
        }
        answers.out.flush().context("failed to write the answers")
    }
}

struct Answers<'c, W> {
    config: &'c Config,
    format: Format,
    scratch: Scratch,
    out: W,
}

impl<W: Write> Answers<'_, W> {
    /// One image a line, in constant memory. What was asked so far is answered before waiting for more.
    fn lines(&mut self, mut input: BufReader<impl io::Read>) -> Result<()> {
        let mut line = Vec::new();
        loop {
            if input.buffer().is_empty() {
                self.out.flush().context("failed to write the answers")?;
            }
            line.clear();
            if input
                .read_until(b'\n', &mut line)
                .context("failed to read the images from standard input")?
                == 0
            {
                return Ok(());
            }
            self.image(without_line_end(&line))?;
        }
    }

    fn image(&mut self, bytes: &[u8]) -> Result<()> {
        let image = String::from_utf8_lossy(bytes);
        let reference = match std::str::from_utf8(bytes) {
            Ok(text) => Reference::parse(text).map_err(|error| error.to_string()),
            Err(_) => Err("the reference is not UTF-8".to_owned()),
        };
        let matched = match &reference {
            Ok(reference) => matching_entries(self.config, reference, &mut self.scratch),
            Err(_) => Vec::new(),
        };
        match self.format {
            Format::Json => self.json(&image, &reference, &matched),
            Format::Text => {
                self.text(&image, &reference, &matched).context("failed to write the answers")
            }
        }
    }

    fn json(
        &mut self,
        image: &str,
        reference: &Result<Reference<'_>, String>,
        matched: &[(&Entry, &Pattern)],
    ) -> Result<()> {
        let answer = Answer {
            image,
            reference: reference.as_ref().ok().map(ReferenceForm::new),
            error: reference.as_ref().err().cloned(),
            registries: matched
                .iter()
                .map(|(entry, pattern)| Matched { name: &entry.name, pattern: pattern.as_str() })
                .collect(),
            pull_secrets: pull_secrets(matched),
        };
        serde_json::to_writer(&mut self.out, &answer).context("failed to write the answers")?;
        self.out.write_all(b"\n").context("failed to write the answers")
    }

    fn text(
        &mut self,
        image: &str,
        reference: &Result<Reference<'_>, String>,
        matched: &[(&Entry, &Pattern)],
    ) -> io::Result<()> {
        let out = &mut self.out;
        writeln!(out, "{TITLE}{}{TITLE:#}", printable(image))?;
        let reference = match reference {
            Ok(reference) => reference,
            Err(error) => {
                return writeln!(out, "  {WARNING}no valid reference{WARNING:#}: {error}");
            }
        };
        writeln!(out, "  reference     {reference}")?;
        let width = matched.iter().map(|(entry, _)| entry.name.len()).max().unwrap_or(0);
        for (entry, pattern) in matched {
            writeln!(out, "  matched by    {:width$}  {pattern}", entry.name)?;
        }
        if !matched.is_empty() {
            return writeln!(
                out,
                "  pull secrets  {GOOD}{}{GOOD:#}",
                pull_secrets(matched).join(", ")
            );
        }
        writeln!(out, "  matched by    {WARNING}nothing{WARNING:#}")?;
        match nearest(self.config, reference) {
            Some((entry, near)) => writeln!(
                out,
                "  {HINT}did you mean{HINT:#}  {} of {}? it {}",
                near.pattern, entry.name, near.difference
            ),
            None => Ok(()),
        }
    }
}

impl<'a> ReferenceForm<'a> {
    fn new(reference: &'a Reference<'_>) -> Self {
        Self {
            domain: reference.domain(),
            path: reference.path(),
            tag: reference.tag(),
            digest: reference.digest(),
        }
    }
}

/// The entries that match, each with its first pattern that does, those left out by
/// `exceptImages` not among them.
fn matching_entries<'c>(
    config: &'c Config,
    reference: &Reference<'_>,
    scratch: &mut Scratch,
) -> Vec<(&'c Entry, &'c Pattern)> {
    let mut matched = Vec::new();
    let mut hits = config.hits(reference, scratch).peekable();
    while let Some(first) = hits.next() {
        let mut left_out = first.role == HitRole::ExceptImage;
        while let Some(next) = hits.next_if(|next| next.entry == first.entry) {
            left_out |= next.role == HitRole::ExceptImage;
        }
        if let (false, Some(entry)) = (left_out, config.entries().get(first.entry)) {
            matched.push((entry, first.pattern));
        }
    }
    matched
}

/// The names in the order of the entries, none twice.
fn pull_secrets<'a>(matched: &[(&'a Entry, &Pattern)]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in matched.iter().flat_map(|(entry, _)| &entry.pull_secrets) {
        if !names.contains(&&**name) {
            names.push(&**name);
        }
    }
    names
}

/// The pattern that an image which matched nothing was probably meant for, with its entry.
pub fn nearest<'c>(
    config: &'c Config,
    reference: &Reference<'_>,
) -> Option<(&'c Entry, NearMiss<'c>)> {
    let near = near_miss(reference, config.entries().iter().flat_map(|entry| &entry.images))?;
    let owns =
        |entry: &&Entry| entry.images.iter().any(|pattern| std::ptr::eq(pattern, near.pattern));
    Some((config.entries().iter().find(owns)?, near))
}

fn without_line_end(line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => line,
    }
}
