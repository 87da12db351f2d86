//! AdmissionReviews of the tests, in the API server's form.

use serde_json::{Value, json};

/// A request to create this Pod; [`with`] makes any other of it.
pub fn creation_of(object: impl Into<Value>) -> Value {
    let object: Value = object.into();
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "a",
            "namespace": "team",
            "operation": "CREATE",
            "userInfo": {"username": "admin", "groups": ["system:authenticated"]},
            "object": object,
            "oldObject": null,
            "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        },
    })
}

/// A Pod with one container of this image.
pub fn pod(image: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "team"},
        "spec": {"containers": [{"name": "main", "image": image}]},
    })
}

/// A request to write this ConfigMap.
pub fn config_map_written(namespace: &str, name: &str, content: Value) -> Value {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
    });
    merge(&mut object, content);
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "resource": {"group": "", "version": "v1", "resource": "configmaps"},
            "name": name,
            "namespace": namespace,
            "operation": "UPDATE",
            "object": object,
            "oldObject": null,
        },
    })
}

/// The value with another at a JSON pointer; the parent must be there.
pub fn with(mut value: Value, pointer: &str, new: impl Into<Value>) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    let parent = value.pointer_mut(parent).expect("the parent is there");
    match parent {
        Value::Object(fields) => drop(fields.insert(key.into(), new.into())),
        other => other[key.parse::<usize>().expect("an index")] = new.into(),
    }
    value
}

/// The value without what is at a JSON pointer.
pub fn without(mut value: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    let parent = value.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.expect("the parent is an object").remove(key).expect("the field is there");
    value
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
