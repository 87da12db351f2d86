//! NAMESPACE/NAME, as arguments and messages have it.

use std::{fmt, str::FromStr};
use thiserror::Error;

/// The namespace and name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// The namespace.
    pub namespace: Box<str>,
    /// The name.
    pub name: Box<str>,
}

/// A text is not NAMESPACE/NAME.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not NAMESPACE/NAME; write for example `pullpass-system/pullpass`")]
pub struct NotAnObjectName(String);

impl ObjectName {
    /// `pullpass-system/pullpass`, where the manifests put the configuration.
    pub fn default_config_map() -> Self {
        Self { namespace: "pullpass-system".into(), name: "pullpass".into() }
    }
}

impl ObjectName {
    /// Of the ConfigMap of a configuration, the one beside it in which the controller publishes what is
    /// shared by label.
    pub fn of_shared_secrets(&self) -> Self {
        let name = format!("{}-shared", self.name).into();
        Self { namespace: self.namespace.clone(), name }
    }
}

impl FromStr for ObjectName {
    type Err = NotAnObjectName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name))
                if crate::config::is_dns_label(namespace)
                    && crate::config::is_dns_subdomain(name) =>
            {
                Ok(Self { namespace: namespace.into(), name: name.into() })
            }
            _ => Err(NotAnObjectName(text.to_owned())),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
