//! The pure parts of `bench/webhook`: what is sent, what is due, and how figures are read and drawn.

#[path = "../bench/webhook/answers.rs"]
mod answers;
#[allow(dead_code, reason = "the benches need more of it")]
#[path = "../bench/common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the bench needs more of it")]
#[path = "../bench/webhook/cpu.rs"]
mod cpu;
#[path = "../bench/webhook/fixtures.rs"]
mod fixtures;
#[allow(dead_code, reason = "the bench needs more of it")]
#[path = "../bench/webhook/oha.rs"]
mod oha;
#[path = "../bench/webhook/svg.rs"]
mod svg;
#[allow(dead_code, reason = "the bench needs more of it")]
#[path = "../bench/webhook/tables.rs"]
mod tables;

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use fixtures::{Review, Shape};
use pullpass::{
    config::{self, Labels},
    inject::{Namespace, PodView, decide},
};
use rstest::rstest;
use serde_json::{Value, json};
use svg::{Chart, Line};
use tables::{Kind, Table, USUAL};

fn shapes() -> [Shape; 4] {
    [
        Shape::of_bytes(1_024),
        Shape::of_bytes(10_240),
        Shape::of_bytes(102_400),
        Shape::of_containers(20),
    ]
}

#[rstest]
fn what_is_due_is_what_pullpass_decides(
    #[values(Kind::Hosts, Kind::Projects, Kind::Wildcards, Kind::Mixed)] kind: Kind,
    #[values(10, 1_000)] rules: usize,
    #[values(false, true)] by_labels: bool,
) {
    let table = Table { kind, rules, by_labels };
    let parsed = config::parse(&table.yaml(1)).unwrap();
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    assert_eq!(parsed.config.needs_labels(), by_labels);
    let mut due_in_all = 0;
    for shape in shapes() {
        for number in 0..20 {
            let review = shape.review(table, 10, number);
            let request: Value = serde_json::from_str(&review.json).unwrap();
            let name = request["request"]["namespace"].as_str().unwrap();
            let place: usize = name.strip_prefix("team-").unwrap().parse().unwrap();
            let of_pairs = tables::labels(place).into_iter().map(|(key, it)| (key.to_owned(), it));
            let labels: Labels = of_pairs.collect();
            let pod = request["request"]["object"].to_string();
            let pod: PodView<'_> = serde_json::from_str(&pod).unwrap();
            let namespace = Namespace { name, labels: Some(&labels) };
            let decision = decide(&parsed.config, &pod, namespace);
            let mut additions = decision.additions();
            additions.sort_unstable();
            assert_eq!(additions, review.pull_secrets, "{shape:?} {number}");
            due_in_all += additions.len();
        }
    }
    assert!(due_in_all > 50, "{due_in_all}");
}

#[rstest]
#[case(1_024)]
#[case(10 * 1_024)]
#[case(100 * 1_024)]
#[case(3 * 1_024 * 1_024)]
fn a_review_has_its_size_to_the_byte(#[case] bytes: usize) {
    assert_eq!(Shape::of_bytes(bytes).review(USUAL, 1, 3).json.len(), bytes);
}

#[test]
fn versions_of_a_table_differ_and_mean_the_same() {
    assert_ne!(USUAL.yaml(1), USUAL.yaml(2));
    let entries = |version| config::parse(&USUAL.yaml(version)).unwrap().config.entries().len();
    assert_eq!((entries(1), entries(2)), (1_000, 1_000));
}

fn answer_to(review: &Review, secrets: &[String]) -> Value {
    let patch = json!([{"op": "add", "path": "/spec/imagePullSecrets", "value": secrets.iter().map(|name| json!({"name": name})).collect::<Value>()}]);
    let request: Value = serde_json::from_str(&review.json).unwrap();
    let patch = BASE64_STANDARD.encode(patch.to_string());
    json!({"response": {"uid": request["request"]["uid"], "allowed": true, "patch": patch, "patchType": "JSONPatch"}})
}

#[test]
fn an_answer_is_right_only_if_it_does_what_is_due() {
    let review = Shape::of_bytes(10_240).review(USUAL, 1, 0);
    let verdict = |answer: &Value| answers::is_right(&review, answer.to_string().as_bytes());
    let right = answer_to(&review, &review.pull_secrets);
    verdict(&right).unwrap();

    assert!(verdict(&answer_to(&review, &review.pull_secrets[1..])).is_err());
    let mut other = right.clone();
    other["response"]["uid"] = "other".into();
    assert!(verdict(&other).is_err());
    other = right.clone();
    other["response"]["allowed"] = false.into();
    assert!(verdict(&other).is_err());
    other = right.clone();
    let more = json!([{"op": "add", "path": "/spec/priority", "value": 1}]).to_string();
    other["response"]["patch"] = BASE64_STANDARD.encode(more).into();
    assert!(verdict(&other).is_err());
}

fn said(statuses: &Value, errors: &Value) -> Vec<u8> {
    let said = json!({
        "summary": {"total": 2.0, "slowest": 0.5},
        "latencyPercentiles": {"p50": 0.001, "p99": 0.002, "p99.9": 0.003, "p99.99": 0.004},
        "statusCodeDistribution": statuses,
        "errorDistribution": errors,
    });
    said.to_string().into_bytes()
}

#[test]
fn one_failure_makes_a_load_an_error() {
    let seen = oha::seen(&said(&json!({"200": 300}), &json!({}))).unwrap();
    assert_eq!((seen.requests, seen.rate), (300, 150.0));
    let in_ms = seen.latencies.map(|it| Duration::from_secs_f64(it).as_millis());
    assert_eq!(in_ms, [1, 2, 3, 4, 500]);

    for (statuses, errors) in [
        (json!({"200": 300, "503": 1}), json!({})),
        (json!({"200": 300}), json!({"connection error": 1})),
        (json!({}), json!({})),
    ] {
        assert!(oha::seen(&said(&statuses, &errors)).is_err(), "{statuses} {errors}");
    }
}

#[test]
fn processor_time_is_that_of_all_threads() {
    let stat = "7 (a) b) R 1 7 7 0 -1 4194304 100 0 0 0 1234 66 0 0 20 0 1 0 5 6 7";
    assert_eq!(cpu::ticks(stat), Some(1_300));

    let pid = std::process::id();
    let before = cpu::Used::by(pid).unwrap();
    let began = Instant::now();
    let work = std::thread::spawn(move || {
        let used = || cpu::Used::by(pid).unwrap().since(&before);
        while used() < Duration::from_millis(200) {
            assert!(began.elapsed() < Duration::from_secs(60), "{:?} were used", used());
        }
        before
    });
    let before = work.join().unwrap();
    // The thread has ended; what it used is not lost.
    let used = cpu::Used::by(pid).unwrap().since(&before);
    assert!(used >= Duration::from_millis(150), "{used:?}");
}

#[test]
fn a_chart_shows_every_value_that_there_is() {
    let chart = |is_logarithmic| Chart {
        title: "a < b & c".into(),
        unit: "ms".into(),
        is_logarithmic,
        places: ["one", "two", "three"].map(Into::into).into(),
        lines: vec![
            Line { name: "first".into(), values: vec![Some(1.0), Some(20.0), Some(300.0)] },
            Line { name: "second".into(), values: vec![Some(2.0), None, Some(310.0)] },
        ],
    };
    for is_logarithmic in [false, true] {
        let svg = chart(is_logarithmic).svg();
        assert_eq!(svg.matches("<circle").count(), 5);
        assert!(svg.contains("a &lt; b &amp; c"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
