//! The serving certificate from two files, followed while they change.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use thiserror::Error;
use tokio::time::timeout;

use super::load::{LoadError, LoadedCertificate, load};
use crate::files::{Content, FileError, FileWatch};
use crate::pki::MAX_PEM_BYTES;

/// How often the files are read.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// Why the files give no certificate.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum FollowError {
    /// One cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// They cannot be served.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Loads the pair at first and whenever the bytes of either file change, for ever, and hands each
/// outcome to `apply`.
///
/// A pair that fails is looked at again: the two files may have been caught between two writes. It
/// is handed over as an error if the same bytes still stand after two more intervals.
pub async fn follow_files(
    certificate: PathBuf,
    key: PathBuf,
    every: Duration,
    clock: impl Fn() -> SystemTime,
    mut apply: impl FnMut(Result<LoadedCertificate, FollowError>),
) {
    let mut watch = FileWatch::new([certificate, key], every, MAX_PEM_BYTES);
    let mut outcome = load_files(watch.changed().await, clock());
    loop {
        if outcome.is_err()
            && let Ok(contents) = timeout(every.saturating_mul(3), watch.changed()).await
        {
            outcome = load_files(contents, clock());
            continue;
        }
        apply(outcome);
        outcome = load_files(watch.changed().await, clock());
    }
}

fn load_files(contents: &[Content], now: SystemTime) -> Result<LoadedCertificate, FollowError> {
    let bytes = |index: usize| match contents.get(index) {
        Some(Ok(bytes)) => Ok(bytes.as_slice()),
        Some(Err(error)) => Err(error.clone()),
        None => Ok(&[][..]),
    };
    Ok(load(bytes(0)?, bytes(1)?, now)?)
}
