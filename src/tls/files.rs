//! The serving certificate from two files, followed while they change.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tokio::time::timeout;

use super::load::{LoadError, LoadedCertificate, parse};
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

/// A certificate and its key in two files.
pub struct PairWatch {
    watch: FileWatch,
    every: Duration,
}

impl PairWatch {
    /// Watches two files, read each `every`.
    pub fn new(certificate: PathBuf, key: PathBuf, every: Duration) -> Self {
        Self { watch: FileWatch::new([certificate, key], every, MAX_PEM_BYTES), every }
    }

    /// The pair at first, and then whenever the bytes of either file have changed.
    ///
    /// One that fails is looked at again: the two files may have been caught between two writes. It
    /// is an error if the same bytes still stand after two more intervals.
    ///
    /// # Errors
    /// Why there is no pair.
    pub async fn changed(&mut self) -> Result<LoadedCertificate, FollowError> {
        let mut outcome = parse_files(self.watch.changed().await);
        let again = self.every.saturating_mul(3);
        while outcome.is_err()
            && let Ok(contents) = timeout(again, self.watch.changed()).await
        {
            outcome = parse_files(contents);
        }
        outcome
    }
}

fn parse_files(contents: &[Content]) -> Result<LoadedCertificate, FollowError> {
    let bytes = |index: usize| match contents.get(index) {
        Some(Ok(bytes)) => Ok(bytes.as_slice()),
        Some(Err(error)) => Err(error.clone()),
        None => Ok(&[][..]),
    };
    Ok(parse(bytes(0)?, bytes(1)?)?)
}
