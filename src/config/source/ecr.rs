//! The kind `ecr`: tokens of Amazon ECR.

use serde_saphyr::Spanned;

use super::{SecretKey, document::EcrDocument};
use crate::config::{entry::Check, kubernetes_names as names};

/// Tokens of Amazon ECR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ecr {
    /// What the tokens are for.
    pub registry: EcrRegistry,
    /// Who fetches them; none for the controller's own identity.
    pub access_key: Option<AccessKey>,
    /// The role that the identity assumes.
    pub role_arn: Option<Box<str>>,
    /// What the trust policy of the role asks for.
    pub external_id: Option<Box<str>>,
}

/// What a token of ECR is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EcrRegistry {
    /// `public.ecr.aws`.
    Public,
    /// The private registries of accounts in one region.
    Private {
        /// 12 digits each.
        accounts: Vec<Box<str>>,
        /// Such as `eu-central-1`.
        region: Box<str>,
        /// Whether FIPS endpoints are asked, and their hosts covered.
        fips: bool,
    },
}

/// An access key of an AWS account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its ID.
    pub id: SecretKey,
    /// Its secret.
    pub secret: SecretKey,
}

impl Ecr {
    /// The hosts that a token opens, by AWS's list of endpoints of Amazon ECR.
    pub fn registries(&self) -> Vec<String> {
        let EcrRegistry::Private { accounts, region, fips } = &self.registry else {
            return vec!["public.ecr.aws".to_owned()];
        };
        let (domain, dual_stack) = domains(region);
        let mut hosts = Vec::new();
        for account in accounts {
            for suffix in if *fips { &["", "-fips"][..] } else { &[""] } {
                hosts.push(format!("{account}.dkr.ecr{suffix}.{region}.{domain}"));
                hosts.push(format!("{account}.dkr-ecr{suffix}.{region}.{dual_stack}"));
            }
        }
        hosts
    }

    /// The values of Secrets that a token is fetched with.
    pub fn keys(&self) -> Vec<&SecretKey> {
        self.access_key.iter().flat_map(|key| [&key.id, &key.secret]).collect()
    }
}

impl Check<'_> {
    pub(super) fn ecr(&mut self, document: &Spanned<EcrDocument>) -> Ecr {
        let written = &document.value;
        let is_public = written.public.as_ref().is_some_and(|public| public.value);
        let registry = match is_public {
            true => self.public_ecr(document),
            false => self.private_ecr(document),
        };
        let access_key = match (&written.access_key_id_from, &written.secret_access_key_from) {
            (Some(id), Some(secret)) => Some(AccessKey {
                id: self.secret_key(&id.value, "source.ecr.accessKeyIdFrom"),
                secret: self.secret_key(&secret.value, "source.ecr.secretAccessKeyFrom"),
            }),
            (None, None) => None,
            _ => {
                let reason = "an access key has an ID and a secret, and one of them is not written";
                let hint = "write both `accessKeyIdFrom` and `secretAccessKeyFrom`";
                self.problem(document, "source.ecr", reason.to_owned(), hint);
                None
            }
        };
        if let Some(role) = written.role_arn.as_ref().filter(|role| !is_role(&role.value)) {
            let reason = format!("`{}` is not the ARN of a role", names::shortened(&role.value));
            let hint = "write it as `arn:aws:iam::123456789012:role/NAME`";
            self.problem(role, "source.ecr.roleArn", reason, hint);
        }
        if let Some(id) = written.external_id.as_ref().filter(|_| written.role_arn.is_none()) {
            let reason = "it has a meaning only with `roleArn`".to_owned();
            self.problem(id, "source.ecr.externalId", reason, "remove it, or add `roleArn`");
        }
        if let Some(id) = written.external_id.as_ref().filter(|id| !is_external_id(&id.value)) {
            let reason = format!("`{}` is no external ID", names::shortened(&id.value));
            let hint = "write 2 to 1224 letters, digits and characters of `+=,.@:/-_`";
            self.problem(id, "source.ecr.externalId", reason, hint);
        }
        let text = |value: &Option<Spanned<String>>| {
            value.as_ref().map(|value| value.value.as_str().into())
        };
        let (role_arn, external_id) = (text(&written.role_arn), text(&written.external_id));
        Ecr { registry, access_key, role_arn, external_id }
    }

    fn public_ecr(&mut self, document: &Spanned<EcrDocument>) -> EcrRegistry {
        let EcrDocument { accounts, region, fips, .. } = &document.value;
        if accounts.is_some() || region.is_some() || fips.is_some() {
            let reason = "ECR Public has neither accounts nor regions nor FIPS endpoints";
            let hint = "remove `accounts`, `region` and `fips`, or remove `public`";
            self.problem(document, "source.ecr", reason.to_owned(), hint);
        }
        EcrRegistry::Public
    }

    fn private_ecr(&mut self, document: &Spanned<EcrDocument>) -> EcrRegistry {
        let written = &document.value;
        let accounts = written.accounts.iter().flat_map(|accounts| &accounts.value);
        let accounts: Vec<_> = accounts.collect();
        if accounts.is_empty() || written.region.is_none() {
            let reason = "private registries are those of accounts in a region".to_owned();
            let hint = "write `accounts` and `region`, or `public: true` for public.ecr.aws";
            self.problem(document, "source.ecr", reason, hint);
        }
        for account in accounts.iter().filter(|account| !is_account(&account.value)) {
            let reason = format!("`{}` is not 12 digits", names::shortened(&account.value));
            let hint = "write the ID of the account in quotes, such as \"012345678901\"";
            self.problem(account, "source.ecr.accounts", reason, hint);
        }
        if let Some(region) = written.region.as_ref().filter(|region| !is_region(&region.value)) {
            let reason =
                format!("`{}` is not the name of a region", names::shortened(&region.value));
            self.problem(region, "source.ecr.region", reason, "write it as `eu-central-1`");
        }
        EcrRegistry::Private {
            accounts: accounts.iter().map(|account| account.value.as_str().into()).collect(),
            region: written.region.as_ref().map_or("", |region| &region.value).into(),
            fips: written.fips.as_ref().is_some_and(|fips| fips.value),
        }
    }
}

/// Those of a region's partition, for IPv4 and for both.
fn domains(region: &str) -> (&'static str, &'static str) {
    match region.split('-').next() {
        Some("cn") => ("amazonaws.com.cn", "on.amazonwebservices.com.cn"),
        Some("eusc") => ("amazonaws.eu", "on.amazonwebservices.eu"),
        _ => ("amazonaws.com", "on.aws"),
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match &parts[..] {
        [words @ .., number] if words.len() >= 2 => {
            let is_digits = number.bytes().all(|byte| byte.is_ascii_digit());
            words.iter().all(is_word) && is_digits && number.parse::<u8>().is_ok()
        }
        _ => false,
    }
}

fn is_external_id(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@:/-_".contains(c);
    (2..=1224).contains(&text.len()) && text.chars().all(is_allowed)
}

fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match &parts[..] {
        ["arn", partition, "iam", "", account, role] => {
            partition.starts_with("aws") && is_account(account) && role.starts_with("role/")
        }
        _ => false,
    }
}
