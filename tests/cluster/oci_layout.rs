//! An image of one layer with one file, as an OCI image layout.

use std::{fs, path::Path};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

/// The one file of an image, and how it is run.
pub struct Content<'a> {
    /// Its name, from the root of the image.
    pub name: &'a str,
    pub bytes: &'a [u8],
    /// The `config` of the image's configuration.
    pub config: Value,
}

/// What was written.
pub struct OciLayout {
    layer: Vec<u8>,
}

impl OciLayout {
    /// Writes an image into a new folder.
    pub fn write(folder: &Path, content: &Content<'_>) -> Self {
        let layer = tar(content.name, content.bytes);
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("the layout's folder is made");
        let descriptor = |kind: &str, blob: &[u8]| -> Value {
            let digest = sha256(blob);
            fs::write(blobs.join(&digest), blob).expect("a blob is written");
            json!({
                "mediaType": format!("application/vnd.oci.image.{kind}"),
                "digest": format!("sha256:{digest}"),
                "size": blob.len(),
            })
        };
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": content.config,
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))]},
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("config.v1+json", config.to_string().as_bytes()),
            "layers": [descriptor("layer.v1.tar", &layer)],
        });
        let manifest = descriptor("manifest.v1+json", manifest.to_string().as_bytes());
        let index = json!({"schemaVersion": 2, "manifests": [manifest]});
        fs::write(folder.join("index.json"), index.to_string()).expect("the index is written");
        let version = json!({"imageLayoutVersion": "1.0.0"}).to_string();
        fs::write(folder.join("oci-layout"), version).expect("the version is written");
        Self { layer }
    }

    /// The bytes of its layer.
    pub fn layer(&self) -> &[u8] {
        &self.layer
    }

    /// SHA-256 of its layer, in hex.
    pub fn layer_digest(&self) -> String {
        sha256(&self.layer)
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    let bytes = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    bytes.collect::<Vec<_>>().concat()
}

/// A tar archive (ustar) of one file, which anybody may run.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    let mut field =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000755\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{:011o}\0", content.len()));
    field(136, "00000000000\0");
    // The checksum is taken with blanks in its place.
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = [&header, content].concat();
    // Up to a whole block, and two empty ones.
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
