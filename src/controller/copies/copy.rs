//! A copy of a source Secret: the object that is written, and how one is recognised. No I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::ResourceExt;
use kube::core::ObjectMeta;
use serde_json::Value;

use crate::config::OnRemoval;
use crate::sources::Content;

/// The field manager of every write.
pub const FIELD_MANAGER: &str = "pullpass-controller";
/// What the watch of copies selects.
pub const SELECTOR: &str = "pullpass.io/copy=true";
/// The type of every copy.
pub const TYPE: &str = "kubernetes.io/dockerconfigjson";
/// The key of its content.
pub const KEY: &str = ".dockerconfigjson";

const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "pullpass-controller");
const COPY: (&str, &str) = ("pullpass.io/copy", "true");
const SOURCE: &str = "pullpass.io/source";
const SOURCE_UID: &str = "pullpass.io/source-uid";
const ENTRY: &str = "pullpass.io/entry";
const ON_REMOVAL: &str = "pullpass.io/on-removal";
const CONTENT: &str = "pullpass.io/content";
/// By which the fence knows a copy that is meant for a namespace that has been made anew since.
const NAMESPACE_UID: &str = "pullpass.io/namespace-uid";
const RETAIN: &str = "retain";
const DELETE: &str = "delete";

/// The copy that a namespace is to have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The entry that grants it.
    pub entry: Arc<str>,
    /// The Secret of our namespace whose content it is.
    pub source: Arc<str>,
    /// What becomes of it when the grant goes.
    pub on_removal: OnRemoval,
}

/// A Secret under the label of copies, by its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The version that is described here.
    pub version: Box<str>,
    /// The mark of its content; none on a Secret that is not ours.
    pub mark: Option<Arc<str>>,
    /// What it is a copy of, and for whom, as its annotations say.
    pub wanted: Option<Arc<Wanted>>,
    /// Whether somebody else has written what is ours.
    pub is_changed: bool,
    /// Whether it is being deleted.
    pub is_terminating: bool,
}

impl Copy {
    /// Reads the metadata of a Secret.
    pub fn of(metadata: &ObjectMeta) -> Self {
        let annotation = |name: &str| metadata.annotations.as_ref()?.get(name).map(String::as_str);
        let wanted = is_ours(metadata).then(|| {
            Arc::new(Wanted {
                entry: annotation(ENTRY).unwrap_or_default().into(),
                source: annotation(SOURCE).unwrap_or_default().into(),
                // Deleting is what cannot be undone.
                on_removal: match annotation(ON_REMOVAL) {
                    Some(DELETE) => OnRemoval::Delete,
                    _ => OnRemoval::Retain,
                },
            })
        });
        Self {
            version: metadata.resource_version.as_deref().unwrap_or_default().into(),
            mark: wanted.as_ref().and_then(|_| annotation(CONTENT)).map(Into::into),
            wanted,
            is_changed: others(metadata).any(owns_what_is_ours),
            is_terminating: metadata.deletion_timestamp.is_some(),
        }
    }

    /// Whether we wrote it.
    pub fn is_ours(&self) -> bool {
        self.wanted.is_some()
    }
}

#[cfg(test)]
impl Copy {
    /// One with this mark; not ours if nothing is wanted.
    pub fn marked(mark: &str, wanted: Option<Wanted>) -> Self {
        let mark = wanted.as_ref().map(|_| mark.into());
        let wanted = wanted.map(Arc::new);
        Self { version: "1".into(), mark, wanted, is_changed: false, is_terminating: false }
    }
}

/// Both labels, the mark of the source, and our field manager: nothing else is ever changed or deleted.
fn is_ours(metadata: &ObjectMeta) -> bool {
    let has_label = |(name, value): (&str, &str)| {
        metadata.labels.as_ref().and_then(|labels| labels.get(name)).is_some_and(|is| is == value)
    };
    let has_source =
        metadata.annotations.as_ref().is_some_and(|marks| marks.contains_key(SOURCE_UID));
    let mut managers = metadata.managed_fields.iter().flatten();
    has_label(MANAGED_BY)
        && has_label(COPY)
        && has_source
        && managers.any(|manager| manager.manager.as_deref() == Some(FIELD_MANAGER))
}

fn others(metadata: &ObjectMeta) -> impl Iterator<Item = &ManagedFieldsEntry> {
    let managers = metadata.managed_fields.iter().flatten();
    managers.filter(|manager| manager.manager.as_deref() != Some(FIELD_MANAGER))
}

/// Of a Secret of ours somebody else may own labels and annotations that are not ours, and nothing else.
fn owns_what_is_ours(manager: &ManagedFieldsEntry) -> bool {
    let Some(Value::Object(fields)) = manager.fields_v1.as_ref().map(|fields| &fields.0) else {
        return false;
    };
    let is_ours = |name: &String| name.starts_with("f:pullpass.io/") || *name == managed_by_field();
    fields.iter().any(|(field, within)| match (field.as_str(), within) {
        ("f:metadata", Value::Object(metadata)) => {
            metadata.values().filter_map(Value::as_object).any(|names| names.keys().any(is_ours))
        }
        _ => true,
    })
}

fn managed_by_field() -> String {
    format!("f:{}", MANAGED_BY.0)
}

/// A new copy.
pub fn new(name: &str, wanted: &Wanted, content: &Content, namespace_uid: &str) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.name = Some(name.to_owned());
    filled(secret, wanted, content, namespace_uid)
}

/// The Secret as it is to be; whatever is not ours in its metadata stays.
pub fn filled(
    mut secret: Secret,
    wanted: &Wanted,
    content: &Content,
    namespace_uid: &str,
) -> Secret {
    secret.type_ = Some(TYPE.to_owned());
    secret.immutable = None;
    secret.string_data = None;
    let bytes = ByteString(content.bytes().to_vec());
    secret.data = Some(BTreeMap::from([(KEY.to_owned(), bytes)]));
    for (name, value) in [MANAGED_BY, COPY] {
        secret.labels_mut().insert(name.to_owned(), value.to_owned());
    }
    let on_removal = match wanted.on_removal {
        OnRemoval::Delete => DELETE,
        OnRemoval::Retain => RETAIN,
    };
    for (name, value) in [
        (SOURCE, &*wanted.source),
        (SOURCE_UID, content.source_uid()),
        (ENTRY, &wanted.entry),
        (ON_REMOVAL, on_removal),
        (CONTENT, content.mark()),
        (NAMESPACE_UID, namespace_uid),
    ] {
        secret.annotations_mut().insert(name.to_owned(), value.to_owned());
    }
    secret
}

/// Whether the Secret can become the copy without being made anew: its type and what is immutable never
/// change.
pub fn is_changeable(secret: &Secret) -> bool {
    secret.immutable != Some(true) && secret.type_.as_deref() == Some(TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The metadata of a copy as the API server gives it.
    fn copy() -> Value {
        json!({
            "name": "pull", "namespace": "team", "uid": "u", "resourceVersion": "7",
            "labels": {"app.kubernetes.io/managed-by": "pullpass-controller", "pullpass.io/copy": "true"},
            "annotations": {
                "pullpass.io/source": "source", "pullpass.io/source-uid": "s",
                "pullpass.io/entry": "entry", "pullpass.io/on-removal": "delete",
                "pullpass.io/content": "mark",
            },
            "managedFields": [{
                "manager": "pullpass-controller", "operation": "Update", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:data": {}, "f:type": {}, "f:metadata": {"f:labels": {}}},
            }],
        })
    }

    fn read(metadata: &Value) -> Copy {
        Copy::of(&serde_json::from_value::<ObjectMeta>(metadata.clone()).unwrap())
    }

    #[test]
    fn a_copy_is_read_as_it_was_written() {
        let found = read(&copy());
        let wanted = Wanted {
            entry: "entry".into(),
            source: "source".into(),
            on_removal: OnRemoval::Delete,
        };
        assert_eq!((found.wanted.as_deref(), found.mark.as_deref()), (Some(&wanted), Some("mark")));
        assert!(!found.is_changed && !found.is_terminating);
        let mut unclear = copy();
        unclear["annotations"]["pullpass.io/on-removal"] = json!("x");
        assert_eq!(read(&unclear).wanted.unwrap().on_removal, OnRemoval::Retain);
    }

    #[test]
    fn fault_44_what_lacks_any_of_our_marks_is_not_ours() {
        assert!(read(&copy()).is_ours());
        for pointer in [
            "/labels/app.kubernetes.io~1managed-by",
            "/labels/pullpass.io~1copy",
            "/managedFields/0/manager",
        ] {
            let mut other = copy();
            *other.pointer_mut(pointer).unwrap() = json!("other");
            assert!(!read(&other).is_ours(), "{pointer}");
        }
        let mut other = copy();
        other["annotations"].as_object_mut().unwrap().remove("pullpass.io/source-uid");
        assert!(!read(&other).is_ours());
        assert!(!read(&json!({"name": "a"})).is_ours());
    }

    #[test]
    fn fault_41_of_a_copy_others_may_own_what_is_not_ours() {
        let with = |fields: Value| {
            let mut changed = copy();
            let manager =
                json!({"manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields});
            changed["managedFields"].as_array_mut().unwrap().push(manager);
            read(&changed).is_changed
        };
        assert!(!with(json!({"f:metadata": {"f:labels": {"f:team": {}}}})));
        assert!(!with(json!({"f:metadata": {"f:annotations": {".": {}, "f:note": {}}}})));
        assert!(with(json!({"f:data": {"f:.dockerconfigjson": {}}})));
        assert!(with(json!({"f:immutable": {}})));
        assert!(with(json!({"f:metadata": {"f:annotations": {"f:pullpass.io/source": {}}}})));
        let label = json!({"f:app.kubernetes.io/managed-by": {}});
        assert!(with(json!({"f:metadata": {"f:labels": label}})));
    }
}
