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
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/members");
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
    pub built: &'static str,
}

impl Programs {
    /// Builds what is not there, and takes Pullpass out of its image into this folder.
    pub fn build(options: &Options, folder: &Path) -> Result<Self> {
        let (pullpass, built) = match &options.pullpass {
            Some(file) => (file.clone(), "ANOTHER binary than that of the image"),
            None => (out_of_image(folder)?, "the binary of `make image`"),
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

    /// What the members were built with and from, and what made the load.
    pub fn versions(&self) -> Result<String> {
        let text = |file: &str| {
            let path = Path::new(FOLDER).join(file);
            fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
        };
        let (modules, crates) = (text("go/go.mod")?, text("floor/Cargo.lock")?);
        let module = |name| version_of_module(&modules, name);
        let of_crate = |name| version_of_crate(&crates, name);
        Ok(format!(
            "Go, controller-runtime: {} with controller-runtime {} and k8s.io/api {}; Go, lean: the same Go; floor: axum {}, hyper {} \
             and rustls {}, built as Pullpass is; the load is made by {}",
            said_by(Path::new("go"), &["env", "GOVERSION"])?,
            module("sigs.k8s.io/controller-runtime")?,
            module("k8s.io/api")?,
            of_crate("axum")?,
            of_crate("hyper")?,
            of_crate("rustls")?,
            said_by(&self.oha(), &["--version"])?
        ))
    }
}

fn version_of_module<'a>(modules: &'a str, name: &str) -> Result<&'a str> {
    let mut lines = modules.lines().map(str::trim);
    let version = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    version.with_context(|| format!("go.mod has no {name}"))
}

fn version_of_crate<'a>(crates: &'a str, name: &str) -> Result<&'a str> {
    let (_, after) = crates
        .split_once(&format!("name = \"{name}\"\nversion = \""))
        .with_context(|| format!("Cargo.lock has no {name}"))?;
    after.split('"').next().with_context(|| format!("{name} has no version"))
}

fn said_by(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("failed to run {}", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
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
