//! What is printed: the format asked for, the styles, and text that is safe on a terminal.

use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};
use std::borrow::Cow;

pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
pub const HINT: Style = AnsiColor::Cyan.on_default();
pub const TITLE: Style = Style::new().bold();
pub const FAINT: Style = Style::new().dimmed();

/// `-o`.
#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// What to print: text for people, or JSON for programs.
    #[arg(short, long, value_name = "FORMAT", env = "PULLPASS_OUTPUT", default_value = "text")]
    pub output: Format,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned text, in colour on a terminal.
    Text,
    /// JSON.
    Json,
}

/// The text with control characters escaped, so that input cannot steer a terminal.
pub fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        false => text.into(),
        true => text.chars().map(escaped).collect::<String>().into(),
    }
}

/// As [`printable`], line by line.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

fn escaped(c: char) -> Cow<'static, str> {
    match c.is_control() {
        true => c.escape_default().to_string().into(),
        false => c.to_string().into(),
    }
}

/// `1 error`, `2 errors`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
