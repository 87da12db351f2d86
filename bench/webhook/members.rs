//! The programs: Pullpass as it is shipped, those it is measured against, and the one that makes the load.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::{options::Options, programs::build};

const IMAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/image/build");
const MEMBERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/members/build");
/// Where the image has its binary.
const BINARY: &str = "usr/local/bin/pullpass";

/// A server that answers AdmissionReviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// Pullpass itself.
    Pullpass,
    /// A webhook on controller-runtime.
    Peer,
    /// A webhook on Go's `net/http` that decodes what it needs.
    Lean,
    /// axum and rustls, which read the body and answer the same to all.
    Floor,
}

impl Member {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pullpass, Self::Peer, Self::Lean, Self::Floor];

    /// Its executable.
    pub fn file(self) -> &'static str {
        match self {
            Self::Pullpass => "pullpass",
            Self::Peer => "peer",
            Self::Lean => "lean",
            Self::Floor => "floor",
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pullpass => "Pullpass",
            Self::Peer => "Go, controller-runtime",
            Self::Lean => "Go, lean",
            Self::Floor => "floor",
        })
    }
}

/// Where the programs are.
#[derive(Debug)]
pub struct Programs {
    pullpass: PathBuf,
    members: PathBuf,
    /// How Pullpass was built.
    pub built: String,
}

impl Programs {
    /// Builds what is not there, and takes Pullpass out of its image into this folder.
    pub fn build(options: &Options, folder: &Path) -> Result<Self> {
        let (pullpass, built) = match &options.pullpass {
            Some(file) => (file.clone(), format!("the binary {}", file.display())),
            None => (out_of_image(folder)?, "the binary of `make image`".to_owned()),
        };
        let members = match &options.members {
            Some(folder) => folder.clone(),
            None => build(MEMBERS).map_err(|error| anyhow!(error))?,
        };
        let programs = Self { pullpass, members, built };
        let needed = Member::ALL.map(|member| programs.of(member)).into_iter();
        for program in needed.chain([programs.oha()]) {
            ensure!(program.is_file(), "there is no program {}", program.display());
        }
        Ok(programs)
    }

    /// The program of a member.
    pub fn of(&self, member: Member) -> PathBuf {
        match member {
            Member::Pullpass => self.pullpass.clone(),
            other => self.members.join(other.file()),
        }
    }

    /// The program that makes the load.
    pub fn oha(&self) -> PathBuf {
        self.members.join("oha")
    }

    /// What was measured with: the versions that the programs of the members were built from.
    pub fn versions(&self) -> String {
        let said = fs::read_to_string(self.members.join("versions")).unwrap_or_default();
        let said: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        match said.is_empty() {
            true => oha_version(&self.oha()),
            false => said.join("; "),
        }
    }
}

fn oha_version(oha: &Path) -> String {
    let output = Command::new(oha).arg("--version").output();
    output.map_or_else(
        |_| "oha".into(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// Unpacks the layers of the image in which the binary is.
fn out_of_image(folder: &Path) -> Result<PathBuf> {
    let archive = build(IMAGE).map_err(|error| anyhow!(error))?;
    let layout = archive.with_file_name("oci");
    let index = json(&layout.join("index.json"))?;
    let digest = index["manifests"][0]["digest"].as_str().context("the index has no manifest")?;
    let blob = |digest: &str| layout.join("blobs").join(digest.replace(':', "/"));
    let manifest = json(&blob(digest))?;
    for layer in manifest["layers"].as_array().context("the manifest has no layers")? {
        let digest = layer["digest"].as_str().context("a layer has no digest")?;
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(blob(digest)).arg("-C").arg(folder).arg("--no-same-owner");
        let status = tar.status().context("failed to run tar")?;
        ensure!(status.success(), "failed to unpack {}: {status}", blob(digest).display());
    }
    Ok(folder.join(BINARY))
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
}
