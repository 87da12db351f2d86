use super::run::{CONFIG, config, file, pullpass};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn explain(config: &str, manifest: &str, args: &[&str]) -> String {
    let config = file(config);
    pullpass(&[&["explain", "-f", "-"], args].concat())
        .arg("--config")
        .arg(config.path())
        .stdin(manifest)
        .run()
        .done()
}

const POD: &str = "kind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{image: gcr.io/a/x}]\n";

#[test]
fn a_pod_with_every_kind_of_answer() {
    assert_snapshot!(
        pullpass(&["explain", "--config", CONFIG, "-f", "examples/pod.yaml"]).run().done()
    );
}

#[test]
fn a_deployment_with_a_service_beside_it() {
    let args = ["explain", "--config", CONFIG, "-f", "examples/deployment.yaml", "-n", "team-a"];
    assert_snapshot!(pullpass(&args).run().done());
}

#[test]
fn a_list_with_a_pod_that_opted_out() {
    assert_snapshot!(
        pullpass(&["explain", "--config", CONFIG, "-f", "examples/list.yaml"]).run().done()
    );
}

#[test]
fn invalid_and_nearly_matching_images_are_pointed_out() {
    let pod = "kind: Pod\nspec:\n  containers: [{image: 'gcr.io/My/x'}, {image: 'docker.io/my-orgg/x:1'}]\n  volumes: [{image: {reference: quay.io/x/y}}]\n";
    assert_snapshot!(pullpass(&["explain", "--config", CONFIG, "-f", "-"]).stdin(pod).run().done());
}

#[test]
fn missing_labels_are_asked_for_and_used() {
    let config = config("", "    namespaces: {selector: {matchLabels: {tier: paid}}}\n");
    let unknown = explain(&config, POD, &[]);
    assert!(unknown.contains("`selector` needs its labels, which are not known"), "{unknown}");
    assert!(unknown.contains("give the namespace's labels with --namespace-labels"), "{unknown}");
    let other = explain(&config, POD, &["--namespace-labels", "tier=free,x=y"]);
    assert!(
        other.contains("its labels do not satisfy `tier=paid`")
            && !other.contains("--namespace-labels"),
        "{other}"
    );
    let none = explain(&config, POD, &["--namespace-labels="]);
    assert!(none.contains("its labels do not satisfy `tier=paid`"), "{none}");
    let paid = explain(&config, POD, &["--namespace-labels", "tier=paid"]);
    assert!(paid.contains("a applies: namespace granted: `selector` matches its labels"), "{paid}");
}

#[test]
fn the_name_label_needs_no_labels() {
    let config =
        config("", "    namespaces: {selector: {matchLabels: {kubernetes.io/metadata.name: n}}}\n");
    assert!(explain(&config, POD, &["-n", "n"]).contains("a applies"));
    assert!(explain(&config, POD, &["-n", "m"]).contains("a does not apply"));
}

#[test]
fn opt_in_and_opt_out_go_by_the_labels() {
    let opt_in = config("scope: optIn\n", "");
    assert!(explain(&opt_in, POD, &[]).contains("the labels of the namespace are not known"));
    assert!(
        explain(&opt_in, POD, &["--namespace-labels="])
            .contains("not labelled `pullpass.io/inject: enabled`")
    );
    assert!(
        explain(&opt_in, POD, &["--namespace-labels=pullpass.io/inject=enabled"])
            .contains("adds 1 pull secret: a")
    );
    let out = explain(&config("", ""), POD, &["--namespace-labels=pullpass.io/inject=disabled"]);
    assert!(
        out.contains("left as it is: the namespace is labelled `pullpass.io/inject: disabled`"),
        "{out}"
    );
}

#[test]
fn observe_mode_is_pointed_out() {
    let said = explain(&config("mode: observe\n", ""), POD, &[]);
    assert!(
        said.ends_with("mode: observe: the webhook would decide this and patch nothing\n"),
        "{said}"
    );
}

#[test]
fn the_namespace_is_the_manifests_then_the_arguments_then_default() {
    let own = "kind: Pod\nmetadata: {namespace: own}\n";
    let said = |manifest: &str, args: &[&str]| explain(&config("", ""), manifest, args);
    assert!(said(own, &["-n", "other"]).contains("namespace  own (from the manifest)"));
    assert!(said(POD, &["-n", "other"]).contains("namespace  other (from -n)"));
    assert!(
        said(POD, &[]).contains("namespace  default (the manifest names none; -n gives another)")
    );
}

#[test]
fn without_a_pod_it_says_so() {
    assert_eq!(
        explain(&config("", ""), "kind: Service\n", &[]),
        "There is no Pod and no Pod template in it.\n"
    );
}

#[test]
fn json_holds_the_same() {
    let said = explain(&config("", ""), POD, &["-o", "json"]);
    let expected = json!({
        "mode": "enforce",
        "pods": [{
            "document": 1, "object": "Pod p", "namespace": "default",
            "namespaceSource": "the manifest names none; -n gives another",
            "images": [{"place": "containers[0]", "image": "gcr.io/a/x", "reference": "gcr.io/a/x:latest"}],
            "entries": [{
                "name": "a", "applies": true, "reason": "namespace granted: the entry is for all in scope",
                "images": [{"place": "containers[0]", "pattern": "gcr.io/a/*"}],
                "pullSecrets": [{"name": "a", "state": "added"}],
            }],
            "added": ["a"], "unmatched": [], "lacksLabels": false,
        }],
    });
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
}
