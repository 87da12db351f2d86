//! The namespace that a manifest's Pods are taken to be created in.

use crate::{
    config::{Labels, is_dns_label},
    inject::Workload,
};
use clap::Args;
use std::fmt;

/// The namespace of manifests that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// `-n` and `--namespace-labels`.
#[derive(Debug, Args)]
pub struct NamespaceArgs {
    /// The namespace of manifests that name none; otherwise `default`.
    #[arg(short, long, value_name = "NAMESPACE", env = "PULLPASS_NAMESPACE", value_parser = parse_namespace)]
    namespace: Option<String>,
    /// The labels of the namespace, for entries with a `selector`, `scope: optIn` and the opt-out;
    /// empty says that it has none.
    #[arg(long, value_name = "KEY=VALUE,...", env = "PULLPASS_NAMESPACE_LABELS", value_parser = parse_labels)]
    namespace_labels: Option<LabelList>,
}

/// Labels as `k=v,k=v`.
#[derive(Debug, Clone)]
struct LabelList(Labels);

/// Where the name of a namespace comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceSource {
    /// `metadata.namespace`.
    Manifest,
    /// `-n`.
    Argument,
    /// Neither.
    Default,
}

impl NamespaceArgs {
    /// The namespace of a manifest that names none.
    pub fn fallback(&self) -> &str {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }

    /// The labels given; `None` if they are not known.
    pub fn labels(&self) -> Option<&Labels> {
        self.namespace_labels.as_ref().map(|list| &list.0)
    }

    /// Where the namespace of a workload comes from.
    pub fn source_of(&self, workload: &Workload) -> NamespaceSource {
        match (&workload.namespace, &self.namespace) {
            (Some(_), _) => NamespaceSource::Manifest,
            (None, Some(_)) => NamespaceSource::Argument,
            (None, None) => NamespaceSource::Default,
        }
    }
}

impl fmt::Display for NamespaceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manifest => "from the manifest",
            Self::Argument => "from -n",
            Self::Default => "the manifest names none; -n gives another",
        })
    }
}

fn parse_namespace(text: &str) -> Result<String, String> {
    match is_dns_label(text) {
        true => Ok(text.to_owned()),
        false => Err("no namespace can have this name: use up to 63 of a-z, 0-9 and `-`".into()),
    }
}

fn parse_labels(text: &str) -> Result<LabelList, String> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    let label = |pair: &str| {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("`{pair}` is no label; write key=value"))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    pairs.map(label).collect::<Result<_, String>>().map(LabelList)
}
