//! The `source` that does what a helper of a cloud did.

use super::PlannedSource;
use super::plan::{PlannedEcr, PlannedTokens};

/// How the names of hosts of ECR go on behind the account, and how they end, with and without dual stack.
const ECR: [(&str, &[&str]); 2] = [
    (".dkr.ecr", &[".amazonaws.com", ".amazonaws.com.cn"]),
    (".dkr-ecr", &[".on.aws", ".on.amazonwebservices.com.cn"]),
];
const ECR_PUBLIC: &str = "public.ecr.aws";
const GOOGLE: [&str; 2] = ["gcr.io", "pkg.dev"];
const AZURE: [&str; 3] = ["azurecr.io", "azurecr.cn", "azurecr.us"];

/// Of a registry, `HOST[:PORT][/PATH]`; none if it is not one of this helper's cloud.
pub fn token_source(helper: &str, registry: &str) -> Option<PlannedSource> {
    let host = registry.split('/').next().unwrap_or_default();
    let tokens = || PlannedTokens { registries: vec![registry.to_owned()] };
    let is_of = |domain: &&str| {
        let before = host.strip_suffix(domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    match helper {
        "ecr-login" => ecr(host).map(PlannedSource::Ecr),
        "gcloud" | "gcr" => GOOGLE.iter().any(is_of).then(|| PlannedSource::Gcp(tokens())),
        _ if helper.starts_with("acr-") => {
            AZURE.iter().any(is_of).then(|| PlannedSource::Acr(tokens()))
        }
        _ => None,
    }
}

fn ecr(host: &str) -> Option<PlannedEcr> {
    if host == ECR_PUBLIC {
        return Some(PlannedEcr { public: true, ..PlannedEcr::default() });
    }
    let (account, rest) = host.split_at_checked(12)?;
    let (rest, ends) =
        ECR.iter().find_map(|(kind, ends)| Some((rest.strip_prefix(kind)?, *ends)))?;
    let (fips, rest) = match rest.strip_prefix("-fips") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let region = ends.iter().find_map(|end| rest.strip_suffix(end)?.strip_prefix('.'))?;
    let is_account = account.bytes().all(|byte| byte.is_ascii_digit());
    is_account.then(|| PlannedEcr {
        accounts: vec![account.to_owned()],
        region: region.to_owned(),
        fips,
        public: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        "ecr-login",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        r#"{"ecr":{"accounts":["123456789012"],"region":"eu-west-1"}}"#
    )]
    #[case(
        "ecr-login",
        "012345678901.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
        r#"{"ecr":{"accounts":["012345678901"],"region":"us-gov-west-1","fips":true}}"#
    )]
    #[case(
        "ecr-login",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        r#"{"ecr":{"accounts":["123456789012"],"region":"cn-north-1"}}"#
    )]
    #[case(
        "ecr-login",
        "123456789012.dkr-ecr.eu-west-1.on.aws",
        r#"{"ecr":{"accounts":["123456789012"],"region":"eu-west-1"}}"#
    )]
    #[case("ecr-login", "public.ecr.aws", r#"{"ecr":{"public":true}}"#)]
    #[case("ecr-login", "public.ecr.aws/my-alias", r#"{"ecr":{"public":true}}"#)]
    #[case(
        "gcloud",
        "europe-docker.pkg.dev",
        r#"{"gcp":{"registries":["europe-docker.pkg.dev"]}}"#
    )]
    #[case("gcr", "eu.gcr.io/my-project", r#"{"gcp":{"registries":["eu.gcr.io/my-project"]}}"#)]
    #[case("acr-env", "team.azurecr.io", r#"{"acr":{"registries":["team.azurecr.io"]}}"#)]
    #[case("acr-linux", "team.azurecr.us", r#"{"acr":{"registries":["team.azurecr.us"]}}"#)]
    fn a_cloud_has_a_kind(#[case] helper: &str, #[case] registry: &str, #[case] source: &str) {
        let found = token_source(helper, registry).map(|it| serde_json::to_string(&it).unwrap());
        assert_eq!(found.as_deref(), Some(source));
    }

    #[rstest]
    #[case("ecr-login", "registry.example.com")]
    #[case("ecr-login", "1.dkr.ecr.eu-west-1.amazonaws.com")]
    #[case("ecr-login", "12345678901é.dkr.ecr.eu-west-1.amazonaws.com")]
    #[case("ecr-login", "123456789012.dkr.ecr.amazonaws.com")]
    #[case("ecr-login", "123456789012.dkr.ecr.eu-west-1.on.aws")]
    #[case("gcloud", "evil-gcr.io")]
    #[case("acr-env", "gcr.io")]
    #[case("desktop", "gcr.io")]
    fn another_host_has_none(#[case] helper: &str, #[case] registry: &str) {
        assert_eq!(token_source(helper, registry), None);
    }
}
