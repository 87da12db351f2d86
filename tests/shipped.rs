//! What is shipped beside the program agrees with it: configurations, versions, the readme's table.

#[allow(dead_code, reason = "the demonstration needs more of it")]
#[path = "demo/steps.rs"]
mod steps;

use pullpass::{
    config,
    sources::FindingKind,
    telemetry::{Component, Metrics},
};
use rstest::rstest;
use std::{fs, path::Path};

fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[rstest]
#[case("examples/config.yaml", config::Scope::Cluster)]
#[case("deploy/base/config.yaml", config::Scope::Cluster)]
#[case("deploy/components/opt-in/config.yaml", config::Scope::OptIn)]
fn configurations_are_in_order_without_a_warning(#[case] path: &str, #[case] scope: config::Scope) {
    let parsed = config::parse(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!((parsed.config.scope, parsed.warnings), (scope, vec![]), "{path}");
}

/// Both are whole files, so that either can be read by itself; only the scope sets them apart.
#[test]
fn the_opt_in_configuration_is_that_of_the_base_but_for_the_scope() {
    let lines = |path: &str| -> Vec<String> {
        let text = read(path);
        let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        code.filter(|line| !line.starts_with("scope:")).map(str::to_owned).collect()
    };
    assert_eq!(lines("deploy/base/config.yaml"), lines("deploy/components/opt-in/config.yaml"));
}

#[test]
fn the_table_of_the_readme_is_in_order() {
    let readme = read("README.md");
    let block = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let parsed = config::parse(block.expect("the readme has a table")).unwrap();
    assert_eq!(parsed.config.entries().len(), 5);
    assert_eq!(parsed.warnings, []);
}

/// What the readme shows of the demonstration are its steps and commands, in order.
#[test]
fn the_demonstration_of_the_readme_is_the_demonstration() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("\n$ kubectl get nodes\n").expect("the readme shows it");
    let shown = rest.split("```").next().unwrap_or(rest);
    let is_step =
        |line: &str| line.split_once(". ").is_some_and(|(it, _)| it.parse::<u8>().is_ok());
    let shown = shown.lines().filter(|line| line.starts_with("$ ") || is_step(line));
    let demonstration = steps::STEPS.iter().enumerate().flat_map(|(i, step)| {
        let commands = step.commands.iter().map(|command| format!("$ {}", command.line));
        [format!("{}. {}", i + 1, step.says)].into_iter().chain(commands)
    });
    let mut rest = demonstration.skip_while(|line| line != "$ kubectl get nodes").skip(1);
    for line in shown {
        assert!(rest.any(|it| it == line), "the demonstration has no such step: {line}");
    }
    assert_eq!(rest.count(), 0, "the readme shows the last step");
}

/// A link to a file of the repository, and to a heading in it.
#[rstest]
#[case("README.md")]
#[case("CHANGELOG.md")]
#[case("CONTRIBUTING.md")]
#[case("certs/README.md")]
#[case("docs/operations.md")]
#[case("docs/security.md")]
#[case("docs/alternatives.md")]
#[case("docs/configuration.md")]
#[case("docs/recipes.md")]
#[case("docs/migration.md")]
#[case("docs/registries/artifact-registry.md")]
#[case("docs/registries/README.md")]
#[case("docs/registries/docker-hub.md")]
#[case("docs/registries/ecr.md")]
#[case("docs/registries/gitlab.md")]
#[case("docs/registries/ghcr.md")]
#[case("docs/registries/harbor.md")]
#[case("docs/registries/quay.md")]
fn links_lead_somewhere(#[case] path: &str) {
    let text = read(path);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for target in targets.filter(|target| !target.contains("://")) {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        let file = if file.is_empty() { path.into() } else { folder.join(file) };
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        assert!(here.exists(), "{path}: `{target}`: there is no {}", file.display());
        if !heading.is_empty() {
            let there = read(&file.to_string_lossy());
            let headings: Vec<String> = there
                .lines()
                .filter(|line| line.starts_with('#'))
                .map(|line| anchor(line.trim_start_matches('#').trim()))
                .collect();
            assert!(headings.iter().any(|it| it == heading), "{path}: `{target}`: {headings:?}");
        }
    }
}

/// A heading as the address in a page.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

#[rstest]
#[case("deploy/base/kustomization.yaml", "newTag: {}\n")]
#[case("Dockerfile", "ARG VERSION={}")]
#[case("README.md", "`pullpass:{}`")]
fn versions_are_those_of_the_crate(#[case] path: &str, #[case] wanted: &str) {
    let wanted = wanted.replace("{}", env!("CARGO_PKG_VERSION"));
    assert!(read(path).contains(&wanted), "{path} has no `{wanted}`");
}

/// The manual tells of each metric.
#[rstest]
#[case(Component::Webhook)]
#[case(Component::Controller)]
fn every_metric_stands_in_the_manual(#[case] component: Component) {
    let manual = read("docs/operations.md");
    let metrics = Metrics::new("0.0.0", component).encode().unwrap();
    let mut count = 0;
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE pullpass_")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffix = if kind == "counter" { "_total" } else { "" };
        let name = name.strip_suffix("_info").map_or(format!("{name}{suffix}"), str::to_owned);
        let is_there =
            ["`", "{", "_info"].iter().any(|end| manual.contains(&format!("`{name}{end}")));
        assert!(is_there, "docs/operations.md says nothing of the metric `{name}`");
        count += 1;
    }
    assert!(count > 10, "{metrics}");
}

/// And of each state of a copy.
#[test]
fn every_state_of_a_copy_stands_in_the_manual() {
    let manual = read("docs/operations.md");
    let row = manual.lines().find(|line| line.starts_with("| `copies{state}`"));
    let row = row.expect("docs/operations.md has a row of the metric `copies{state}`");
    let metrics = Metrics::new("0.0.0", Component::Controller).encode().unwrap();
    let states = metrics.lines().filter_map(|line| line.strip_prefix("pullpass_copies{state=\""));
    let states: Vec<_> = states.filter_map(|rest| rest.split('"').next()).collect();
    assert!(states.contains(&"wanted"), "{metrics}");
    for state in states {
        assert!(row.contains(&format!("`{state}`")), "no state `{state}` in: {row}");
    }
}

/// And of each Event about sources.
#[test]
fn every_event_about_sources_stands_in_the_manual() {
    use FindingKind::{Broken, Conflict, Missing, NotCovered, NotShared};
    let manual = read("docs/operations.md");
    for kind in [Missing, Broken, NotCovered, NotShared, Conflict] {
        let reason = kind.reason();
        assert!(manual.contains(&format!("`{reason}`")), "docs/operations.md: no Event `{reason}`");
    }
}
