use super::run::{CONFIG, config, pullpass};
use insta::assert_snapshot;
use rstest::rstest;
use serde_json::{Value, json};

const BROKEN: &str = "\
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: Prod
    images: [gcr.io, \"https://gcr.io/p/*\"]
  - name: b
    images: [\"gcr.io/\u{e4}\\x1b[31m/*\", gcr.io/ok/*]
    pullSecrets: []
";

const CONFIG_MAP: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: pullpass-system}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: pullpass, namespace: pullpass-system}
data:
  config.yaml: |

    apiVersion: pullpass.io/v1
    kind: Config
    registries:
      - name: a
        images: [gcr.io]
";

fn check(text: &str, args: &[&str]) -> super::run::Outcome {
    pullpass(&[&["check", "--config", "-"], args].concat()).stdin(text).run()
}

#[test]
fn a_valid_configuration_ends_with_0() {
    let said = pullpass(&["check", "--config", CONFIG]).run().done();
    assert_eq!(said, "examples/config.yaml: valid: 5 entries, 0 warnings\n");
}

#[test]
fn warnings_do_not_refuse() {
    let text = config("", "    exceptImages: [gcr.io/a/x:1]\n").replace("gcr.io/a/*", "gcr.io/a*");
    assert_snapshot!(check(&text, &[]).done());
}

#[test]
fn fault_29_every_error_has_its_place_its_line_and_a_hint() {
    let outcome = check(BROKEN, &[]);
    assert_eq!((outcome.code, &*outcome.stderr), (1, ""));
    assert_snapshot!(outcome.stdout);
}

#[test]
fn fault_29_errors_as_json() {
    let outcome = check(BROKEN, &["-o", "json"]);
    assert_eq!(outcome.code, 1);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&report["valid"], &report["file"]), (&json!(false), &json!("<stdin>")));
    assert_eq!(
        report["errors"][1],
        json!({
            "line": 5, "column": 14, "field": "registries[0].images[0]", "entry": "Prod",
            "reason": "pattern `gcr.io`: the pattern has no repository path",
            "hint": "write `gcr.io/*` for all of it",
        })
    );
}

#[test]
fn errors_of_syntax_have_a_place() {
    let outcome = check("apiVersion: pullpass.io/v1\nkind: [\n", &[]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stdout.starts_with("<stdin>:2:"), "{}", outcome.stdout);
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let images = (0..100).map(|i| format!("gcr.io/p{i}/*")).collect::<Vec<_>>().join(", ");
    let text = config("", "").replace("gcr.io/a/*", &format!("{images}, gcr.io, {images}"));
    let said = check(&text, &[]).stdout;
    assert!(said.lines().all(|line| line.chars().count() < 140), "{said}");
    let lines: Vec<_> = said.lines().collect();
    let caret = lines[2].find('^').unwrap();
    assert!(lines[1][caret..].starts_with("gcr.io, "), "{said}");
}

#[test]
fn a_config_map_is_checked_with_the_lines_of_its_file() {
    let outcome = check(CONFIG_MAP, &[]);
    assert_eq!(outcome.code, 1);
    assert_snapshot!(outcome.stdout);
}

#[test]
fn a_config_map_with_quoted_text_is_checked_with_the_lines_of_that_text() {
    let text = format!("kind: ConfigMap\ndata:\n  config.yaml: {}\n", json!(BROKEN));
    let said = check(&text, &[]).stdout;
    assert!(
        said.starts_with("<stdin> (data[\"config.yaml\"]):4:11: error: registries[0].name"),
        "{said}"
    );
}

#[test]
fn a_config_map_without_the_key_is_refused() {
    let error = check("kind: ConfigMap\ndata: {config.yml: ''}\n", &[]).refused();
    assert!(error.contains("no key `config.yaml` under `data`"), "{error}");
}

#[test]
fn other_subcommands_refuse_a_broken_configuration_with_every_error() {
    let outcome = pullpass(&["match", "--config", "-", "nginx"]).stdin(BROKEN).run();
    let error = outcome.refused();
    assert!(error.contains("<stdin>:5:14: error:") && error.contains("<stdin>:8:"), "{error}");
    assert!(
        error.ends_with("the configuration `<stdin>` is refused; nothing was done\n"),
        "{error}"
    );
}

#[rstest]
#[case("    source: {basic: {registry: a.io, username: u, passwordFrom: TOPSECRET}}\n")]
#[case("    source: {basic: {registry: a.io, username: u, password: TOPSECRET}}\n")]
#[case("    source:\n      basic:\n        registry: TOPSECRET/\n        username: u\n")]
#[case("    password: TOPSECRET\n")]
#[case("    password: {TOPSECRET: [\n")]
fn fault_51_a_password_in_the_place_of_a_name_is_not_shown(
    #[case] more: &str,
    #[values("text", "json")] output: &str,
) {
    let config = config("", more);
    let said = pullpass(&["check", "--config", "-", "-o", output]).stdin(config).run();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("hint"), "{said:?}");
    assert!(!format!("{said:?}").contains("TOPSECRET"), "{said:?}");
}
