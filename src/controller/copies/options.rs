//! What is to be copied, and from where, checked.

use std::time::Duration;

use crate::cluster::ObjectName;

/// Which pull secrets are copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CopyMode {
    /// The sources of entries, to the namespaces that the entries grant.
    #[default]
    Granted,
    /// None.
    None,
}

/// Where the configuration and the sources are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOptions {
    /// The namespace of the sources.
    pub namespace: String,
    /// The ConfigMap of the configuration.
    pub config_map: ObjectName,
    /// For how long the copies of a Secret that was shared by label outlast its deletion.
    pub shared_grace: Duration,
}

/// What [`CopyOptions::shared_grace`] is, unless something else is asked for.
pub const SHARED_GRACE: Duration = Duration::from_mins(10);

impl CopyOptions {
    /// The ConfigMap in which the webhook finds what is shared by label.
    pub fn shared(&self) -> ObjectName {
        self.config_map.of_shared_secrets()
    }
}

#[cfg(test)]
impl CopyOptions {
    /// As the manifests have them, but without any grace.
    pub fn plain() -> Self {
        let config_map = ObjectName::default_config_map();
        Self { namespace: "pullpass-system".into(), config_map, shared_grace: Duration::ZERO }
    }
}
