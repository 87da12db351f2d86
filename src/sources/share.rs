//! Whether a Secret is shared by label, and with which namespaces.

use crate::config::SharedNamespaces;

/// The label that shares a Secret, with the value `true`.
pub const SHARE_LABEL: &str = "pullpass.io/share";
/// The annotation that narrows the namespaces of a shared Secret: YAML, as an entry's `namespaces`.
pub const NAMESPACES_ANNOTATION: &str = "pullpass.io/namespaces";

/// How a Secret is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The annotation, as it is written.
    annotation: Option<Box<str>>,
}

impl Share {
    /// What the label and the annotation of a Secret say; none if it is not shared.
    pub fn of(label: Option<&str>, annotation: Option<&str>) -> Option<Self> {
        let annotation = annotation.map(Into::into);
        (label == Some("true")).then_some(Self { annotation })
    }

    /// The namespaces that it is for; none if all in scope are.
    ///
    /// # Errors
    /// What is wrong with the annotation.
    pub fn namespaces(&self) -> Result<Option<SharedNamespaces>, String> {
        self.annotation.as_deref().map(SharedNamespaces::parse).transpose()
    }
}
