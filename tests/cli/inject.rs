use super::run::{CONFIG, Outcome, config, file, pullpass};
use insta::assert_snapshot;
use pullpass::cli::manifests::Manifests;
use rstest::rstest;
use serde_json::{Value, json};

fn inject(config: &str, manifests: &str, args: &[&str]) -> Outcome {
    let config = file(config);
    pullpass(&[&["inject", "-f", "-"], args].concat())
        .arg("--config")
        .arg(config.path())
        .stdin(manifests)
        .run()
}

fn injected(manifests: &str) -> String {
    inject(&config("", ""), manifests, &[]).done()
}

fn read(text: &str) -> Value {
    Manifests::read(text).unwrap().documents()[0].value.clone()
}

#[test]
fn a_deployment_changes_and_the_service_beside_it_stays_byte_for_byte() {
    let said =
        pullpass(&["inject", "--config", CONFIG, "-f", "examples/deployment.yaml"]).run().done();
    assert_snapshot!(said);
    let source = include_str!("../../examples/deployment.yaml");
    assert_eq!(said.split("\n---\n").nth(1), source.split("\n---\n").nth(1));
}

#[test]
fn a_list_changes_where_it_must() {
    assert_snapshot!(
        pullpass(&["inject", "--config", CONFIG, "-f", "examples/list.yaml"]).run().done()
    );
}

#[rstest]
#[case("Pod", "")]
#[case("PodTemplate", "/template")]
#[case("Deployment", "/spec/template")]
#[case("StatefulSet", "/spec/template")]
#[case("DaemonSet", "/spec/template")]
#[case("ReplicaSet", "/spec/template")]
#[case("ReplicationController", "/spec/template")]
#[case("Job", "/spec/template")]
#[case("CronJob", "/spec/jobTemplate/spec/template")]
fn every_kind_of_workload_gets_its_pull_secret_and_nothing_else(
    #[case] kind: &str,
    #[case] pointer: &str,
) {
    let spec =
        json!({"containers": [{"name": "c", "image": "gcr.io/a/x"}], "restartPolicy": "Never"});
    let mut manifest = json!({ "spec": spec });
    for field in pointer.split('/').skip(1).collect::<Vec<_>>().into_iter().rev() {
        manifest = json!({ field: manifest });
    }
    manifest["kind"] = json!(kind);
    let mut out = read(&injected(&manifest.to_string()));
    let secrets = out
        .pointer_mut(&format!("{pointer}/spec"))
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove("imagePullSecrets");
    assert_eq!(secrets, Some(json!([{"name": "a"}])));
    assert_eq!(out, manifest);
}

#[rstest]
#[case("kind: Service\nspec: {a: 1} # stays\n")]
#[case("kind: Pod\nspec: {containers: [{image: quay.io/x}]}   # nothing matches\n")]
#[case("kind: Pod\r\nspec: {containers: [{image: gcr.io/a/x}], imagePullSecrets: [{name: a}]}\r\n")]
#[case("# only comments\n---\n\n---\n")]
#[case("")]
#[case(
    "kind: CustomThing\nspec: {containers: [{image: gcr.io/a/x}]}\nx: !tag 18446744073709551616\n"
)]
#[case("{\"kind\": \"Service\"}\n{\"kind\":  \"Endpoints\"}")]
#[case("kind: Pod\nspec: {containers: [{image: 'not a reference'}]}\n")]
fn what_needs_no_change_is_printed_byte_for_byte(#[case] manifests: &str) {
    assert_eq!(injected(manifests), manifests);
}

#[test]
fn inject_twice_is_inject_once() {
    for example in ["examples/pod.yaml", "examples/deployment.yaml", "examples/list.yaml"] {
        let inject =
            |file: &str| pullpass(&["inject", "--config", CONFIG, "-n", "prod", "-f", file]);
        let once = inject(example).run().done();
        assert_eq!(inject("-").stdin(once.clone()).run().done(), once);
    }
}

#[test]
fn json_as_kubectl_prints_it_comes_out_as_yaml() {
    let list = json!({
        "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""},
        "items": [{"kind": "Pod", "metadata": {"annotations": {"a": "yes", "b": "{\"x\":1}\n"}, "creationTimestamp": null},
                   "spec": {"containers": [{"image": "gcr.io/a/x", "args": ["1:20", "0644", ""], "resources": {}}]}}],
    });
    let out = injected(&serde_json::to_string_pretty(&list).unwrap());
    let mut expected = list;
    expected["items"][0]["spec"]["imagePullSecrets"] = json!([{"name": "a"}]);
    assert_eq!(read(&out), expected);
    assert_snapshot!(out);
}

#[test]
fn an_octal_mode_and_texts_that_look_like_something_else_keep_their_values() {
    let pod = "kind: Pod\nmetadata:\n  annotations: {a: 'yes', b: '1:20', c: '0o17', d: 'null', e: '0644', f: ~}\nspec:\n  containers:\n  - image: gcr.io/a/x\n    tty: yes\n    args: [\"on\", '1e3', \"multi\\nline\\n\"]\n  volumes: [{configMap: {defaultMode: 0644}}]\n";
    assert_snapshot!(injected(pod));
}

#[test]
fn existing_pull_secrets_stay_first() {
    let out = injected(
        "kind: Pod\nspec:\n  imagePullSecrets: [{name: z}]\n  containers: [{image: gcr.io/a/x}]\n",
    );
    assert_eq!(read(&out)["spec"]["imagePullSecrets"], json!([{"name": "z"}, {"name": "a"}]));
}

#[test]
fn the_namespace_decides() {
    let config = config("", "    namespaces: {names: [team-*]}\n");
    let pod = "kind: Pod\nspec: {containers: [{image: gcr.io/a/x}]}\n";
    assert_eq!(inject(&config, pod, &[]).done(), pod);
    assert!(inject(&config, pod, &["-n", "team-a"]).done().contains("imagePullSecrets"));
}

#[test]
fn labels_that_are_needed_are_asked_for_on_standard_error() {
    let config = config("", "    namespaces: {selector: {matchLabels: {tier: paid}}}\n");
    let pod = "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{image: gcr.io/a/x}]}\n";
    let outcome = inject(&config, pod, &[]);
    assert_eq!((outcome.code, &*outcome.stdout), (0, pod));
    assert_eq!(
        outcome.stderr,
        "note: Pod p: an entry needs the labels of namespace `default`; give them with --namespace-labels\n"
    );
    assert!(
        inject(&config, pod, &["--namespace-labels", "tier=paid"])
            .done()
            .contains("imagePullSecrets")
    );
}

#[test]
fn observe_mode_changes_nothing_and_says_so() {
    let pod = "kind: Pod\nspec: {containers: [{image: gcr.io/a/x}]}\n";
    let outcome = inject(&config("mode: observe\n", ""), pod, &[]);
    assert_eq!((outcome.code, &*outcome.stdout), (0, pod));
    assert_eq!(
        outcome.stderr,
        "note: the configuration has `mode: observe`, so nothing was changed\n"
    );
}

#[rstest]
#[case(
    "kind: Service\n---\nkind: Pod\nmetadata: {name: p}\nspec: {containers: 1}\n",
    "document 2: failed to read the Pod of Pod p: "
)]
#[case("a: 1\n---\nb: [\n", "document 2, line ")]
#[case(
    "kind: Pod\nspec: {containers: [{image: gcr.io/a/x}], n: 18446744073709551616}\n",
    "document 1, line 2, column 46: the number `18446744073709551616` cannot be kept exactly"
)]
#[case("{\"kind\": \"Pod\"", "document 1, line ")]
fn errors_name_the_file_the_document_and_the_object_and_nothing_is_printed(
    #[case] manifests: &str,
    #[case] message: &str,
) {
    let error = inject(&config("", ""), manifests, &[]).refused();
    assert!(
        error.starts_with("error: failed to inject into `<stdin>`: ") && error.contains(message),
        "{error}"
    );
}
