//! The configuration as written, field by field. The JSON Schema is generated from these types.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_saphyr::Spanned;
use std::{collections::BTreeMap, fmt};

use super::source::SourceDocument;

/// The table of image patterns and pull secrets, in key `config.yaml` of the ConfigMap `pullpass`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "Pullpass configuration")]
pub struct Document {
    /// Always `pullpass.io/v1`.
    #[schemars(with = "String", extend("const" = "pullpass.io/v1"))]
    pub api_version: Spanned<String>,
    /// Always `Config`.
    #[schemars(with = "String", extend("const" = "Config"))]
    pub kind: Spanned<String>,
    /// Whether Pods are changed: `enforce` adds the pull secrets; `observe` decides, logs, counts
    /// and audits, but changes nothing.
    #[serde(default)]
    pub mode: Mode,
    /// Which namespaces are considered at all: `cluster` takes every namespace that is not
    /// labelled `pullpass.io/inject: disabled`; `optIn` only those labelled `enabled`.
    #[serde(default)]
    pub scope: Scope,
    /// The entries. All that match an image apply, in this order.
    #[schemars(with = "Vec<Registry>", length(min = 1, max = 10_000))]
    pub registries: Spanned<Vec<Registry>>,
}

/// Whether Pods are changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Pull secrets are added.
    #[default]
    Enforce,
    /// Everything is done but the change: decided, logged, counted, audited.
    Observe,
}

/// Which namespaces are considered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Every namespace that is not labelled `pullpass.io/inject: disabled`.
    #[default]
    Cluster,
    /// Only namespaces labelled `pullpass.io/inject: enabled`.
    OptIn,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        })
    }
}

/// One entry: images, the namespaces that it is granted to, and the pull secrets they get.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Registry {
    /// A name, unique among the entries: a DNS label of up to 63 characters.
    #[schemars(
        with = "String",
        length(min = 1, max = 63),
        pattern("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: Spanned<String>,
    /// Image patterns: `*`, or `DOMAIN/PATH[:TAG]` in which `*` is the only wildcard.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub images: Spanned<Vec<Spanned<String>>>,
    /// Patterns of images that are left out, though `images` matches them.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub except_images: Option<Spanned<Vec<Spanned<String>>>>,
    /// The namespaces that the entry is granted to. Default: all in scope. With `source` it must
    /// be written; `names: ["*"]` says all.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Namespaces")]
    pub namespaces: Option<Spanned<Namespaces>>,
    /// Names of the Secrets to add. Default: the entry's name.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub pull_secrets: Option<Spanned<Vec<Spanned<String>>>>,
    /// Where the content of the pull secret comes from, if Pullpass is to bring it to the
    /// namespaces granted.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SourceDocument")]
    pub source: Option<Spanned<SourceDocument>>,
    /// What becomes of the copies when the grant goes. Default: `delete`. Only with `source`.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OnRemoval")]
    pub on_removal: Option<Spanned<OnRemoval>>,
}

/// A grant. `names` and `selector` must both hold where both are written; `except` wins over both.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Namespaces {
    /// Globs on the namespace's name; `*` is the only wildcard.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub names: Option<Spanned<Vec<Spanned<String>>>>,
    /// A LabelSelector on the namespace's labels. Whoever may set these labels decides who gets the secret.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LabelSelector")]
    pub selector: Option<Spanned<LabelSelector>>,
    /// Globs of namespaces that are never granted.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub except: Option<Spanned<Vec<Spanned<String>>>>,
}

/// A Kubernetes LabelSelector: all of it must hold.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels with the values they must have.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub match_labels: Option<BTreeMap<String, Spanned<String>>>,
    /// Requirements on single labels.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<MatchExpression>")]
    pub match_expressions: Option<Vec<MatchExpression>>,
}

/// A requirement on one label.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MatchExpression {
    /// The label's key.
    #[schemars(with = "String")]
    pub key: Spanned<String>,
    /// How the label's value relates to `values`.
    #[schemars(with = "Operator")]
    pub operator: Spanned<Operator>,
    /// The values, for `In` and `NotIn` only.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>")]
    pub values: Option<Spanned<Vec<Spanned<String>>>>,
}

/// The operators of a LabelSelector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Operator {
    /// The label is there, with one of the values.
    In,
    /// The label is absent, or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

/// What becomes of the copies when a grant goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnRemoval {
    /// They are deleted.
    #[default]
    Delete,
    /// They stay.
    Retain,
}

/// What an error says of a field that is there without a value.
pub const NOTHING_WRITTEN: &str = "nothing is written here";

/// A field that may be left out, but not left empty: `namespaces:` with every line below it
/// commented out would otherwise grant the secret to all.
pub(in crate::config) fn written<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let value = Option::deserialize(deserializer)?;
    value.map(Some).ok_or_else(|| D::Error::custom(NOTHING_WRITTEN))
}

/// The words that a field takes, if it takes only some.
pub fn choices(field: &str) -> Option<&'static [&'static str]> {
    match field {
        "mode" => Some(&["enforce", "observe"]),
        "scope" => Some(&["cluster", "optIn"]),
        _ if field.ends_with("].onRemoval") => Some(&["delete", "retain"]),
        _ if field.ends_with("].operator") => Some(&["In", "NotIn", "Exists", "DoesNotExist"]),
        _ => None,
    }
}

/// The JSON Schema of the configuration.
pub fn json_schema() -> Schema {
    schemars::schema_for!(Document)
}
