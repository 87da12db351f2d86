//! Where issuers are asked, if not where they are by themselves. The controller's own flags say it; no
//! entry of the table can.

use std::collections::BTreeMap;
use std::str::FromStr;

use reqwest::Url;

/// A service that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Endpoint {
    /// `ecr.REGION.amazonaws.com`.
    Ecr,
    /// `api.ecr-public.us-east-1.amazonaws.com`.
    EcrPublic,
    /// AWS STS.
    Sts,
    /// `oauth2.googleapis.com`.
    GcpToken,
    /// `sts.googleapis.com`.
    GcpSts,
    /// `iamcredentials.googleapis.com`.
    GcpIamCredentials,
    /// `metadata.google.internal`.
    GcpMetadata,
    /// `login.microsoftonline.com`.
    Entra,
    /// `REGISTRY.azurecr.io`.
    Acr,
    /// The Instance Metadata Service of Azure, `169.254.169.254`.
    AzureMetadata,
}

/// Where some services are asked instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints(BTreeMap<Endpoint, Url>);

impl Endpoints {
    /// Where this one is asked, if that was given.
    pub fn get(&self, endpoint: Endpoint) -> Option<&Url> {
        self.0.get(&endpoint)
    }
}

impl FromIterator<(Endpoint, Url)> for Endpoints {
    fn from_iter<T: IntoIterator<Item = (Endpoint, Url)>>(iter: T) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// Reads `NAME=URL`.
///
/// # Errors
/// It is none.
pub fn parse_endpoint(text: &str) -> Result<(Endpoint, Url), String> {
    use clap::ValueEnum;
    let (name, url) = text.split_once('=').ok_or("it is not NAME=URL")?;
    let endpoint = Endpoint::from_str(name, false).map_err(|_| {
        let names = Endpoint::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
        format!("`{name}` is none of {}", names.join(", "))
    })?;
    let url = Url::from_str(url).map_err(|error| format!("`{url}` is not a URL: {error}"))?;
    match url.scheme() {
        "https" | "http" if url.has_host() && url.query().is_none() => Ok((endpoint, url)),
        _ => Err(format!("`{url}` is not of the form https://HOST[:PORT][/PATH]")),
    }
}
