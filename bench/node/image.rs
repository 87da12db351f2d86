//! The image, as `make image` assembles it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::installed;

/// The image, and what is known of it before it is on a node.
#[derive(Debug)]
pub struct Image {
    /// The archive that a node imports.
    pub archive: PathBuf,
    /// What `make image` says: a name and a value a line.
    summary: String,
    /// The size of each layer, in bytes.
    pub layers: Vec<f64>,
}

impl Image {
    /// Builds it, if its sources have changed, and looks at it.
    pub fn build() -> Result<Self> {
        let archive = installed::image();
        let folder = archive.parent().context("the archive is in no folder")?;
        let summary = folder.join("summary");
        let summary = fs::read_to_string(&summary)
            .with_context(|| format!("failed to read {}", summary.display()))?;
        let layers = layers(&folder.join("oci"))?;
        Ok(Self { archive, summary, layers })
    }

    /// What `make image` says of the binary, or of what is pulled.
    pub fn says(&self, name: &str) -> Option<&str> {
        let mut lines = self.summary.lines();
        lines.find_map(|line| line.strip_prefix(name)).map(str::trim)
    }
}

fn layers(layout: &Path) -> Result<Vec<f64>> {
    let index = json(&layout.join("index.json"))?;
    let digest = index["manifests"][0]["digest"].as_str().context("the index has no manifest")?;
    let manifest = json(&layout.join("blobs").join(digest.replace(':', "/")))?;
    let layers = manifest["layers"].as_array().context("the manifest has no layers")?;
    layers.iter().map(|layer| layer["size"].as_f64().context("a layer has no size")).collect()
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
}
