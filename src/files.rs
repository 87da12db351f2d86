//! Noticing that files were given other bytes.
//!
//! Contents are compared, not times or inodes: that holds for a file written in place, for one
//! renamed over, and for the kubelet, which swaps a symlink to a directory of projected files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::time::{MissedTickBehavior, interval};

/// The bytes of one file, or why there are none.
pub type Content = Result<Vec<u8>, FileError>;

/// Why a file's bytes are not at hand. Comparable, so that the same trouble is noticed once.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FileError {
    /// Opening or reading failed.
    #[error("read {path}: {reason}")]
    Read {
        /// Which file.
        path: String,
        /// What the operating system said.
        reason: String,
        /// The class of that.
        kind: io::ErrorKind,
    },
    /// The file is bigger than any that is of use here.
    #[error("read {path}: it is larger than {limit} bytes")]
    TooLarge {
        /// Which file.
        path: String,
        /// The cap in bytes.
        limit: usize,
    },
}

/// Watches a fixed set of files by reading them at an interval.
pub struct FileWatch {
    paths: Vec<PathBuf>,
    every: Duration,
    limit: usize,
    seen: Option<Vec<Content>>,
}

impl FileWatch {
    /// Watches `paths`, read each `every`; a file over `limit` bytes is reported as too large.
    pub fn new(
        paths: impl IntoIterator<Item = impl Into<PathBuf>>,
        every: Duration,
        limit: usize,
    ) -> Self {
        Self { paths: paths.into_iter().map(Into::into).collect(), every, limit, seen: None }
    }

    /// The contents, in the order of the paths, as soon as they differ from what was returned last;
    /// at once the first time. May be dropped and called again: nothing is lost.
    pub async fn changed(&mut self) -> &[Content] {
        let contents = self.differing().await;
        self.seen.insert(contents)
    }

    async fn differing(&self) -> Vec<Content> {
        let mut ticks = interval(self.every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if self.seen.is_some() {
            ticks.tick().await;
        }
        loop {
            ticks.tick().await;
            let contents = self.read().await;
            if self.seen.as_ref() != Some(&contents) {
                return contents;
            }
        }
    }

    async fn read(&self) -> Vec<Content> {
        let mut contents = Vec::with_capacity(self.paths.len());
        for path in &self.paths {
            contents.push(read_capped(path, self.limit).await);
        }
        contents
    }
}

/// Reads a file of at most `limit` bytes.
pub async fn read_capped(path: &Path, limit: usize) -> Content {
    let failed = |error: io::Error| FileError::Read {
        path: path.display().to_string(),
        reason: error.to_string(),
        kind: error.kind(),
    };
    let file = File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() > limit {
        return Err(FileError::TooLarge { path: path.display().to_string(), limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_secs(10);
    const EVERY: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn bytes_are_reported_at_first_and_when_they_differ() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        fs::write(&path, "one").unwrap();
        let mut watch = FileWatch::new([&path], EVERY, 100);
        assert_eq!(watch.changed().await, [Ok(b"one".to_vec())]);

        fs::write(&path, "one").unwrap();
        let same = timeout(EVERY * 10, watch.changed()).await;
        assert!(same.is_err(), "the same bytes are no change");

        fs::write(&path, "two").unwrap();
        let changed = timeout(SOON, watch.changed()).await.unwrap();
        assert_eq!(changed, [Ok(b"two".to_vec())]);
    }

    #[tokio::test]
    async fn a_missing_and_a_huge_file_are_told_apart_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let (missing, huge) = (dir.path().join("missing"), dir.path().join("huge"));
        fs::write(&huge, vec![0; 101]).unwrap();
        let mut watch = FileWatch::new([&missing, &huge], EVERY, 100);
        let contents = watch.changed().await;
        assert!(
            matches!(&contents[0], Err(FileError::Read { kind: io::ErrorKind::NotFound, path, .. }) if path.ends_with("missing"))
        );
        assert!(matches!(&contents[1], Err(FileError::TooLarge { limit: 100, .. })));
    }
}
