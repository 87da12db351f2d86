//! Secrets that are named or labelled.

use crate::words::{NOW, auth, entries, left_out, teams, told};
use pullpass::import::{
    Delivery, Grant, Hiding, PlannedSource, ReadSecret, from_secrets, secret_manifest,
};
use rstest::rstest;
use serde_json::{Value, json};

fn secret(namespace: &str, name: &str, content: &Value) -> ReadSecret {
    let secret = json!({
        "metadata": {"namespace": namespace, "name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": content.to_string()},
    });
    ReadSecret::read(&secret.to_string()).unwrap()
}

fn auths(key: &str) -> Value {
    json!({"auths": {key: auth("u", "p")}})
}

#[test]
fn each_keeps_its_name_and_what_it_holds() {
    let several = json!({"auths": {"a.io": auth("u", "p"), "b.io/team": auth("u", "p"), "nope": auth("u", "p")}});
    let found = vec![
        secret("reana", "gitlab", &auths("registry.gitlab.com")),
        secret("reana", "with.dots", &several),
        secret("pullpass-system", "there", &auths("quay.io")),
    ];
    let plan = from_secrets(found, &Delivery::Entries(teams()), NOW);
    assert_eq!(
        entries(&plan),
        [
            "gitlab: registry.gitlab.com/*",
            "with-dots: a.io/* b.io/team b.io/team/*",
            "there: quay.io/*"
        ]
    );
    assert_eq!(plan.entries[1].pull_secrets, ["with.dots"]);
    assert_eq!(plan.entries[1].source, PlannedSource::Secret("with.dots".into()));
    let secrets: Vec<_> = plan.secrets.iter().map(|it| (&*it.name, &it.content[..])).collect();
    let several = several.to_string();
    let gitlab = auths("registry.gitlab.com").to_string();
    assert_eq!(secrets, [("gitlab", gitlab.as_bytes()), ("with.dots", several.as_bytes())]);
    told(
        &plan.notes,
        &[
            "the Secret reana/gitlab stays as it is",
            "no pattern follows from the registry `nope`",
            "the Secret reana/with.dots stays",
        ],
    );
}

#[test]
fn what_cannot_be_a_source_is_left_out() {
    let mut copy = json!({"metadata": {"namespace": "a", "name": "copy", "labels": {"pullpass.io/copy": "true"}}});
    copy["type"] = json!("kubernetes.io/dockerconfigjson");
    let opaque = json!({"metadata": {"namespace": "a", "name": "opaque"}, "type": "Opaque", "data": {"a": "hunter2"}});
    let found = vec![
        ReadSecret::read(&copy.to_string()).unwrap(),
        ReadSecret::read(&opaque.to_string()).unwrap(),
        secret("a", "broken", &json!({"auths": {"a.io": {"auth": "hunter2"}}})),
        secret("a", "nothing", &auths("registry")),
        secret("a", "pullpass-tls", &auths("a.io")),
    ];
    let plan = from_secrets(found, &Delivery::Entries(teams()), NOW);
    assert!(plan.is_empty());
    told(
        &left_out(&plan),
        &[
            "the Secret a/copy: it is a copy that Pullpass made",
            "the Secret a/opaque: its type is Opaque",
            "the Secret a/broken: ",
            "the Secret a/nothing: no image follows from its registries",
            "the Secret a/pullpass-tls: its name is one of Pullpass's own",
        ],
    );
    assert!(!format!("{plan:?}").contains("hunter2"), "{plan:?}");
}

#[rstest]
#[case::all(Grant::new(vec!["*".into()], [], vec![]), None)]
#[case::narrowed(teams(), Some(r#"{"names":["team-*"]}"#))]
#[case::by_label(
    Grant::new(vec![], [("tier".into(), "on".into())], vec!["team-x".into()]),
    Some(r#"{"selector":{"matchLabels":{"tier":"on"}},"except":["team-x"]}"#)
)]
fn by_label_there_is_no_entry(#[case] grant: Grant, #[case] annotation: Option<&str>) {
    let found = vec![secret("runai", "gitlab", &auths("registry.gitlab.com"))];
    let plan = from_secrets(found, &Delivery::Label(grant), NOW);
    assert!(plan.entries.is_empty());
    let manifest = secret_manifest(&plan.secrets[0], Hiding::Hidden).unwrap();
    let metadata = &manifest["metadata"];
    assert_eq!(metadata["labels"], json!({"pullpass.io/share": "true"}));
    assert_eq!(metadata["annotations"]["pullpass.io/namespaces"].as_str(), annotation);
}
