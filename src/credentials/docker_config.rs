//! A docker config: the content of a pull secret.

use super::{DockerConfigError, Hidden, RegistryKey, Steps, Warning, reading, warning};

/// The two types of Secret that the kubelet takes pull credentials from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// `kubernetes.io/dockerconfigjson`: `{"auths": {REGISTRY: ...}}`.
    DockerConfigJson,
    /// `kubernetes.io/dockercfg`, the older one: `{REGISTRY: ...}`.
    Dockercfg,
}

impl SecretKind {
    /// The kind of a Secret of this type; `None` for one that the kubelet passes over.
    pub fn of_type(secret_type: &str) -> Option<Self> {
        [Self::DockerConfigJson, Self::Dockercfg]
            .into_iter()
            .find(|kind| kind.secret_type() == secret_type)
    }

    /// The `type` of the Secret.
    pub fn secret_type(self) -> &'static str {
        match self {
            Self::DockerConfigJson => "kubernetes.io/dockerconfigjson",
            Self::Dockercfg => "kubernetes.io/dockercfg",
        }
    }

    /// The key of its `data` that holds the docker config.
    pub fn data_key(self) -> &'static str {
        match self {
            Self::DockerConfigJson => ".dockerconfigjson",
            Self::Dockercfg => ".dockercfg",
        }
    }
}

/// A docker config, as the kubelet reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerConfig {
    kind: SecretKind,
    entries: Vec<Entry>,
    /// Names beside `auths` that the kubelet does not use.
    ignored: Vec<String>,
    /// As much of each entry.
    ignored_of_entries: Vec<Vec<String>>,
}

/// An entry of `auths`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) key: RegistryKey,
    pub(super) username: Hidden,
    pub(super) password: Hidden,
}

impl Entry {
    /// The registry, as written.
    pub fn key(&self) -> &RegistryKey {
        &self.key
    }

    /// The user name, of `auth` where there is one.
    pub fn username(&self) -> &Hidden {
        &self.username
    }

    /// The password, of `auth` where there is one.
    pub fn password(&self) -> &Hidden {
        &self.password
    }

    /// Whether a registry can be shown anything: a user name and a password.
    ///
    /// The kubelet hands on an entry without them, and the container runtime then pulls
    /// anonymously.
    pub fn is_usable(&self) -> bool {
        !self.username.is_empty() && !self.password.is_empty()
    }
}

/// A docker config that was read entry by entry.
#[derive(Debug)]
pub struct EachEntry {
    /// The entries that can be decoded.
    pub config: DockerConfig,
    /// What is wrong with each of the others.
    pub broken: Vec<DockerConfigError>,
    /// Entries that a later one of the same key replaced.
    pub replaced: Vec<Entry>,
}

impl DockerConfig {
    /// Reads the content of a Secret as `pkg/credentialprovider/config.go` and `secrets.go` of the
    /// kubelet do.
    ///
    /// # Errors
    /// What would fail every pull of every Pod that names the Secret; and no content at all, for
    /// which the kubelet passes the Secret over.
    pub fn parse(kind: SecretKind, content: &[u8]) -> Result<Self, DockerConfigError> {
        reading::read(kind, content).map(|contents| Self::of(kind, contents))
    }

    /// Reads a docker config entry by entry: one that the kubelet cannot decode is left out, where for
    /// the kubelet it spoils all others.
    ///
    /// # Errors
    /// If it cannot be told into entries.
    pub fn parse_each(content: &[u8]) -> Result<EachEntry, DockerConfigError> {
        let kind = SecretKind::DockerConfigJson;
        let mut contents = reading::read_each(kind, content)?;
        let (broken, replaced) = contents.entries.take_left_out();
        Ok(EachEntry { config: Self::of(kind, contents), broken, replaced })
    }

    fn of(kind: SecretKind, contents: reading::Contents) -> Self {
        let list = contents.entries.list();
        let entries = list.iter().map(|read| read.entry.clone()).collect();
        let ignored_of_entries = list.iter().map(|read| read.ignored.clone()).collect();
        Self { kind, entries, ignored: contents.ignored, ignored_of_entries }
    }

    /// The entries, in the order of the text; of two with the same key, the last.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the kubelet passes over without a word.
    pub fn warnings(&self) -> Vec<Warning> {
        let none = self.entries.is_empty().then_some(Warning::NoEntries);
        let ignored = self.ignored.iter().map(|name| Warning::of_field(name));
        let mut steps = Steps::default();
        let of_entries = self.entries.iter().zip(&self.ignored_of_entries);
        let of_entries =
            of_entries.flat_map(|(entry, ignored)| warning::of_entry(entry, ignored, &mut steps));
        none.into_iter().chain(ignored).chain(of_entries).collect()
    }

    /// Whether any entry has something to show a registry.
    pub fn has_credential(&self) -> bool {
        self.entries.iter().any(Entry::is_usable)
    }

    /// The content of a `kubernetes.io/dockerconfigjson` Secret that says the same, all fields
    /// kept. `original` is what this was parsed from: of the same type, it is copied byte for byte.
    pub fn to_dockerconfigjson(&self, original: &[u8]) -> Vec<u8> {
        match self.kind {
            SecretKind::DockerConfigJson => original.to_vec(),
            SecretKind::Dockercfg => [b"{\"auths\":", original.trim_ascii(), b"}"].concat(),
        }
    }
}
