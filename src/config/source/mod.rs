//! The source of an entry: as written (`document`), and checked, one file a kind.

mod acr;
mod basic;
mod document;
mod ecr;
mod gcp;

use serde_saphyr::Spanned;

pub(super) use self::gcp::is_google_host;
pub use self::{
    acr::{Acr, AcrIdentity, AzureCloud, is_guid, is_tenant},
    basic::{Basic, Username, check_username},
    document::SourceDocument,
    ecr::{AccessKey, Ecr, EcrRegistry},
    gcp::{Gcp, GcpIdentity},
};
use self::{basic::check_registry, document::SecretKeyDocument};
use super::{
    entry::Check,
    kubernetes_names as names,
    schema::{OnRemoval, Registry},
};
use crate::{
    credentials::{RegistryKey, content_mark},
    image::Pattern,
};

/// How the name of a Secret begins that holds the credential of an entry, made by the controller.
pub const CREDENTIAL_PREFIX: &str = "pullpass-credential-";

/// Where the content of a pull secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The Secret of pullpass-system that is copied.
    pub secret: Box<str>,
    /// What the controller makes that Secret from; none if somebody else does.
    pub made: Option<Made>,
    /// What becomes of the copies when the grant goes.
    pub on_removal: OnRemoval,
}

impl Source {
    /// The Secret of pullpass-system in which an administrator changes the password.
    pub fn secret_of_password(&self) -> &str {
        match &self.made {
            None => &self.secret,
            Some(Made::Basic(basic)) => &basic.password.secret,
            Some(Made::DockerConfig(key)) => &key.secret,
            Some(Made::Token(token)) => match token.keys().last() {
                Some(key) => &key.secret,
                None => &self.secret,
            },
        }
    }
}

/// What the Secret of an entry is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// From a user name and a password.
    Basic(Basic),
    /// From a docker config as people have it.
    DockerConfig(SecretKey),
    /// From tokens, which are fetched.
    Token(TokenSource),
}

impl Made {
    /// The values of Secrets that it is made from.
    pub fn keys(&self) -> Vec<&SecretKey> {
        match self {
            Self::Basic(basic) => match &basic.username {
                Username::From(key) => vec![key, &basic.password],
                Username::Written(_) => vec![&basic.password],
            },
            Self::DockerConfig(key) => vec![key],
            Self::Token(source) => source.keys(),
        }
    }

    /// What the credentials are for, `HOST[:PORT][/PATH]` each; none if the settings do not say it.
    pub fn registries(&self) -> Option<Vec<String>> {
        match self {
            Self::Basic(basic) => Some(vec![basic.registry.to_string()]),
            Self::DockerConfig(_) => None,
            Self::Token(token) => Some(token.registries()),
        }
    }

    /// The name of the kind, and of those settings that say what it is for.
    pub fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Basic(_) => ("basic", "`registry`"),
            Self::DockerConfig(_) => ("dockerConfig", "`auths`"),
            Self::Token(TokenSource::Ecr(_)) => ("ecr", "`accounts` and `region`"),
            Self::Token(TokenSource::Gcp(_)) => ("gcp", "`registries`"),
            Self::Token(TokenSource::Acr(_)) => ("acr", "`registries`"),
        }
    }
}

/// Where tokens are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// Amazon ECR.
    Ecr(Ecr),
    /// Google's Artifact Registry.
    Gcp(Gcp),
    /// Azure Container Registry.
    Acr(Acr),
}

impl TokenSource {
    /// What the tokens are for, `HOST[:PORT][/PATH]` each.
    pub fn registries(&self) -> Vec<String> {
        let owned = |registries: &[Box<str>]| registries.iter().map(ToString::to_string).collect();
        match self {
            Self::Ecr(ecr) => ecr.registries(),
            Self::Gcp(gcp) => owned(&gcp.registries),
            Self::Acr(acr) => owned(&acr.registries),
        }
    }

    /// The values of Secrets that a token is fetched with; none for the controller's own identity.
    pub fn keys(&self) -> Vec<&SecretKey> {
        match self {
            Self::Ecr(ecr) => ecr.keys(),
            Self::Gcp(gcp) => gcp.keys(),
            Self::Acr(acr) => acr.keys(),
        }
    }
}

/// One value of a Secret of pullpass-system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    /// The name of the Secret.
    pub secret: Box<str>,
    /// The key of its `data`.
    pub key: Box<str>,
}

/// Those of the certificates.
const OWN_SECRETS: [&str; 2] = ["pullpass-ca", "pullpass-tls"];
/// The characters of a mark in the name of a Secret.
const MARK: usize = 12;
const KINDS: &str = "`secret`, `basic`, `dockerConfig`, `ecr`, `gcp` or `acr`";

impl Check<'_> {
    pub(super) fn source(&mut self, registry: &Registry, images: &[Pattern]) -> Option<Source> {
        let Some(source) = &registry.source else {
            if let Some(on_removal) = &registry.on_removal {
                let reason = "it has a meaning only with `source`".into();
                self.problem(on_removal, "onRemoval", reason, "remove it, or add `source`");
            }
            return None;
        };
        if let Some(list) = registry.pull_secrets.as_ref().filter(|list| list.value.len() > 1) {
            let reason = "with `source` there is one pull secret, the copy".to_owned();
            self.problem(list, "pullSecrets", reason, "write one entry for each pull secret");
        }
        let on_removal = registry.on_removal.as_ref().map(|r| r.value).unwrap_or_default();
        let (secret, made) = self.kind_of_source(source, &registry.name.value, images)?;
        Some(Source { secret, made, on_removal })
    }

    fn kind_of_source(
        &mut self,
        source: &Spanned<SourceDocument>,
        entry: &str,
        images: &[Pattern],
    ) -> Option<(Box<str>, Option<Made>)> {
        let SourceDocument { secret, basic, docker_config, ecr, gcp, acr } = &source.value;
        let kinds = [
            secret.is_some(),
            basic.is_some(),
            docker_config.is_some(),
            ecr.is_some(),
            gcp.is_some(),
            acr.is_some(),
        ];
        let reason = match kinds.iter().filter(|is_written| **is_written).count() {
            0 => Some("nothing is written in it"),
            1 => None,
            _ => Some("it has more than one kind"),
        };
        if let Some(reason) = reason {
            self.problem(source, "source", reason.to_owned(), format!("write one of {KINDS}"));
            return None;
        }
        if let Some(secret) = secret {
            self.secret_of_others(secret, "source.secret");
            return Some((secret.value.as_str().into(), None));
        }
        let basic = basic.as_ref().map(|basic| Made::Basic(self.basic(&basic.value)));
        let docker_config = docker_config
            .as_ref()
            .map(|key| Made::DockerConfig(self.secret_key(&key.value, "source.dockerConfig")));
        let ecr = ecr.as_ref().map(|ecr| Made::Token(TokenSource::Ecr(self.ecr(ecr))));
        let gcp = gcp.as_ref().map(|gcp| Made::Token(TokenSource::Gcp(self.gcp(gcp))));
        let acr = acr.as_ref().map(|acr| Made::Token(TokenSource::Acr(self.acr(acr))));
        let made = basic.or(docker_config).or(ecr).or(gcp).or(acr)?;
        Some((name_of_credential(entry, &made, images), Some(made)))
    }

    fn secret_of_others(&mut self, secret: &Spanned<String>, field: &str) {
        self.secret_name(secret, field);
        let name = &*secret.value;
        if name.starts_with(CREDENTIAL_PREFIX) || OWN_SECRETS.contains(&name) {
            let reason = format!(
                "`{}` is a name that the controller keeps for Secrets that it makes",
                names::shortened(name)
            );
            self.problem(secret, field, reason, "give the Secret another name");
        }
    }

    fn registries(&mut self, written: &Spanned<Vec<Spanned<String>>>, kind: &str) -> Vec<Box<str>> {
        let field = format!("{kind}.registries");
        if written.value.is_empty() {
            let hint = "write the registries that the tokens are for";
            self.problem(written, &field, "the list is empty".to_owned(), hint);
        }
        for registry in &written.value {
            self.registry(registry, &field);
        }
        written.value.iter().map(|registry| registry.value.as_str().into()).collect()
    }

    fn registry(&mut self, written: &Spanned<String>, field: &str) {
        if let Err(reason) = check_registry(&written.value) {
            let shown = RegistryKey::new(written.value.as_bytes()).to_string();
            let reason = format!("`{}`: {reason}", names::shortened(&shown));
            let hint = "write the registry as images name it, such as `registry.gitlab.com` or `quay.io/my-org`";
            self.problem(written, field, reason, hint);
        }
    }

    fn secret_key(&mut self, written: &SecretKeyDocument, field: &str) -> SecretKey {
        self.secret_of_others(&written.secret, &format!("{field}.secret"));
        if !names::is_data_key(&written.key.value) {
            let reason = format!("`{}` is no valid key", names::shortened(&written.key.value));
            self.problem(&written.key, &format!("{field}.key"), reason, names::DATA_KEY_HINT);
        }
        SecretKey {
            secret: written.secret.value.as_str().into(),
            key: written.key.value.as_str().into(),
        }
    }
}

/// Its end says what it is made from. With other settings it is another Secret: what was made from the former
/// ones, for those who were granted it then, is never what the entry grants now.
fn name_of_credential(entry: &str, made: &Made, images: &[Pattern]) -> Box<str> {
    let images: Vec<String> = match made {
        Made::Basic(_) | Made::Token(_) => Vec::new(),
        // Of a docker config they say which credentials are taken.
        Made::DockerConfig(_) => images.iter().map(ToString::to_string).collect(),
    };
    let mark = content_mark("", format!("{made:?} {images:?}").as_bytes());
    format!("{CREDENTIAL_PREFIX}{entry}-{}", &mark[..MARK.min(mark.len())]).into()
}
