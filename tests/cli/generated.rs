use super::run::{CONFIG, pullpass};
use rstest::rstest;
use std::fs;

#[rstest]
#[case("docs/config.schema.json", &["schema"])]
#[case("docs/configuration.md", &["schema", "--markdown"])]
fn fault_29_the_committed_reference_is_that_of_the_types(
    #[case] path: &str,
    #[case] args: &[&str],
) {
    let committed = fs::read_to_string(path).unwrap();
    let generated = pullpass(args).run().done();
    assert!(
        committed == generated,
        "{path} is out of date; run: cargo run -- {} > {path}",
        args.join(" ")
    );
}

#[test]
fn the_reference_names_every_field_of_the_example() {
    let reference = fs::read_to_string("docs/configuration.md").unwrap();
    let example = fs::read_to_string(CONFIG).unwrap();
    let fields = example
        .lines()
        .filter_map(|line| line.trim_start().trim_start_matches("- ").split_once(':'));
    for (field, _) in fields.filter(|(field, _)| field.chars().all(char::is_alphabetic)) {
        assert!(reference.contains(&format!("| `{field}` |")), "{field}");
    }
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[case("elvish")]
#[case("powershell")]
fn completions_know_every_subcommand(#[case] shell: &str) {
    let script = pullpass(&["completions", shell]).run().done();
    for subcommand in [
        "webhook",
        "controller",
        "check",
        "match",
        "explain",
        "inject",
        "status",
        "import",
        "certs",
        "schema",
    ] {
        assert!(script.contains(subcommand), "{shell}: {subcommand}");
    }
}

#[test]
fn there_is_a_manual_page_for_each_subcommand() {
    let dir = tempfile::tempdir().unwrap();
    pullpass(&["man", "--out"]).arg(dir.path()).run().done();
    for page in [
        "pullpass.1",
        "pullpass-webhook.1",
        "pullpass-controller.1",
        "pullpass-check.1",
        "pullpass-match.1",
        "pullpass-explain.1",
        "pullpass-inject.1",
        "pullpass-status.1",
        "pullpass-import.1",
        "pullpass-import-cluster.1",
    ] {
        assert!(fs::read_to_string(dir.path().join(page)).unwrap().contains(".TH"), "{page}");
    }
}
