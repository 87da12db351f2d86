//! `credHelpers` and `credsStore`: programs that the docker client asks for passwords, and the kubelet
//! does not.

use super::{
    Grant, LeftOut, PlannedEntry, PlannedSource, names::name_of, plan::some,
    token_source::token_source,
};
use crate::{
    config,
    credentials::RegistryKey,
    image::{DOCKER_HUB, LEGACY_DOCKER_HUB},
};
use serde_json::Value;

/// The programs of a docker config.
#[derive(Debug, Default)]
pub struct Helpers {
    /// Registries that have one of their own.
    by_registry: Vec<(RegistryKey, String)>,
    /// That of all others.
    store: Option<String>,
}

impl Helpers {
    /// Of a docker config. What has another shape is none.
    pub fn read(content: &[u8]) -> Self {
        let config: Value = serde_json::from_slice(content).unwrap_or_default();
        let field = |name: &str| {
            let mut fields = config.as_object().into_iter().flatten();
            fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let helpers = field("credHelpers").and_then(Value::as_object).into_iter().flatten();
        let by_registry = helpers.map(|(registry, helper)| {
            (RegistryKey::new(registry.as_bytes()), helper.as_str().unwrap_or_default().to_owned())
        });
        let store = field("credsStore").and_then(Value::as_str).filter(|name| !name.is_empty());
        Self { by_registry: by_registry.collect(), store: store.map(str::to_owned) }
    }

    /// Whether there is one for this registry.
    pub fn serve(&self, key: &RegistryKey) -> bool {
        self.store.is_some() || self.helper_of(key)
    }

    /// Of registries that have a password of their own beside a program.
    pub fn notes<'k>(&self, keys: impl Iterator<Item = &'k RegistryKey>) -> Vec<String> {
        let (own, others): (Vec<_>, Vec<_>) = keys.partition(|key| self.helper_of(key));
        let titled = |keys: Vec<&RegistryKey>| {
            let keys: Vec<_> = keys.into_iter().map(|key| format!("`{key}`")).collect();
            (!keys.is_empty()).then(|| some(&keys))
        };
        let own = titled(own).map(|keys| {
            format!("{keys}: docker and GitLab's runner ask `credHelpers` and pass over the password beside it; the kubelet has that password alone")
        });
        let others = titled(others).filter(|_| self.store.is_some()).map(|keys| {
            format!("{keys}: docker and GitLab's runner take what `credsStore` has before the password beside it; the kubelet has that password alone")
        });
        own.into_iter().chain(others).collect()
    }

    fn helper_of(&self, key: &RegistryKey) -> bool {
        self.by_registry.iter().any(|(of, _)| of.normalized() == key.normalized())
    }

    /// Each, and what would do in its place. `without` are registries that have no password of their own.
    pub fn left_out(&self, without: &[RegistryKey], grant: &Grant) -> Vec<LeftOut> {
        let own = self.by_registry.iter().map(|(key, helper)| {
            left_out(format!("`credHelpers` of the registry `{key}`"), key, helper, grant)
        });
        let Some(store) = &self.store else { return own.collect() };
        let of_store = without.iter().filter(|key| !self.helper_of(key)).map(|key| {
            left_out(format!("the registry `{key}`, kept in `credsStore`"), key, store, grant)
        });
        let mut all: Vec<_> = own.chain(of_store).collect();
        if without.iter().all(|key| self.helper_of(key)) {
            let reason = Helper::of(store).reason(None);
            all.push(LeftOut { what: "`credsStore`".into(), reason, instead: None });
        }
        all
    }
}

/// What a program asks for a password.
enum Helper {
    /// A cloud, for tokens that a kind of source fetches too.
    Cloud { name: String, cloud: &'static str, kind: &'static str },
    /// The machine that it runs on.
    Keychain,
}

impl Helper {
    fn of(name: &str) -> Self {
        let (cloud, kind) = match name {
            "ecr-login" => ("Amazon ECR", "ecr"),
            "gcloud" | "gcr" => ("Google", "gcp"),
            name if name.starts_with("acr-") => ("Azure", "acr"),
            _ => return Self::Keychain,
        };
        Self::Cloud { name: name.to_owned(), cloud, kind }
    }

    fn reason(&self, instead: Option<&PlannedEntry>) -> String {
        let make = |secret: &str| {
            format!(
                "make the Secret {secret} in pullpass-system with `kubectl create secret docker-registry`"
            )
        };
        let source = instead.map(|entry| &entry.source);
        match (self, source) {
            (Self::Cloud { name, cloud, .. }, Some(PlannedSource::Secret(secret))) => format!(
                "the kubelet runs no helper such as `{name}`, and the host is none of {cloud}: {}",
                make(secret)
            ),
            (Self::Cloud { name, cloud, .. }, Some(_)) => format!(
                "the kubelet runs no helper such as `{name}`: with this entry Pullpass fetches the tokens itself, once it has an identity that may ask {cloud} for them"
            ),
            (Self::Cloud { name, cloud, kind }, None) => format!(
                "the kubelet runs no helper such as `{name}`: write an entry whose source is of the kind `{kind}` for each registry of {cloud}"
            ),
            (Self::Keychain, Some(PlannedSource::Secret(secret))) => {
                format!("the kubelet asks no keychain: {}", make(secret))
            }
            (Self::Keychain, _) => format!("the kubelet asks no keychain: {}", make("NAME")),
        }
    }
}

fn left_out(what: String, key: &RegistryKey, helper: &str, grant: &Grant) -> LeftOut {
    let instead = instead(key, helper, grant);
    LeftOut { what, reason: Helper::of(helper).reason(instead.as_ref()), instead }
}

/// An entry for the whole registry; none if no pattern can be written for it.
fn instead(key: &RegistryKey, helper: &str, grant: &Grant) -> Option<PlannedEntry> {
    // What may be secret in a key is not shown in an entry either.
    if key.as_written().iter().any(|byte| b"@?#".contains(byte)) {
        return None;
    }
    let registry = key.normalized()?;
    let name = name_of(&registry);
    let registry = match registry.split_once('/') {
        None if registry == LEGACY_DOCKER_HUB => DOCKER_HUB,
        _ => registry.trim_end_matches('/'),
    };
    let mut entry = PlannedEntry::new(&name, vec![format!("{registry}/*")], grant.clone(), &name);
    if let Some(source) = token_source(helper, registry) {
        entry.source = source;
    }
    let is_valid = super::config_text(std::slice::from_ref(&entry)).is_ok();
    (is_valid && config::is_dns_label(&entry.name)).then_some(entry)
}
