//! `pullpass certs`: a CA and a serving certificate for development.

use super::new_file::{failure, write};
use super::output::{FAINT, TITLE, printable};
use crate::pki;
use anyhow::{Context, Result, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Args;
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    time::{Duration, SystemTime},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// May be read by all: certificates are public.
const PUBLIC: u32 = 0o644;
/// May be read by the owner alone.
const PRIVATE: u32 = 0o600;

/// Make a CA and a serving certificate for development.
///
/// Writes tls.crt, tls.key and ca.crt, and prints the caBundle for the webhook configurations. The
/// CA's private key is not kept, so no one can issue another certificate by it. In a cluster let
/// cert-manager or the controller do this.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass certs --out certs --dns pullpass-webhook.pullpass-system.svc
  pullpass certs --out certs --dns localhost 127.0.0.1 --days 7 --force")]
pub struct Certs {
    /// The directory to write to; made if it is not there.
    #[arg(long, value_name = "DIR", env = "PULLPASS_OUT")]
    out: PathBuf,
    /// The DNS names and IP addresses by which the webhook is called.
    #[arg(long, value_name = "NAME", env = "PULLPASS_DNS", required = true, num_args = 1.., value_delimiter = ',')]
    dns: Vec<String>,
    /// For how many days both are valid.
    #[arg(long, env = "PULLPASS_DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    /// Replace the files that are there.
    #[arg(long, env = "PULLPASS_FORCE", value_parser = clap::builder::BoolishValueParser::new())]
    force: bool,
}

impl Certs {
    /// Writes the files and prints the caBundle.
    pub fn run(&self) -> Result<()> {
        let issued = pki::self_signed(&self.dns, SystemTime::now(), DAY * u32::from(self.days))?;
        let files = [
            ("tls.crt", PUBLIC, issued.pair.certificate_pem.as_str()),
            ("tls.key", PRIVATE, issued.pair.key_pem.expose()),
            ("ca.crt", PUBLIC, issued.ca_pem.as_str()),
        ];
        fs::create_dir_all(&self.out).with_context(|| failure("make the directory", &self.out))?;
        self.refuse_to_overwrite(&files.map(|(name, ..)| name))?;
        for (name, mode, content) in files {
            let path = self.out.join(name);
            write(&path, mode, content).with_context(|| failure("write", &path))?;
        }
        self.print(&issued.ca_pem).context("failed to print the caBundle")
    }

    fn refuse_to_overwrite(&self, names: &[&str]) -> Result<()> {
        let paths = names.iter().map(|name| self.out.join(name));
        match paths.into_iter().find(|path| path.symlink_metadata().is_ok()) {
            Some(path) if !self.force => bail!(
                "`{}` is there already; nothing was written; replace it with --force, or give another --out",
                path.display()
            ),
            _ => Ok(()),
        }
    }

    fn print(&self, ca_pem: &str) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        let names = self.dns.join(", ");
        let about = [
            ("tls.crt", format!("serving certificate for {names}, valid for {} days", self.days)),
            ("tls.key", "its private key; keep it secret".to_owned()),
            ("ca.crt", "the CA certificate, by which clients verify it".to_owned()),
        ];
        let width = self.out.join("tls.crt").display().to_string().len();
        for (name, text) in about {
            let path = self.out.join(name).display().to_string();
            writeln!(out, "{TITLE}{:width$}{TITLE:#}  {FAINT}{text}{FAINT:#}", printable(&path))?;
        }
        writeln!(out, "\nFor `clientConfig` of the webhook configurations:\n")?;
        writeln!(out, "caBundle: {}", BASE64_STANDARD.encode(ca_pem))
    }
}
