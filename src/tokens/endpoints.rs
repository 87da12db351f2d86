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

/// Reads `SERVICE=URL`.
///
/// # Errors
/// It is none.
pub fn parse_endpoint(text: &str) -> Result<(Endpoint, Url), String> {
    use clap::ValueEnum;
    let (name, url) = text.split_once('=').ok_or("it is not SERVICE=URL")?;
    let endpoint = Endpoint::from_str(name, false).map_err(|_| {
        let names = Endpoint::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
        format!("`{name}` is none of {}", names.join(", "))
    })?;
    // It is not shown: somebody may have written a password into it.
    let url = Url::from_str(url).map_err(|error| format!("the URL of {name} is none: {error}"))?;
    match url.scheme() {
        "https" | "http" if url.has_host() && is_bare(&url) => Ok((endpoint, url)),
        _ => Err(format!("the URL of {name} is not of the form https://HOST[:PORT][/PATH]")),
    }
}

/// Whether a URL names a service and no more: it is shown in errors, and may have nothing secret in it.
pub(super) fn is_bare(url: &Url) -> bool {
    let has_user = !url.username().is_empty() || url.password().is_some();
    !has_user && url.query().is_none() && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("ecr=https://ecr.example.com", Endpoint::Ecr, "https://ecr.example.com/")]
    #[case("gcp-token=http://127.0.0.1:80/x", Endpoint::GcpToken, "http://127.0.0.1/x")]
    #[case("azure-metadata=http://[::1]:5/", Endpoint::AzureMetadata, "http://[::1]:5/")]
    fn a_service_and_its_url(#[case] text: &str, #[case] service: Endpoint, #[case] url: &str) {
        let (found, at) = parse_endpoint(text).unwrap();
        assert_eq!((found, at.as_str()), (service, url));
    }

    #[rstest]
    #[case("https=//ecr.example.com", "none of ecr, ecr-public, sts, gcp-token")]
    #[case("ecr", "it is not SERVICE=URL")]
    #[case("ecr=ecr.example.com", "the URL of ecr is none")]
    #[case("ecr=ftp://ecr.example.com", "not of the form")]
    #[case("ecr=https://me:hunter2@ecr.example.com", "not of the form")]
    #[case("ecr=https://ecr.example.com?x=hunter2", "not of the form")]
    #[case("ecr=https://ecr.example.com#hunter2", "not of the form")]
    fn fault_51_others_are_refused_and_not_shown(#[case] text: &str, #[case] told: &str) {
        let error = parse_endpoint(text).unwrap_err();
        assert!(error.contains(told) && !error.contains("hunter2"), "{error}");
    }
}
