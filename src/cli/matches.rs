//! `pullpass match`: which entries match an image.

use super::{
    answer::Answer,
    config_file::ConfigArgs,
    input::STDIN,
    output::{Format, OutputArgs},
    usage_error,
};
use crate::{config::Config, image::Scratch};
use anyhow::{Context, Result};
use clap::Args;
use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, BufWriter, Write},
};

/// Show which entries match an image, whatever the namespace.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass match --config examples/config.yaml gcr.io/my-project/app:1.2
  pullpass match --config config.yaml -o json - < images.txt
  pullpass match --config config.yaml -o json - < images.txt |
    jq -r 'select(.pullSecrets == []).image'

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

impl Match {
    /// Answers for each image, in the order given.
    pub fn run(&self) -> Result<()> {
        let from_stdin = self.images == [STDIN];
        if !from_stdin && self.images.iter().any(|image| image == STDIN) {
            return Err(usage_error(
                "match",
                "`-` reads the images from standard input; give it alone",
            ));
        }
        if from_stdin && self.config.is_stdin() {
            return Err(usage_error(
                "match",
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
                self.images.iter().try_for_each(|image| answers.image(image.as_encoded_bytes()))?;
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

    fn image(&mut self, image: &[u8]) -> Result<()> {
        let answer = Answer::new(self.config, image, &mut self.scratch);
        let written = match self.format {
            Format::Text => answer.write_text(&mut self.out),
            Format::Json => serde_json::to_writer(&mut self.out, &answer)
                .map_err(io::Error::from)
                .and_then(|()| self.out.write_all(b"\n")),
        };
        written.context("failed to write the answers")
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => line,
    }
}
