//! Files that a command writes into the directory of `--out`.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Writes a new file; one that is there is removed first, so that its mode does not stay.
pub fn write(path: &Path, mode: u32, content: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// What failed, and what to do.
pub fn failure(act: &str, path: &Path) -> String {
    format!("failed to {act} `{}`; give a directory that can be written with --out", path.display())
}
