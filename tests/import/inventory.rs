//! The pull secrets of a whole cluster.

use crate::words::{NOW, auth, entries, left_out, told};
use pullpass::import::{Inventory, Plan, ReadSecret, Seen, Survey, User, pull_secrets_of};
use rstest::rstest;
use serde_json::{Value, json};

const BOTH: &[User] = &[User::ServiceAccount, User::Pod];

fn secret(namespace: &str, name: &str, content: &Value, more: &Value) -> ReadSecret {
    let mut secret = json!({
        "metadata": {"namespace": namespace, "name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": content.to_string()},
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        secret["metadata"][key] = value.clone();
    }
    ReadSecret::read(&secret.to_string()).unwrap()
}

fn pod(namespace: &str, name: &str, secrets: &[&str]) -> Seen {
    let secrets: Vec<_> = secrets.iter().map(|name| json!({"name": name})).collect();
    let pod = json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"imagePullSecrets": secrets}});
    pull_secrets_of(&pod.to_string()).unwrap()
}

fn account(namespace: &str, secrets: &[&str]) -> Seen {
    let secrets: Vec<_> = secrets.iter().map(|name| json!({"name": name})).collect();
    let account = json!({"metadata": {"namespace": namespace, "name": "default"}, "imagePullSecrets": secrets});
    pull_secrets_of(&account.to_string()).unwrap()
}

fn auths(key: &str, password: &str) -> Value {
    json!({"auths": {key: auth("u", password)}})
}

fn survey(inventory: Inventory, saw: &[User], with_unused: bool) -> Plan {
    Survey { saw_secrets: true, saw, with_unused, now: NOW }.of(inventory)
}

fn cluster() -> Inventory {
    let mut inventory = Inventory::default();
    let none = json!({});
    for namespace in ["team-b", "team-a", "kube-system"] {
        inventory.secret(secret(namespace, "regcred", &auths("gcr.io", "one"), &none));
    }
    inventory.secret(secret("team-c", "pull", &auths("gcr.io", "one"), &none));
    inventory.secret(secret("team-c", "gcr-io", &auths("gcr.io", "two"), &none));
    inventory.secret(secret("team-c", "unused", &auths("quay.io", "three"), &none));
    inventory.secret(secret("team-c", "broken", &json!({"auths": {}}), &none));
    inventory.secret(secret("pullpass-system", "gcr-io-3", &auths("gcr.io", "one"), &none));
    let copy = json!({"labels": {"pullpass.io/copy": "true"}});
    inventory.secret(secret("team-c", "copy", &auths("b.io", "four"), &copy));
    let own = json!({"annotations": {"kubernetes.io/service-account.name": "builder"}});
    inventory.secret(secret("team-c", "builder-dockercfg", &auths("c.io", "five"), &own));
    inventory.user(User::ServiceAccount, account("team-a", &["regcred"]));
    inventory.user(User::ServiceAccount, account("team-b", &["regcred", "regcred", "absent"]));
    inventory.user(User::Pod, pod("team-a", "web", &["regcred"]));
    inventory.user(User::Pod, pod("team-c", "web", &["gcr-io", "copy", "gone", ""]));
    inventory.user(User::Pod, pod("team-d", "web", &["absent"]));
    inventory
}

#[test]
fn secrets_of_one_content_are_one_entry_for_the_namespaces_that_have_it() {
    let plan = survey(cluster(), BOTH, false);
    // Of the name gcr-io team-c has a Secret of its own.
    assert_eq!(entries(&plan), ["gcr-io-2: gcr.io/*", "gcr-io-4: gcr.io/*"]);
    assert_eq!(plan.entries[0].namespaces.names, ["team-a", "team-b", "team-c"]);
    assert_eq!(plan.entries[1].namespaces.names, ["team-c"]);
    let taken: Vec<_> = plan.taken_over.iter().map(ToString::to_string).collect();
    told(
        &taken,
        &[
            "entry `gcr-io-2`: team-a/regcred, team-b/regcred, team-c/pull; named by 2 ServiceAccounts and 1 Pod",
            "entry `gcr-io-4`: team-c/gcr-io; named by 0 ServiceAccounts and 1 Pod",
        ],
    );
    told(
        &left_out(&plan),
        &[
            "the Secret team-c/unused: no ServiceAccount and no Pod names it now",
            "the Secret team-c/broken: it holds no credential",
            "the Secret kube-system/regcred: no copy is ever made in kube-system",
            "the Secret team-c/builder-dockercfg: the cluster made it",
            "the Secrets team-b/absent, team-d/absent: named by ServiceAccount team-b/default and others, but there is no pull secret of this name",
            "the Secret team-c/gone: named by Pod team-c/web,",
        ],
    );
}

#[rstest]
#[case::asked_for(BOTH, true)]
#[case::pods_not_seen(&[User::ServiceAccount], false)]
#[case::accounts_not_seen(&[User::Pod], false)]
fn an_unused_one_is_taken_over_if_it_is_asked_for_or_not_known(
    #[case] saw: &[User],
    #[case] with_unused: bool,
) {
    let plan = survey(cluster(), saw, with_unused);
    assert!(entries(&plan).contains(&"quay-io: quay.io/*".to_owned()), "{:?}", entries(&plan));
    let taken = &plan.taken_over[0];
    assert_eq!(taken.pods.is_some(), saw.contains(&User::Pod));
    assert_eq!(taken.service_accounts.is_some(), saw.contains(&User::ServiceAccount));
}

#[test]
fn without_the_secrets_nothing_is_absent() {
    let plan = Survey { saw_secrets: false, saw: BOTH, with_unused: false, now: NOW }.of(cluster());
    assert!(!left_out(&plan).iter().any(|it| it.contains("absent")), "{:?}", left_out(&plan));
}

/// By the time at which the content was written, or else by that of the creation.
#[rstest]
#[case::old(json!({"creationTimestamp": "2023-11-14T10:13:20Z"}), true)]
#[case::young(json!({"creationTimestamp": "2023-11-14T10:13:21Z"}), false)]
#[case::written_since(json!({"creationTimestamp": "2020-01-01T00:00:00Z", "managedFields": [
    {"time": "2023-11-14T22:00:00Z", "fieldsV1": {"f:data": {".": {}}}}]}), false)]
#[case::labelled_since(json!({"creationTimestamp": "2020-01-01T00:00:00Z", "managedFields": [
    {"time": "2023-11-14T22:00:00Z", "fieldsV1": {"f:metadata": {}}}]}), true)]
#[case::not_known(json!({}), false)]
fn a_token_of_ecr_has_ended_after_12_hours(#[case] metadata: Value, #[case] has_ended: bool) {
    let key = "1.dkr.ecr.eu-west-1.amazonaws.com";
    let content = json!({"auths": {key: auth("AWS", "p")}});
    let mut inventory = Inventory::default();
    inventory.secret(secret("team-a", "ecr", &content, &metadata));
    inventory.user(User::Pod, pod("team-a", "web", &["ecr"]));
    let plan = survey(inventory, BOTH, false);
    assert_eq!(plan.is_empty(), has_ended, "{plan:?}");
    let told = left_out(&plan).into_iter().chain(plan.notes).collect::<Vec<_>>().join("\n");
    assert!(told.contains("a token of ECR, which lives 12 hours"), "{told}");
}

#[test]
fn no_more_is_kept_than_is_said() {
    let mut inventory = Inventory::holding(200);
    for number in 0..10 {
        let content = auths("gcr.io", &format!("password-{number}"));
        for namespace in ["a", "b"] {
            let name = format!("pull-{number}");
            inventory.secret(secret(namespace, &name, &content, &json!({})));
        }
    }
    let plan = survey(inventory, &[], false);
    assert_eq!((plan.entries.len(), plan.left_out.len()), (4, 1), "{plan:?}");
    assert!(plan.left_out[0].reason.contains("import the rest by --namespace"), "{plan:?}");
}
