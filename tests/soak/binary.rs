//! The program as it is shipped: out of the image.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/image/build");
const INSIDE: &str = "usr/local/bin/pullpass";

/// Builds the image, if its sources have changed, and takes the program out of it.
pub fn of_image() -> Result<PathBuf> {
    let output = Command::new(BUILD).stderr(Stdio::inherit()).output().context(BUILD)?;
    ensure!(output.status.success(), "{BUILD} failed, and said why on stderr");
    let archive = PathBuf::from(String::from_utf8(output.stdout)?.trim_end());
    let layout = archive.parent().context("the archive is in no folder")?.join("oci");
    let index = json(&layout.join("index.json"))?;
    let manifest = json(&blob(&layout, &index["manifests"][0]["digest"])?)?;
    let layers = manifest["layers"].as_array().context("the manifest has no layers")?;
    for layer in layers {
        let layer = blob(&layout, &layer["digest"])?;
        let found = Command::new("tar").arg("-xOf").arg(&layer).arg(INSIDE).output();
        let found = found.context("failed to run tar")?;
        if found.status.success() {
            return write(&found.stdout);
        }
    }
    bail!("no layer of {} has {INSIDE}", layout.display())
}

fn write(program: &[u8]) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pullpass-of-image");
    // One that is running cannot be written to.
    let _ = fs::remove_file(&path);
    fs::write(&path, program).with_context(|| format!("failed to write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

fn blob(layout: &Path, digest: &Value) -> Result<PathBuf> {
    let digest = digest.as_str().context("the image has no digest")?;
    Ok(layout.join("blobs").join(digest.replace(':', "/")))
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
}
