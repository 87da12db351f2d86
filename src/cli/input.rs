//! Reading what the user names: a file, or standard input for `-`.

use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::{self, Read},
    path::Path,
};

/// The name of standard input as an argument.
pub const STDIN: &str = "-";

/// Whether a path means standard input.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// The path as messages show it.
pub fn name_of(path: &Path) -> String {
    match is_stdin(path) {
        true => "<stdin>".to_owned(),
        false => super::output::printable(&path.display().to_string()).into_owned(),
    }
}

/// Reads a whole text. `what` names it in errors, for example "the configuration".
pub fn read_text(path: &Path, what: &str, flag: &str) -> Result<String> {
    let name = name_of(path);
    let read = match is_stdin(path) {
        true => read_stdin(),
        false => fs::read(path),
    };
    let bytes = read.with_context(|| {
        format!("failed to read {what} `{name}`; give a file that can be read with {flag}, or `-` for standard input")
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            bail!(
                "failed to read {what} `{name}`: byte {} is not UTF-8; save the file as UTF-8",
                at + 1
            )
        }
    }
}

fn read_stdin() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}
