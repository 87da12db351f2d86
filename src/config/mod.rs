//! The configuration: one table, image pattern -> pull secret, that the cluster's admin owns.
//!
//! Pure. Data flows `schema` (as written) -> `compile` (checked, all problems at once) -> [`Config`].

mod compile;
mod entry;
mod kubernetes_names;
mod labels;
mod lint;
mod namespaces;
mod parse;
mod problem;
mod schema;
mod scope;
mod selector;
mod shared;
mod source;
mod text;

pub use compile::{Config, Hit, HitRole};
pub use entry::Entry;
pub use kubernetes_names::{DNS_LABEL_HINT, DNS_SUBDOMAIN_HINT, is_dns_label, is_dns_subdomain};
pub use labels::Labels;
pub use namespaces::{Denial, Grant, NamespaceRule};
pub use parse::{MAX_CONFIG_BYTES, Parsed, config_text, parse};
pub use problem::{ConfigError, Place, Problem};
pub use schema::{Document, Mode, OnRemoval, Scope, json_schema};
pub use scope::{GrantedCopy, LeftOut, is_never_served};
pub use selector::{Requirement, Selector};
pub use shared::{SHARED_KEY, SharedNamespaces, SharedSecret, SharedSecrets};
pub use source::{
    AccessKey, Acr, AcrIdentity, AzureCloud, Basic, CREDENTIAL_PREFIX, Ecr, EcrRegistry, Gcp,
    GcpIdentity, Made, SecretKey, Source, TokenSource, Username, check_username, is_guid,
    is_tenant,
};

/// The `apiVersion` of a configuration.
pub const API_VERSION: &str = "pullpass.io/v1";
/// The `kind` of a configuration.
pub const KIND: &str = "Config";
/// The key of the ConfigMap under which the configuration is written.
pub const CONFIG_KEY: &str = "config.yaml";
/// The label of Namespaces and Pods that opts in or out.
pub const INJECT_LABEL: &str = "pullpass.io/inject";
/// The value of [`INJECT_LABEL`] that opts in.
pub const INJECT_ENABLED: &str = "enabled";
/// The value of [`INJECT_LABEL`] that opts out, and always wins.
pub const INJECT_DISABLED: &str = "disabled";
