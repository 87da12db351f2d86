//! The file of the results: each bench has a section of its own.

use std::{fs, io, path::Path};

use anyhow::{Context, Result};

use super::statistics::Sample;

const HEAD: &str = "# Results\n\nWhat was measured, each by the command that it names.\n";

/// A row of a table.
pub fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The median of measured values, and from where to where they go.
pub fn spread(values: &[f64], written: fn(Option<f64>) -> String) -> String {
    let sample: Sample = values.iter().copied().collect();
    match sample.count() {
        0 | 1 => written(sample.median()),
        _ => {
            let [median, least, greatest] =
                [sample.median(), sample.least(), sample.greatest()].map(written);
            format!("{median} ({least} to {greatest})")
        }
    }
}

/// Shows the section of this title, and puts it into the file, in the place of the one before.
pub fn tell(file: &Path, title: &str, section: &str) -> Result<()> {
    println!("\n{section}");
    write_section(file, title, section)
        .with_context(|| format!("failed to write {}", file.display()))?;
    eprintln!("written to {}", file.display());
    Ok(())
}

fn write_section(file: &Path, title: &str, section: &str) -> io::Result<()> {
    let before = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => HEAD.to_owned(),
        Err(error) => return Err(error),
    };
    fs::write(file, replaced(&before, title, section))
}

fn replaced(text: &str, title: &str, section: &str) -> String {
    let Some(start) = text.find(&format!("{title}\n")) else {
        return format!("{}\n\n{section}", text.trim_end());
    };
    let rest = &text[start + title.len()..];
    let after = rest.find("\n## ").map_or("", |end| &rest[end..]);
    format!("{}{section}{after}", &text[..start])
}
