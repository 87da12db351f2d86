//! What is wrong with a configuration, and where.

use serde::Serialize;
use serde_saphyr::Spanned;
use std::fmt::{self, Write};
use thiserror::Error;

/// A place in the text; lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Place {
    /// Where a text begins.
    pub const START: Self = Self { line: 1, column: 1 };

    /// Where a value is written; for an alias, where it is used.
    pub fn of<T>(value: &Spanned<T>) -> Self {
        Self::at(value.referenced)
    }

    pub(super) fn at(location: serde_saphyr::Location) -> Self {
        match location.line() {
            0 => Self::START,
            line => Self { line, column: location.column() },
        }
    }
}

/// One error or warning about a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// The field, for example `registries[3].images[0]`; empty for the document as a whole.
    pub field: String,
    /// The name of the entry concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Problem {
    /// One line: place, field, entry, reason and hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "line {line}, column {column}: ")?;
        if !self.field.is_empty() {
            write_visible(f, &self.field)?;
            if let Some(entry) = &self.entry {
                f.write_str(" (entry `")?;
                write_visible(f, entry)?;
                f.write_str("`)")?;
            }
            f.write_str(": ")?;
        }
        write_visible(f, &self.reason)?;
        f.write_str(" (hint: ")?;
        write_visible(f, &self.hint)?;
        f.write_str(")")
    }
}

/// Writes control characters as escapes, so that a quoted text can forge no line of a log and
/// send nothing to a terminal.
fn write_visible(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for c in text.chars() {
        match c.is_control() {
            true => write!(f, "{}", c.escape_default())?,
            false => f.write_char(c)?,
        }
    }
    Ok(())
}

/// Longest text of [`ConfigError::brief`], in bytes, but for its last line.
const MAX_BRIEF: usize = 16 * 1024;

/// A configuration is refused, with every reason. None of it takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// The reasons, in the order of their places; never empty.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// The first reasons and how many there are beside, for answers and logs: their length has a
    /// bound, whatever was written.
    pub fn brief(&self) -> String {
        let mut brief = self.to_string();
        if brief.len() <= MAX_BRIEF {
            return brief;
        }
        brief.truncate(brief.floor_char_boundary(MAX_BRIEF));
        // The headline alone would say nothing.
        let whole_lines = brief.rfind('\n').filter(|end| brief[..*end].contains('\n'));
        brief.truncate(whole_lines.unwrap_or(brief.len()));
        brief.push_str("\n... (this is too long to be shown here; `pullpass check` shows all)");
        brief
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "error" } else { "errors" };
        write!(f, "the configuration has {count} {noun}")?;
        for problem in &self.problems {
            write!(f, "\n{problem}")?;
        }
        Ok(())
    }
}
