//! Design sections 2.3 to 2.6: which pull secrets a Pod gets, and the reasons in words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use proptest::prelude::*;
use pullpass::{
    config::{Config, HitRole, Labels, parse},
    image::{Pattern, Reference, Scratch},
    inject::{Decision, Matches, Namespace, Outcome, PodView, Report, SecretState, Skip, decide},
};
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};

/// A configuration of these entries, each a YAML flow mapping.
fn config(scope: &str, entries: &[&str]) -> std::sync::Arc<Config> {
    let mut yaml =
        format!("apiVersion: pullpass.io/v1\nkind: Config\nscope: {scope}\nregistries:\n");
    for entry in entries {
        yaml.extend(["- {", entry, "}\n"]);
    }
    parse(&yaml).unwrap_or_else(|e| panic!("{yaml}{e}")).config
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn pod_of(images: &[&str]) -> Value {
    let containers: Vec<_> = images.iter().map(|image| json!({"image": image})).collect();
    json!({"spec": {"containers": containers}})
}

/// The report on a Pod, in a namespace with these labels.
fn report(config: &Config, pod: &Value, name: &str, labels: Option<&Labels>) -> Report {
    let pod = PodView::deserialize(pod).unwrap();
    Report::new(&decide(config, &pod, Namespace { name, labels }))
}

/// The added pull secrets in the namespace `ns`, which has no labels.
fn added(config: &Config, pod: &Value) -> Vec<String> {
    report(config, pod, "ns", Some(&Labels::new())).added
}

mod entries {
    use super::*;

    #[test]
    fn all_that_match_inject_in_the_order_of_the_configuration() {
        let config = config(
            "cluster",
            &[
                "name: z, images: [gcr.io/a/*]",
                "name: b, images: [quay.io/b/*]",
                "name: a, images: [gcr.io/*]",
                "name: any, images: ['*']",
            ],
        );
        assert_eq!(added(&config, &pod_of(&["gcr.io/a/x"])), ["z", "a", "any"]);
        assert_eq!(added(&config, &pod_of(&["quay.io/b/x", "gcr.io/a/x"])), ["z", "b", "a", "any"]);
        assert_eq!(added(&config, &pod_of(&["nginx"])), ["any"]);
    }

    #[test]
    fn names_are_given_once() {
        let config = config(
            "cluster",
            &[
                "name: a, images: [gcr.io/a/*], pullSecrets: [s, t, s]",
                "name: b, images: [gcr.io/*], pullSecrets: [t, u, s]",
            ],
        );
        assert_eq!(
            added(&config, &pod_of(&["gcr.io/a/x", "gcr.io/a/x", "gcr.io/a/y"])),
            ["s", "t", "u"]
        );
        let mut pod = pod_of(&["gcr.io/a/x"]);
        pod["spec"]["imagePullSecrets"] = json!([{"name": "t"}, {"name": "own"}]);
        assert_eq!(added(&config, &pod), ["s", "u"]);
        let report = report(&config, &pod, "ns", None);
        let states: Vec<_> = report
            .entries
            .iter()
            .flat_map(|e| &e.pull_secrets)
            .map(|s| format!("{} {}", s.name, s.state))
            .collect();
        assert_eq!(
            states,
            [
                "s added",
                "t already on the Pod",
                "s added by an earlier entry",
                "t already on the Pod",
                "u added",
                "s added by an earlier entry",
            ]
        );
    }

    #[test]
    fn except_images_take_single_images_out() {
        let config = config(
            "cluster",
            &["name: a, images: [gcr.io/a/*], exceptImages: [gcr.io/a/public/*, gcr.io/a/x]"],
        );
        assert_eq!(added(&config, &pod_of(&["gcr.io/a/public/y"])), [""; 0]);
        assert_eq!(added(&config, &pod_of(&["gcr.io/a/public/y", "gcr.io/a/x"])), [""; 0]);
        assert_eq!(added(&config, &pod_of(&["gcr.io/a/public/y", "gcr.io/a/z"])), ["a"]);
        assert_eq!(added(&config, &pod_of(&["quay.io/a"])), [""; 0]);
    }

    #[test]
    fn an_image_that_only_except_images_names_is_not_considered() {
        let config =
            config("cluster", &["name: a, images: [gcr.io/a/*], exceptImages: [quay.io/b]"]);
        assert!(report(&config, &pod_of(&["quay.io/b"]), "ns", None).entries.is_empty());
    }

    #[rstest]
    #[case::containers(json!({"containers": [{"image": "gcr.io/a/x"}]}), "containers[0]")]
    #[case::init(json!({"initContainers": [{"image": "n"}, {"image": "gcr.io/a/x"}]}), "initContainers[1]")]
    #[case::ephemeral(json!({"ephemeralContainers": [{"image": "gcr.io/a/x"}]}), "ephemeralContainers[0]")]
    #[case::volume(json!({"volumes": [{"emptyDir": {}}, {"image": {"reference": "gcr.io/a/x"}}]}), "volumes[1].image")]
    fn images_are_read_in_every_place(#[case] spec: Value, #[case] place: &str) {
        let config = config("cluster", &["name: a, images: [gcr.io/a/*]"]);
        let report = report(&config, &json!({"spec": spec}), "ns", None);
        assert_eq!(report.added, ["a"]);
        assert_eq!(report.entries[0].images[0].place, place);
        assert_eq!(report.entries[0].images[0].pattern, "gcr.io/a/*");
    }

    /// An invalid reference matches nothing, and keeps no other image from matching.
    #[test]
    fn invalid_references_match_nothing() {
        let config = config("cluster", &["name: any, images: ['*']"]);
        for image in ["", "Not A Reference", "https://gcr.io/a", "gcr.io/A"] {
            assert_eq!(added(&config, &pod_of(&[image])), [""; 0], "{image}");
            assert_eq!(added(&config, &pod_of(&[image, "nginx"])), ["any"], "{image}");
        }
    }

    #[test]
    fn a_pod_without_images_gets_nothing() {
        let config = config("cluster", &["name: any, images: ['*']"]);
        for pod in [
            json!({}),
            json!({"spec": null}),
            json!({"spec": {"containers": []}}),
            json!({"spec": {"containers": [{}]}}),
        ] {
            assert_eq!(added(&config, &pod), [""; 0], "{pod}");
        }
    }
}

mod skips {
    use super::*;

    fn labelled(value: &str) -> Labels {
        labels(&[("pullpass.io/inject", value)])
    }

    const OPTED_OUT: &str = "the namespace is labelled `pullpass.io/inject: disabled`";
    const NOT_OPTED_IN: &str =
        "`scope: optIn`, and the namespace is not labelled `pullpass.io/inject: enabled`";
    const UNKNOWN: &str = "`scope: optIn`, and the labels of the namespace are not known";

    #[rstest]
    #[case("cluster", None, None)]
    #[case("cluster", Some(Labels::new()), None)]
    #[case("cluster", Some(labelled("enabled")), None)]
    #[case("cluster", Some(labelled("disabled")), Some(OPTED_OUT))]
    #[case("cluster", Some(labelled("Disabled")), None)]
    #[case("cluster", Some(labelled("")), None)]
    #[case("optIn", None, Some(UNKNOWN))]
    #[case("optIn", Some(Labels::new()), Some(NOT_OPTED_IN))]
    #[case("optIn", Some(labelled("enabled")), None)]
    #[case("optIn", Some(labelled("disabled")), Some(OPTED_OUT))]
    #[case("optIn", Some(labelled("true")), Some(NOT_OPTED_IN))]
    #[case("optIn", Some(labelled("")), Some(NOT_OPTED_IN))]
    fn by_namespace(
        #[case] scope: &str,
        #[case] labels: Option<Labels>,
        #[case] skipped: Option<&str>,
    ) {
        let config = config(scope, &["name: a, images: [gcr.io/a/*]"]);
        let report = report(&config, &pod_of(&["gcr.io/a/x"]), "ns", labels.as_ref());
        assert_eq!(report.skipped.as_deref(), skipped);
        assert_eq!(report.added.is_empty(), skipped.is_some());
    }

    #[rstest]
    #[case::mirror(json!({"annotations": {"kubernetes.io/config.mirror": "x"}}), Some("it is the mirror of a static Pod, which the API server lets have no pull secrets"))]
    #[case::opted_out(json!({"labels": {"pullpass.io/inject": "disabled"}}), Some("the Pod is labelled `pullpass.io/inject: disabled`"))]
    #[case::both(json!({"labels": {"pullpass.io/inject": "disabled"}, "annotations": {"kubernetes.io/config.mirror": "x"}}), Some("it is the mirror of a static Pod, which the API server lets have no pull secrets"))]
    #[case::enabled(json!({"labels": {"pullpass.io/inject": "enabled"}}), None)]
    #[case::as_annotation(json!({"annotations": {"pullpass.io/inject": "disabled"}}), None)]
    fn fault_08_by_pod(#[case] metadata: Value, #[case] skipped: Option<&str>) {
        let mut pod = pod_of(&["gcr.io/a/x"]);
        pod["metadata"] = metadata;
        let config = config("cluster", &["name: a, images: [gcr.io/a/*]"]);
        let report = report(&config, &pod, "ns", None);
        assert_eq!(report.skipped.as_deref(), skipped);
        assert_eq!(report.added.is_empty(), skipped.is_some());
    }

    /// The Pod's own label does not opt it in where its namespace is not.
    #[test]
    fn a_pod_cannot_opt_in() {
        let mut pod = pod_of(&["gcr.io/a/x"]);
        pod["metadata"] = json!({"labels": {"pullpass.io/inject": "enabled"}});
        let config = config("optIn", &["name: a, images: [gcr.io/a/*]"]);
        assert_eq!(added(&config, &pod), [""; 0]);
    }

    /// What is not known of a namespace matters only where an image matches.
    #[rstest]
    #[case("gcr.io/a/x", false, true)]
    #[case("nginx", true, false)]
    #[case("Not A Reference", true, false)]
    fn settled_without_the_namespace(
        #[case] image: &str,
        #[case] settled: bool,
        #[case] lacks: bool,
    ) {
        let config = config("optIn", &["name: a, images: [gcr.io/a/*]"]);
        let pod = pod_of(&[image]);
        let pod = PodView::deserialize(&pod).unwrap();
        let matches = Matches::find(&config, &pod);
        assert_eq!(matches.are_settled(), settled);
        let decision = matches.decide(&pod, Namespace { name: "ns", labels: None });
        assert_eq!(decision.lacks_labels(), lacks);
    }

    #[test]
    fn a_pod_that_is_skipped_is_settled() {
        let mut pod = pod_of(&["gcr.io/a/x"]);
        pod["metadata"] = json!({"labels": {"pullpass.io/inject": "disabled"}});
        let config = config("optIn", &["name: a, images: [gcr.io/a/*]"]);
        let pod = PodView::deserialize(&pod).unwrap();
        let matches = Matches::find(&config, &pod);
        assert!(matches.are_settled());
        let decision = matches.decide(&pod, Namespace { name: "ns", labels: None });
        assert!(matches!(decision, Decision::Skipped(Skip::PodOptedOut)));
        assert!(!decision.lacks_labels() && decision.considered().is_empty());
        assert_eq!(decision.granted().count(), 0);
    }
}

mod grants {
    use super::*;

    const PAID: &[(&str, &str)] = &[("tier", "paid"), ("team", "a")];
    const EMPTY_TIER: &[(&str, &str)] = &[("tier", "")];
    const NO_LABELS: &[(&str, &str)] = &[];
    const NO_NAME: &str = "namespace not granted: no glob of `names` matches it";
    const UNKNOWN: &str = "namespace not granted: `selector` needs its labels, which are not known";
    const EVERYWHERE: &str = "namespace granted: the entry is for all in scope";
    const BY_SELECTOR: &str = "namespace granted: `selector` matches its labels";

    /// The reason in the namespace `team-a`, with labels or with none known.
    #[rstest]
    // names and except
    #[case("names: [team-a]", None, "namespace granted: `names` glob `team-a`")]
    #[case("names: [x, team-*]", None, "namespace granted: `names` glob `team-*`")]
    #[case("names: ['*']", None, "namespace granted: `names` glob `*`")]
    #[case("names: ['*-a']", None, "namespace granted: `names` glob `*-a`")]
    #[case("names: ['t*m-*']", None, "namespace granted: `names` glob `t*m-*`")]
    #[case("names: [team]", None, NO_NAME)]
    #[case("names: [team-a-b, eam-a]", None, NO_NAME)]
    #[case("except: [team-b]", None, EVERYWHERE)]
    #[case("except: [team-a]", None, "namespace not granted: `except` glob `team-a`")]
    #[case(
        "names: [team-a], except: [x, 'team-*']",
        None,
        "namespace not granted: `except` glob `team-*`"
    )]
    #[case("names: ['*'], except: [kube-*]", None, "namespace granted: `names` glob `*`")]
    // selectors
    #[case("selector: {matchLabels: {tier: paid}}", Some(PAID), BY_SELECTOR)]
    #[case("selector: {matchLabels: {tier: paid, team: a}}", Some(PAID), BY_SELECTOR)]
    #[case(
        "selector: {matchLabels: {tier: free}}",
        Some(PAID),
        "namespace not granted: its labels do not satisfy `tier=free`"
    )]
    #[case(
        "selector: {matchLabels: {tier: paid, zone: b}}",
        Some(PAID),
        "namespace not granted: its labels do not satisfy `zone=b`"
    )]
    #[case("selector: {matchLabels: {tier: ''}}", Some(EMPTY_TIER), BY_SELECTOR)]
    #[case(
        "selector: {matchLabels: {tier: ''}}",
        Some(NO_LABELS),
        "namespace not granted: its labels do not satisfy `tier=`"
    )]
    #[case(
        "selector: {matchExpressions: [{key: tier, operator: In, values: [free, paid]}]}",
        Some(PAID),
        BY_SELECTOR
    )]
    #[case(
        "selector: {matchExpressions: [{key: tier, operator: In, values: [a, b]}]}",
        Some(PAID),
        "namespace not granted: its labels do not satisfy `tier in (a,b)`"
    )]
    #[case(
        "selector: {matchExpressions: [{key: zone, operator: In, values: [a]}]}",
        Some(PAID),
        "namespace not granted: its labels do not satisfy `zone=a`"
    )]
    #[case(
        "selector: {matchExpressions: [{key: tier, operator: NotIn, values: [free]}]}",
        Some(PAID),
        BY_SELECTOR
    )]
    #[case(
        "selector: {matchExpressions: [{key: zone, operator: NotIn, values: [free]}]}",
        Some(PAID),
        BY_SELECTOR
    )]
    #[case(
        "selector: {matchExpressions: [{key: tier, operator: NotIn, values: [free, paid]}]}",
        Some(PAID),
        "namespace not granted: its labels do not satisfy `tier notin (free,paid)`"
    )]
    #[case(
        "selector: {matchExpressions: [{key: tier, operator: Exists}]}",
        Some(PAID),
        BY_SELECTOR
    )]
    #[case(
        "selector: {matchExpressions: [{key: zone, operator: Exists}]}",
        Some(PAID),
        "namespace not granted: its labels do not satisfy `zone`"
    )]
    #[case(
        "selector: {matchExpressions: [{key: zone, operator: DoesNotExist}]}",
        Some(PAID),
        BY_SELECTOR
    )]
    #[case(
        "selector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}",
        Some(PAID),
        "namespace not granted: its labels do not satisfy `!tier`"
    )]
    #[case(
        "selector: {matchLabels: {tier: paid}, matchExpressions: [{key: team, operator: In, values: [b]}]}",
        Some(PAID),
        "namespace not granted: its labels do not satisfy `team=b`"
    )]
    #[case("selector: {matchLabels: {tier: paid}, matchExpressions: []}", Some(PAID), BY_SELECTOR)]
    // labels that are not known
    #[case("selector: {matchLabels: {tier: paid}}", None, UNKNOWN)]
    #[case("selector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}", None, UNKNOWN)]
    #[case(
        "selector: {matchExpressions: [{key: tier, operator: NotIn, values: [a]}]}",
        None,
        UNKNOWN
    )]
    #[case("names: [x], selector: {matchLabels: {tier: paid}}", None, NO_NAME)]
    #[case(
        "except: [team-a], selector: {matchLabels: {tier: paid}}",
        None,
        "namespace not granted: `except` glob `team-a`"
    )]
    // the name as a label needs no look at the namespace
    #[case("selector: {matchLabels: {kubernetes.io/metadata.name: team-a}}", None, BY_SELECTOR)]
    #[case(
        "selector: {matchLabels: {kubernetes.io/metadata.name: team-b}}",
        None,
        "namespace not granted: its labels do not satisfy `kubernetes.io/metadata.name=team-b`"
    )]
    #[case(
        "selector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [x, team-a]}]}",
        None,
        BY_SELECTOR
    )]
    #[case(
        "selector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [team-a]}]}",
        None,
        "namespace not granted: its labels do not satisfy `kubernetes.io/metadata.name notin (team-a)`"
    )]
    #[case(
        "selector: {matchLabels: {kubernetes.io/metadata.name: team-a}}",
        Some(NO_LABELS),
        BY_SELECTOR
    )]
    #[case(
        "selector: {matchLabels: {kubernetes.io/metadata.name: team-a, tier: paid}}",
        None,
        UNKNOWN
    )]
    // both must hold
    #[case(
        "names: ['team-*'], selector: {matchLabels: {tier: paid}}",
        Some(PAID),
        "namespace granted: `names` glob `team-*`"
    )]
    #[case(
        "names: ['team-*'], selector: {matchLabels: {tier: free}}",
        Some(PAID),
        "namespace not granted: its labels do not satisfy `tier=free`"
    )]
    #[case("names: [x], selector: {matchLabels: {tier: paid}}", Some(PAID), NO_NAME)]
    #[case(
        "names: ['*'], selector: {matchLabels: {tier: paid}}, except: [team-a]",
        Some(PAID),
        "namespace not granted: `except` glob `team-a`"
    )]
    fn in_team_a(#[case] rule: &str, #[case] known: Option<&[(&str, &str)]>, #[case] reason: &str) {
        let config =
            config("cluster", &[&format!("name: e, images: [gcr.io/a/*], namespaces: {{{rule}}}")]);
        let known = known.map(labels);
        let report = report(&config, &pod_of(&["gcr.io/a/x"]), "team-a", known.as_ref());
        let applies = reason.starts_with("namespace granted");
        assert_eq!(report.entries[0].reason, reason);
        assert_eq!((report.entries[0].applies, !report.added.is_empty()), (applies, applies));
        assert_eq!(report.entries[0].pull_secrets.is_empty(), !applies);
    }

    #[test]
    fn without_a_rule_all_in_scope_are_granted() {
        let config = config("cluster", &["name: e, images: [gcr.io/a/*]"]);
        let report = report(&config, &pod_of(&["gcr.io/a/x"]), "ns", None);
        assert_eq!(report.entries[0].reason, EVERYWHERE);
    }

    /// `disabled` wins over every grant.
    #[test]
    fn opting_out_wins_over_a_grant() {
        let config = config("optIn", &["name: e, images: ['*'], namespaces: {names: [ns]}"]);
        let out = labels(&[("pullpass.io/inject", "disabled")]);
        assert!(report(&config, &pod_of(&["a"]), "ns", Some(&out)).added.is_empty());
    }

    #[rstest]
    #[case("cluster", "", false)]
    #[case("optIn", "", true)]
    #[case("cluster", ", namespaces: {names: [a], except: [b]}", false)]
    #[case(
        "cluster",
        ", namespaces: {selector: {matchLabels: {kubernetes.io/metadata.name: a}}}",
        false
    )]
    #[case("cluster", ", namespaces: {selector: {matchLabels: {a: b}}}", true)]
    fn a_configuration_says_whether_labels_are_needed(
        #[case] scope: &str,
        #[case] rule: &str,
        #[case] needed: bool,
    ) {
        let entry = format!("name: e, images: [gcr.io/a/*]{rule}");
        assert_eq!(config(scope, &["name: f, images: ['*']", &entry]).needs_labels(), needed);
    }

    /// The entries that need no labels still apply where these are not known.
    #[test]
    fn unknown_labels_stop_only_the_entries_that_need_them() {
        let config = config(
            "cluster",
            &[
                "name: a, images: ['*'], namespaces: {selector: {matchLabels: {x: y}}}",
                "name: b, images: ['*']",
            ],
        );
        let pod = pod_of(&["nginx"]);
        let pod = PodView::deserialize(&pod).unwrap();
        let decision = decide(&config, &pod, Namespace { name: "ns", labels: None });
        assert_eq!(decision.additions(), ["b"]);
        assert!(decision.lacks_labels());
        let known = Labels::new();
        let decision = decide(&config, &pod, Namespace { name: "ns", labels: Some(&known) });
        assert_eq!(decision.additions(), ["b"]);
        assert!(!decision.lacks_labels());
    }
}

mod reports {
    use super::*;

    #[test]
    fn the_first_pattern_of_each_list_is_named() {
        let config = config(
            "cluster",
            &["name: a, images: [gcr.io/a/*, gcr.io/*], exceptImages: [gcr.io/a/p*, gcr.io/a/pub]"],
        );
        let pod = pod_of(&["gcr.io/a/pub", "gcr.io/x", "gcr.io/a/q"]);
        let pod = PodView::deserialize(&pod).unwrap();
        let decision = decide(&config, &pod, Namespace { name: "ns", labels: None });
        let images: Vec<_> =
            decision.considered()[0].images.iter().map(ToString::to_string).collect();
        assert_eq!(
            images,
            [
                "containers[0]: matched pattern `gcr.io/a/*`, but left out by `exceptImages` pattern `gcr.io/a/p*`",
                "containers[1]: matched pattern `gcr.io/*`",
                "containers[2]: matched pattern `gcr.io/a/*`",
            ]
        );
    }

    #[test]
    fn as_json() {
        let config = config(
            "cluster",
            &[
                "name: a, images: [gcr.io/a/*], exceptImages: [gcr.io/a/pub]",
                "name: b, images: [gcr.io/*], pullSecrets: [s, t], namespaces: {names: [ns]}",
                "name: c, images: [gcr.io/*], namespaces: {names: [other]}",
                "name: d, images: [quay.io/*]",
            ],
        );
        let mut pod = pod_of(&["gcr.io/a/pub"]);
        pod["spec"]["imagePullSecrets"] = json!([{"name": "s"}]);
        let report = report(&config, &pod, "ns", None);
        assert_eq!(
            serde_json::to_value(&report).unwrap(),
            json!({
                "entries": [
                    {
                        "name": "a", "applies": false,
                        "reason": "every image that matches is left out by `exceptImages`",
                        "images": [{"place": "containers[0]", "pattern": "gcr.io/a/*", "leftOutBy": "gcr.io/a/pub"}],
                        "pullSecrets": [],
                    },
                    {
                        "name": "b", "applies": true,
                        "reason": "namespace granted: `names` glob `ns`",
                        "images": [{"place": "containers[0]", "pattern": "gcr.io/*"}],
                        "pullSecrets": [{"name": "s", "state": "already on the Pod"}, {"name": "t", "state": "added"}],
                    },
                    {
                        "name": "c", "applies": false,
                        "reason": "namespace not granted: no glob of `names` matches it",
                        "images": [{"place": "containers[0]", "pattern": "gcr.io/*"}],
                        "pullSecrets": [],
                    },
                ],
                "added": ["t"],
            })
        );
        let skipped = Report::new(&Decision::Skipped(Skip::MirrorPod));
        let text =
            "it is the mirror of a static Pod, which the API server lets have no pull secrets";
        assert_eq!(
            serde_json::to_value(&skipped).unwrap(),
            json!({"skipped": text, "entries": [], "added": []})
        );
    }
}

/// Fault 11: the work grows with the number of containers, not faster.
#[test]
fn fault_11_thousands_of_containers() {
    let entries: Vec<_> =
        (0..100).map(|i| format!("name: e{i}, images: [gcr.io/p{i}/*]")).collect();
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let config = config("cluster", &entries);
    let images: Vec<_> = (0..50_000).map(|i| format!("gcr.io/p{}/a{i}", i % 200)).collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    assert_eq!(added(&config, &pod_of(&images)).len(), 100);
}

fn pattern() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just("gcr.io"),
        Just("docker.io"),
        Just("*.gcr.io"),
        Just("localhost:5000"),
        Just("e*.gcr.io")
    ];
    let scoped = (host, "[ab*]/[ab*/]{0,2}[ab*]|[ab*]{1,3}", "|:\\*|:[ab1*]{1,2}")
        .prop_map(|(host, path, tag)| format!("{host}/{path}{tag}"))
        .prop_filter("a pattern", |text| Pattern::parse(text).is_ok());
    prop_oneof![12 => scoped, 1 => Just("*".to_owned())]
}

fn image() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just(""),
        Just("gcr.io/"),
        Just("localhost:5000/"),
        Just("eu.gcr.io/"),
        Just("a_b.io/"),
        Just("X/")
    ];
    (host, "[ab]{1,2}(/[ab]{1,2}){0,2}", "|:[ab1]{1,2}|@sha256:a{64}|:a@sha256:b{64}|:")
        .prop_map(|(host, path, tag)| format!("{host}{path}{tag}"))
}

/// An entry as it is generated: its lists of patterns and its pull secrets.
type Row = (Vec<String>, Vec<String>, Vec<String>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        prop::collection::vec(pattern(), 1..4),
        prop::collection::vec(pattern(), 0..3),
        prop::collection::vec("[s-v]", 1..3),
    );
    prop::collection::vec(row, 1..8)
}

fn config_of(rows: &[Row]) -> std::sync::Arc<Config> {
    let entries: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(i, (images, excepts, secrets))| {
            let excepts = match excepts.is_empty() {
                true => String::new(),
                false => format!(", exceptImages: {}", json!(excepts)),
            };
            format!(
                "name: e{i}, images: {}{excepts}, pullSecrets: {}",
                json!(images),
                json!(secrets)
            )
        })
        .collect();
    config("cluster", &entries.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The definition of sections 2.2 to 2.5, with no thought for speed.
fn by_definition(rows: &[Row], images: &[String], existing: &[String]) -> Vec<String> {
    let mut names = existing.to_vec();
    for (includes, excepts, secrets) in rows {
        let any = |patterns: &[String], image: &str| {
            Reference::parse(image).is_ok_and(|reference| {
                patterns.iter().any(|p| Pattern::parse(p).unwrap().matches(&reference))
            })
        };
        if images.iter().any(|image| any(includes, image) && !any(excepts, image)) {
            for secret in secrets {
                if !names.contains(secret) {
                    names.push(secret.clone());
                }
            }
        }
    }
    names.split_off(existing.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Law: the decision by the index is the one by the definition, for any configuration and Pod.
    #[test]
    fn the_decision_equals_the_definition(rows in rows(), images in prop::collection::vec(image(), 0..4), existing in prop::collection::btree_set("[r-t]", 0..3)) {
        let existing: Vec<_> = existing.into_iter().collect();
        let texts: Vec<_> = images.iter().map(String::as_str).collect();
        let mut pod = pod_of(&texts);
        pod["spec"]["imagePullSecrets"] = existing.iter().map(|name| json!({"name": name})).collect();
        prop_assert_eq!(added(&config_of(&rows), &pod), by_definition(&rows, &images, &existing));
    }

    /// Law: the hits on an image are those of each pattern by itself, in the order of the configuration.
    #[test]
    fn hits_equal_the_single_patterns(rows in rows(), image in image()) {
        let config = config_of(&rows);
        let Ok(reference) = Reference::parse(&image) else { return Ok(()) };
        let mut scratch = Scratch::default();
        let hits: Vec<_> = config.hits(&reference, &mut scratch)
            .map(|hit| (hit.entry, hit.role == HitRole::ExceptImage, hit.pattern.to_string())).collect();
        let mut expected = Vec::new();
        for (i, (images, excepts, _)) in rows.iter().enumerate() {
            for (list, is_except) in [(images, false), (excepts, true)] {
                let matching = list.iter().filter(|p| Pattern::parse(p).unwrap().matches(&reference));
                expected.extend(matching.map(|p| (i, is_except, p.clone())));
            }
        }
        prop_assert_eq!(hits, expected);
    }

    /// Law: what is added is what the granted entries say is added, and each name once.
    #[test]
    fn additions_are_the_added_states(rows in rows(), images in prop::collection::vec(image(), 0..4)) {
        let config = config_of(&rows);
        let texts: Vec<_> = images.iter().map(String::as_str).collect();
        let pod = pod_of(&texts);
        let pod = PodView::deserialize(&pod).unwrap();
        let decision = decide(&config, &pod, Namespace { name: "ns", labels: None });
        let positions: Vec<_> = decision.considered().iter().map(|e| e.position).collect();
        prop_assert!(positions.is_sorted_by(|a, b| a < b));
        let mut names: Vec<_> = decision.considered().iter().flat_map(|entry| match &entry.outcome {
            Outcome::Granted(_, secrets) => secrets.iter().filter(|s| s.state == SecretState::Added).map(|s| s.name).collect(),
            _ => Vec::new(),
        }).collect();
        prop_assert_eq!(&decision.additions(), &names);
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        prop_assert_eq!(names.len(), count);
    }
}
