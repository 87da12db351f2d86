//! What all parts work with: the programs, the certificate, and the files of tables and reviews.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, pem::PemObject},
};
use tempfile::TempDir;

use crate::{
    fixtures::{Review, Shape},
    members::Programs,
    options::Options,
    pki::Authority,
    tables::Table,
};

/// The programs, the certificate, and a folder for the rest.
pub struct Bench {
    /// What is measured.
    pub options: Options,
    /// The programs.
    pub programs: Programs,
    /// The serving certificate of all members, and its key.
    pub certificate: [PathBuf; 2],
    roots: RootCertStore,
    folder: TempDir,
    tables: Mutex<BTreeMap<Table, PathBuf>>,
}

/// Reviews that are sent in turn by chance, and the file that has one a line.
#[derive(Debug)]
pub struct Reviews {
    pub all: Vec<Review>,
    pub file: PathBuf,
}

/// Whether a client takes up an earlier TLS session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    New,
    Resumed,
}

impl Bench {
    /// Builds the programs, and issues the certificate.
    pub fn new(options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .context("failed to make a folder")?;
        let programs = Programs::build(&options, folder.path())?;
        let authority = Authority::new("bench");
        let leaf = authority.issue(&["127.0.0.1", "localhost"]);
        let certificate = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
        fs::write(&certificate[0], &leaf.certificate)?;
        fs::write(&certificate[1], &leaf.key)?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes())?)?;
        let tables = Mutex::default();
        Ok(Self { options, programs, certificate, roots, folder, tables })
    }

    /// A path in the folder of this run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file of a table.
    pub fn table(&self, table: Table) -> Result<PathBuf> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = tables.get(&table) {
            return Ok(file.clone());
        }
        let file = self.path(&format!("table-{}.yaml", tables.len()));
        write(&file, &table.yaml(0))?;
        tables.insert(table, file.clone());
        Ok(file)
    }

    /// So many reviews of a shape.
    pub fn reviews(
        &self,
        shape: Shape,
        table: Table,
        (count, namespaces): (usize, usize),
    ) -> Result<Reviews> {
        let all: Vec<_> =
            (0..count).map(|number| shape.review(table, namespaces, number)).collect();
        let lines: Vec<_> = all.iter().map(|review| review.json.as_str()).collect();
        let file = tempfile::Builder::new().prefix("reviews-").tempfile_in(self.folder.path())?;
        let (_, file) = file.keep()?;
        write(&file, &lines.join("\n"))?;
        Ok(Reviews { all, file })
    }

    /// The configuration of a client that trusts the certificate.
    pub fn tls(&self, sessions: Sessions) -> ClientConfig {
        let config = ClientConfig::builder().with_root_certificates(self.roots.clone());
        let mut config = config.with_no_client_auth();
        config.resumption = match sessions {
            Sessions::New => Resumption::disabled(),
            Sessions::Resumed => Resumption::in_memory_sessions(64),
        };
        config
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("failed to write {}", file.display()))
}
