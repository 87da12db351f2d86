//! The folder that holds the data and the logs of one test process.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");
const PREFIX: &str = "cluster-";
const OWNER: &str = "owner.lock";

/// A folder that is kept after the test process, for its logs, until the next one starts.
pub struct RunFolder {
    path: PathBuf,
    /// Locked for as long as the test process lives.
    _owner: File,
}

impl RunFolder {
    /// Makes the folder, and removes those of test processes that are gone.
    pub fn create() -> Result<Self, String> {
        remove_abandoned();
        let path = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(TARGET)
            .map_err(|error| format!("cannot make a folder in {TARGET}: {error}"))?
            .keep();
        let owner = File::create(path.join(OWNER))
            .and_then(|file| file.try_lock().map(|()| file).map_err(Into::into))
            .map_err(|error| format!("cannot lock {OWNER} in {}: {error}", path.display()))?;
        Ok(Self { path, _owner: owner })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file and gives its path. A process that reads it meanwhile finds all of one version.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let path = self.path.join(name);
        let new = self.path.join(format!("new-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        fs::write(&new, content)
            .and_then(|()| fs::rename(&new, &path))
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }
}

fn remove_abandoned() {
    let Ok(entries) = fs::read_dir(TARGET) else {
        return;
    };
    for entry in entries.flatten() {
        let folder = entry.path();
        let abandoned = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && File::open(folder.join(OWNER)).is_ok_and(|owner| owner.try_lock().is_ok());
        if abandoned {
            // What cannot be removed now is tried again by the next test process.
            let _ = fs::remove_dir_all(folder);
        }
    }
}
