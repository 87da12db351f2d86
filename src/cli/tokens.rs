//! Where tokens of registries are fetched.

use crate::tokens::{Endpoints, Tokens, parse_endpoint};
use clap::Args;
use std::{fs, path::PathBuf};

/// `--token-endpoint` and `--token-ca-file`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tokens of registries")]
#[group(skip)]
pub struct TokenArgs {
    /// Where a service is asked that issues tokens, if not where it is by itself: ecr, ecr-public, sts, gcp-token,
    /// gcp-sts, gcp-iam-credentials, gcp-metadata, entra, acr or azure-metadata; more with commas, or given again
    #[arg(
        long,
        value_name = "SERVICE=URL",
        env = "PULLPASS_TOKEN_ENDPOINT",
        value_delimiter = ','
    )]
    token_endpoint: Vec<String>,
    /// Certificates (PEM) of authorities that those services may have, beside the public ones
    #[arg(long, value_name = "FILE", env = "PULLPASS_TOKEN_CA_FILE")]
    token_ca_file: Option<PathBuf>,
}

impl TokenArgs {
    /// What fetches them.
    ///
    /// # Errors
    /// An endpoint or the file cannot be used.
    pub fn tokens(&self) -> Result<Tokens, String> {
        // Not by clap, which shows what it refuses: a password may be written there.
        let endpoints = self.token_endpoint.iter().map(|text| parse_endpoint(text));
        let endpoints = endpoints
            .collect::<Result<Endpoints, _>>()
            .map_err(|reason| format!("--token-endpoint cannot be used: {reason}"))?;
        let Some(path) = &self.token_ca_file else { return Tokens::new(endpoints, b"") };
        let authorities = fs::read(path).map_err(|error| error.to_string());
        let tokens = authorities.and_then(|authorities| Tokens::new(endpoints, &authorities));
        tokens.map_err(|reason| {
            format!("--token-ca-file {} cannot be used: {reason}", path.display())
        })
    }
}
