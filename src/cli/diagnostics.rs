//! Problems of a configuration in words: where, the line itself with a caret, what, and a hint.

use super::output::{ERROR, FAINT, HINT, TITLE, WARNING, printable};
use crate::config::Problem;
use std::fmt;

/// Widest excerpt of a line, in characters.
const EXCERPT: usize = 100;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The configuration is refused.
    Error,
    /// It is allowed, but seldom meant.
    Warning,
}

/// Problems about one text. `Display` has colour codes, for a stream that strips them.
#[derive(Debug)]
pub struct Diagnostics<'a> {
    name: String,
    lines: Vec<&'a str>,
    level: Level,
    problems: &'a [Problem],
}

impl<'a> Diagnostics<'a> {
    /// Problems about the text of the file `name`.
    pub fn new(name: String, text: &'a str, level: Level, problems: &'a [Problem]) -> Self {
        Self { name, lines: text.lines().collect(), level, problems }
    }
}

impl fmt::Display for Diagnostics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problems.iter().try_for_each(|problem| self.problem(problem, f))
    }
}

impl Diagnostics<'_> {
    fn problem(&self, problem: &Problem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (style, word) = match self.level {
            Level::Error => (ERROR, "error"),
            Level::Warning => (WARNING, "warning"),
        };
        let (line, column) = (problem.place.line, problem.place.column);
        write!(f, "{TITLE}{}:{line}:{column}:{TITLE:#} {style}{word}{style:#}: ", self.name)?;
        if !problem.field.is_empty() {
            write!(f, "{}", printable(&problem.field))?;
            if let Some(entry) = &problem.entry {
                write!(f, " (entry `{}`)", printable(entry))?;
            }
            f.write_str(": ")?;
        }
        writeln!(f, "{}", printable(&problem.reason))?;
        let gutter = line.to_string().len();
        let text = usize::try_from(line).ok().and_then(|n| self.lines.get(n.checked_sub(1)?));
        if let Some(text) = text.filter(|text| !may_hold_a_secret(&problem.field, text)) {
            let (text, caret) = excerpt(text, column);
            writeln!(f, "  {FAINT}{line} |{FAINT:#} {text}")?;
            writeln!(f, "  {:gutter$} {FAINT}|{FAINT:#} {:caret$}{style}^{style:#}", "", "")?;
        }
        writeln!(f, "  {:gutter$} {HINT}hint:{HINT:#} {}", "", printable(&problem.hint))
    }
}

/// People write passwords where the name of a Secret belongs: such a line goes into no log of a pipeline.
fn may_hold_a_secret(field: &str, line: &str) -> bool {
    let line = line.to_lowercase();
    field.contains(".source") || ["source", "password", "token"].iter().any(|it| line.contains(it))
}

/// The part of a line around a column, and the position of the column in it. Control characters
/// take one place each, so that the caret stands where it should.
fn excerpt(line: &str, column: u64) -> (String, usize) {
    let at = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    let chars: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let at = at.min(chars.len());
    if chars.len() <= EXCERPT {
        return (chars.into_iter().collect(), at);
    }
    let start = at.saturating_sub(EXCERPT / 2).min(chars.len() - EXCERPT);
    let end = start + EXCERPT;
    let (before, after) =
        (if start > 0 { "..." } else { "" }, if end < chars.len() { "..." } else { "" });
    let shown: String = chars[start..end].iter().collect();
    (format!("{before}{shown}{after}"), at - start + before.len())
}
