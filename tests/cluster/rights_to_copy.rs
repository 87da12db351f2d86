//! What copies of pull secrets add to the rights of the controller, to the last verb.

use serde_json::Value;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    controller_rights::{
        ANY_NAME, ELSEWHERE, EVERYWHERE, allowed, certificates_of_others, in_order,
        lease_and_events, own_certificates, said,
    },
    eventually::eventually,
    managed::SOON,
    manifests::GIVEN_CERTIFICATE,
};

#[tokio::test]
async fn fault_52_for_copies_it_may_read_and_write_secrets_everywhere_and_nothing_else() {
    let cluster = Cluster::exclusive().await;
    for (overlay, certificates) in [
        ("cluster-wide", own_certificates()),
        ("opt-in", own_certificates()),
        (GIVEN_CERTIFICATE, certificates_of_others()),
        ("cert-manager", certificates_of_others()),
    ] {
        // The right to the caBundle is not taken away by an apply.
        let delete = ["delete", "--ignore-not-found", "clusterrole", "pullpass-controller"];
        cluster.kubectl(&delete, None).await.expect_success();
        cluster.install(overlay).await;
        let expected = in_order([lease_and_events(), certificates, copies()]);
        is(overlay, async || allowed(&cluster).await, &expected).await;
    }
}

/// As docs/security.md has it.
#[tokio::test]
async fn fault_52_by_role_bindings_it_writes_only_where_there_is_one() {
    let cluster = Cluster::exclusive().await;
    let section = include_str!("../../docs/security.md").split_once("\n### Fewer namespaces\n");
    let (_, section) = section.expect("docs/security.md tells how");
    let mut blocks = section.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let overlay = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
                   resources: [../pullpass/deploy/overlays/cluster-wide]\n";
    let patches = blocks.next().expect("the patches of the overlay");
    cluster.install_own(&format!("{overlay}{patches}")).await;
    let binding = blocks.next().expect("a RoleBinding").replace("team-a", ELSEWHERE);
    let binding: Value = serde_saphyr::from_str(&binding).expect("it is YAML");

    let writes = async || {
        let mut allowed = allowed(&cluster).await;
        let verbs = ["get", "create", "update", "delete"].map(|verb| format!("{verb} secrets"));
        let is_at_home = |right: &str| right.ends_with(SYSTEM_NAMESPACE);
        allowed.retain(|it| verbs.iter().any(|verb| it.starts_with(verb)) && !is_at_home(it));
        allowed
    };
    is("no right to write elsewhere", writes, &[]).await;
    cluster.apply(&binding).await;
    let names = ["", "/other", "/pullpass", "/pullpass-ca", "/pullpass-tls"];
    let mut expected = Vec::new();
    for verb in ["create", "delete", "get", "update"] {
        expected.extend(names.map(|name| format!("{verb} secrets{name} in {ELSEWHERE}")));
    }
    expected.sort();
    is("the right to write in one namespace", writes, &expected).await;
    cluster
        .kubectl(&["delete", "rolebinding", "-n", ELSEWHERE, "--all"], None)
        .await
        .expect_success();
}

/// The API server learns of rights by a watch.
async fn is(what: &str, found: impl AsyncFn() -> Vec<String>, expected: &[String]) {
    eventually(what, SOON, async || {
        let found = found().await;
        (found == expected).then_some(()).ok_or(format!("{found:#?}"))
    })
    .await;
}

/// What copies take.
fn copies() -> Vec<String> {
    let mut rights = Vec::new();
    for verb in ["list", "watch"] {
        rights.push(format!("{verb} configmaps/pullpass in pullpass-system"));
    }
    for verb in ["list", "watch", "patch"] {
        rights.push(format!("{verb} configmaps/pullpass-shared in pullpass-system"));
    }
    let objects = |verbs: &[&'static str], (group, resource, names): (&str, &str, &[&str])| {
        let mut rights = Vec::new();
        for verb in verbs {
            for name in [ANY_NAME].iter().chain(names) {
                rights.extend(
                    [SYSTEM_NAMESPACE, ELSEWHERE, EVERYWHERE]
                        .map(|namespace| said(verb, (group, resource, name), namespace)),
                );
            }
        }
        rights
    };
    let secrets = ["get", "list", "watch", "create", "update", "delete"];
    let names = &["pullpass-ca", "pullpass-tls", "pullpass", "other"];
    rights.extend(objects(&secrets, ("", "secrets", names)));
    rights.extend(objects(&["create", "patch"], ("events.k8s.io", "events", &["other"])));
    for verb in ["get", "list", "watch"] {
        for name in [ANY_NAME, "pullpass-system", "default"] {
            rights.push(said(verb, ("", "namespaces", name), EVERYWHERE));
        }
    }
    rights
}
