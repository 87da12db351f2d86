//! The folder that holds the data and the logs of one control plane.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
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
        // One that is not locked yet would look abandoned.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Writes a file and gives its path. Whoever reads it meanwhile reads all of the old or of the new.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            file.write_all(content.as_ref())?;
            file.persist(&path)?;
            Ok::<_, io::Error>(())
        };
        write().unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }
}

/// Removes the folders of test processes that are gone, and those that this one has let go of.
pub fn remove_abandoned() {
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
