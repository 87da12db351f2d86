//! Pods that cannot pull an image of an entry: which they are, and why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use pullpass::{
    config::{self, Labels},
    inject::{ImagePlace, Namespace},
    pulls::{Cause, Page, PullProblem, PullSecret, StuckPod, StuckPull, Tally, verdicts},
};
use rstest::rstest;
use serde_json::{Value, json, value::to_raw_value};
use std::collections::BTreeMap;

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- name: team
  images: ["registry.example.com/team/*"]
  exceptImages: ["registry.example.com/team/public/*"]
  namespaces: {names: ["team-*"], except: ["team-x"]}
  source: {secret: team-source}
- name: paid
  images: ["registry.example.com/team/paid/*"]
  namespaces: {selector: {matchLabels: {tier: paid}}}
  pullSecrets: [paid-pull, paid-too]
"#;
const APP: &str = "registry.example.com/team/app:1";
const WRONG: &str = "failed to pull and unpack image \"registry.example.com/team/app:1\": failed to resolve reference \"registry.example.com/team/app:1\": unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized";
const NONE: &str = "failed to pull and unpack image \"registry.example.com/team/app:1\": failed to resolve reference \"registry.example.com/team/app:1\": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials";
const HIDDEN: &str = "failed to pull and unpack image \"registry.example.com/team/app:1\": failed to resolve reference \"registry.example.com/team/app:1\": registry.example.com/team/app:1: not found";
const NO_HOST: &str = "failed to do request: Head \"https://registry.example.com/v2/\": dial tcp: lookup registry.example.com: no such host";

/// A Pod of team-a whose container `app` waits with this message.
fn pod(image: &str, secrets: &[&str], message: &str) -> Value {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    json!({
        "metadata": {"name": "web-1", "namespace": "team-a"},
        "spec": {
            "containers": [{"name": "side", "image": "busybox"}, {"name": "app", "image": image}],
            "imagePullSecrets": secrets,
        },
        "status": {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-31T09:00:00Z"},
                {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-31T10:00:00Z"},
            ],
            "containerStatuses": [waiting("app", "ErrImagePull", message), {"name": "side", "state": {"running": {}}}],
        },
    })
}

fn waiting(container: &str, reason: &str, message: &str) -> Value {
    json!({
        "name": container, "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    })
}

fn in_place() -> PullSecret {
    PullSecret::InPlace("pullpass-system/team-source".into())
}

/// A cluster in which every namespace has these labels, and every pull secret stands like this.
struct World {
    config: String,
    labels: BTreeMap<String, String>,
    secret: PullSecret,
}

impl World {
    fn new(secret: PullSecret) -> Self {
        Self { config: CONFIG.to_owned(), labels: BTreeMap::new(), secret }
    }

    fn labelled(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    fn configured(mut self, line: &str) -> Self {
        self.config.push_str(line);
        self
    }

    fn problems(&self, pods: &[Value]) -> Vec<PullProblem> {
        let config = config::parse(&self.config).unwrap().config;
        let labels: Labels = self.labels.clone().into_iter().collect();
        let mut tally = Tally::default();
        for pod in pods {
            let raw = to_raw_value(pod).unwrap();
            let Some(pod) = StuckPod::read(&raw).unwrap() else { continue };
            let namespace = Namespace { name: &pod.namespace, labels: Some(&labels) };
            let is_never_served = config::is_never_served(&pod.namespace);
            let found =
                verdicts(&config, &pod, namespace, is_never_served, |_, _| self.secret.clone());
            tally.add(&pod, found);
        }
        tally.problems()
    }

    /// Entry, cause and reason of the one problem of one Pod.
    fn problem(&self, pod: Value) -> (String, Cause, String) {
        let problems = self.problems(&[pod]);
        let [problem] = &problems[..] else { panic!("{problems:#?}") };
        assert_eq!(problem.pods, 1);
        (problem.entry.clone(), problem.cause, problem.reason.clone())
    }
}

fn pulls(pod: &Value) -> Vec<StuckPull> {
    let raw = to_raw_value(pod).unwrap();
    StuckPod::read(&raw).unwrap().map(|pod| pod.pulls).unwrap_or_default()
}

#[rstest]
#[case::refused(&["team"], WRONG, in_place(), Cause::CredentialRefused,
    "the registry refuses the credential: check the password in pullpass-system/team-source")]
#[case::refused_after_another(&["own", "team"], WRONG, in_place(), Cause::CredentialRefused,
    "check the password in pullpass-system/team-source")]
#[case::not_permitted(&["team"], "x: 403 Forbidden", in_place(), Cause::NotPermitted,
    "check the rights of the user in pullpass-system/team-source")]
#[case::not_shown(&["team"], NONE, in_place(), Cause::NoCredential,
    "the kubelet had no credential to show")]
#[case::not_covered(&["team"], NONE, PullSecret::NotCovering("p/s".into()), Cause::NotCovered,
    "p/s has no credential for this image")]
#[case::missing(&["team"], NONE, PullSecret::Missing("p/s".into()), Cause::CopyMissing,
    "its namespace has no copy of p/s")]
#[case::outdated(&["team"], WRONG, PullSecret::Outdated("p/s".into()), Cause::CopyOutdated,
    "the copy of p/s is outdated")]
#[case::in_the_way(&["team"], WRONG, PullSecret::InTheWay, Cause::CopyInTheWay,
    "a Secret that is not a copy of Pullpass's has the name of the pull secret")]
#[case::no_source(&["team"], NONE, PullSecret::SourceUnusable("p/s".into()), Cause::SourceUnusable,
    "p/s cannot be copied")]
#[case::of_others(&["team"], WRONG, PullSecret::OfOthers, Cause::CredentialRefused,
    "check the password in the Secret `team` of its namespace")]
#[case::missed(&[], NONE, in_place(), Cause::NoPullSecret,
    "it has no pull secret of this entry: it was created while the webhook did not answer, or before the grant; delete it, or restart its workload")]
#[case::missed_with_another(&["own"], WRONG, in_place(), Cause::NoPullSecret,
    "it has no pull secret of this entry")]
#[case::too_often_without(&[], "429 Too Many Requests", in_place(), Cause::NoPullSecret, "")]
#[case::too_often(&["team"], "429 Too Many Requests", in_place(), Cause::TooManyRequests, "")]
#[case::no_host(&["team"], NO_HOST, in_place(), Cause::Unreachable, "the node cannot reach the registry")]
#[case::no_host_whatever_else(&[], NO_HOST, PullSecret::InTheWay, Cause::Unreachable, "")]
#[case::no_image(&["team"], HIDDEN, in_place(), Cause::NotFound,
    "check name and tag, and the rights of the user in pullpass-system/team-source")]
#[case::no_image_of_others(&["team"], HIDDEN, PullSecret::OfOthers, Cause::NotFound,
    "the rights of the user in the Secret `team` of its namespace")]
#[case::hidden_from_one_that_was_missed(&[], HIDDEN, in_place(), Cause::NoPullSecret,
    "restart its workload; the registry says not found, as some do to whoever shows no credential that they know")]
#[case::hidden_without_a_copy(&["team"], HIDDEN, PullSecret::Missing("p/s".into()), Cause::CopyMissing,
    "; the registry says not found")]
#[case::hidden_for_want_of_a_key(&["team"], HIDDEN, PullSecret::NotCovering("p/s".into()), Cause::NotCovered,
    "; the registry says not found")]
#[case::wrong_platform(&["team"], "no match for platform in manifest: not found", in_place(),
    Cause::WrongPlatform, "the image is not built for the platform of the node")]
#[case::wrong_platform_whatever_else(&[], "no match for platform in manifest sha256:0f: not found",
    PullSecret::InTheWay, Cause::WrongPlatform, "")]
#[case::lost_on_the_node(&["team"], "failed to extract layer: content digest sha256:0f: not found",
    in_place(), Cause::Other, "check its container runtime")]
#[case::a_host_called_unauthorized(&["team"],
    "failed to do request: dial tcp: lookup unauthorized.example.com on 10.0.0.10:53: no such host",
    in_place(), Cause::Unreachable, "the node cannot reach the registry")]
#[case::a_host_without_a_dot(&["team"],
    "failed to do request: dial tcp: lookup forbidden on [fd00::a]:53: no such host",
    in_place(), Cause::Unreachable, "")]
#[case::a_tag_called_denied(&["team"], "manifest for denied:forbidden not found", in_place(),
    Cause::NotFound, "")]
#[case::tls(&["team"], "remote error: tls: handshake failure", in_place(), Cause::Unreachable, "")]
#[case::eof(&["team"], "[failed to copy: unexpected EOF, other]", in_place(), Cause::Unreachable, "")]
#[case::names_with_tls_and_eof(&["team"], "failed to mount settlsd from geofence", in_place(),
    Cause::Other, "see the Events of the Pod")]
#[case::older_kubelet(&["team"], "Back-off pulling image \"a\"", in_place(), Cause::Other,
    "see the Events of the Pod")]
fn a_pod_of_a_granted_namespace(
    #[case] secrets: &[&str],
    #[case] message: &str,
    #[case] secret: PullSecret,
    #[case] cause: Cause,
    #[case] words: &str,
) {
    let (entry, found, reason) = World::new(secret).problem(pod(APP, secrets, message));
    assert_eq!((&*entry, found), ("team", cause), "{reason}");
    assert!(reason.contains(words), "{reason}");
}

/// A secret cannot be added to a Pod, and a new one is given none for what only `kubectl debug` brings.
#[test]
fn an_ephemeral_container_has_the_pull_secrets_that_the_pod_began_with() {
    let debugged = |own: &str, secrets: &[&str]| {
        let mut pod = pod(own, secrets, "");
        pod["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": APP}]);
        pod["status"]["containerStatuses"] = json!([]);
        pod["status"]["ephemeralContainerStatuses"] =
            json!([waiting("debug", "ImagePullBackOff", NONE)]);
        pod
    };
    let began = "an ephemeral container uses the pull secrets that the Pod began with";
    for (world, pod, cause, words) in [
        (World::new(in_place()), debugged("busybox", &[]), Cause::EphemeralContainer, began),
        (
            World::new(in_place()).configured("mode: observe\n"),
            debugged("busybox", &[]),
            Cause::EphemeralContainer,
            began,
        ),
        // This one should have begun with it.
        (World::new(in_place()), debugged(APP, &[]), Cause::NoPullSecret, "delete it"),
        (World::new(in_place()), debugged("busybox", &["team"]), Cause::NoCredential, ""),
    ] {
        let (_, found, reason) = world.problem(pod);
        assert_eq!(found, cause, "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
}

/// KEP-2535: such an image is as if it were not there.
#[test]
fn an_image_on_the_node_is_pulled_again_or_is_not_there() {
    let never = "Container image \"registry.example.com/team/app:1\" is not present with pull policy of Never";
    let waits = |secrets: &[&str]| {
        let mut pod = pod(APP, secrets, "");
        pod["status"]["containerStatuses"] = json!([waiting("app", "ErrImageNeverPull", never)]);
        World::new(in_place()).problem(pod).1
    };
    assert_eq!(waits(&["team"]), Cause::NotOnNode);
    assert_eq!(waits(&[]), Cause::NoPullSecret);
}

#[test]
fn a_pod_that_is_not_served() {
    let named = |namespace: &str| {
        let mut pod = pod(APP, &[], NONE);
        pod["metadata"]["namespace"] = json!(namespace);
        pod
    };
    let hidden = |namespace: &str| {
        let mut pod = pod(APP, &[], HIDDEN);
        pod["metadata"]["namespace"] = json!(namespace);
        pod
    };
    let labelled = |labels: Value| {
        let mut pod = pod(APP, &[], NONE);
        pod["metadata"]["labels"] = labels;
        pod
    };
    let world = || World::new(in_place());
    let opted_out = || world().labelled("pullpass.io/inject", "disabled");
    for (world, pod, cause, words) in [
        (world(), named("shop"), Cause::NotGranted, "no glob of `names` matches it"),
        (world(), named("team-x"), Cause::NotGranted, "`except` glob `team-x`"),
        (world(), named("kube-system"), Cause::LeftOut, "no Pod of its namespace is given"),
        (opted_out(), named("team-a"), Cause::LeftOut, "`pullpass.io/inject: disabled`"),
        (
            world(),
            labelled(json!({"pullpass.io/inject": "disabled"})),
            Cause::LeftOut,
            "the Pod is labelled",
        ),
        (world().configured("scope: optIn\n"), named("team-a"), Cause::LeftOut, "`scope: optIn`"),
        (world().configured("mode: observe\n"), named("team-a"), Cause::Observed, "mode: observe"),
        (world(), hidden("shop"), Cause::NotGranted, "matches it; the registry says not found"),
        (world(), hidden("kube-system"), Cause::LeftOut, "; the registry says not found"),
    ] {
        let (entry, found, reason) = world.problem(pod);
        assert_eq!((&*entry, found), ("team", cause), "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn of_several_entries_those_count_that_are_granted() {
    let image = "registry.example.com/team/paid/app:1";
    let causes = |namespace: &str, tier: &str, secrets: &[&str]| {
        let mut pod = pod(image, secrets, WRONG);
        pod["metadata"]["namespace"] = json!(namespace);
        let problems = World::new(in_place()).labelled("tier", tier).problems(&[pod]);
        problems.into_iter().map(|it| (it.entry, it.cause)).collect::<Vec<_>>()
    };
    let team = |cause| ("team".to_owned(), cause);
    let paid = |cause| ("paid".to_owned(), cause);
    assert_eq!(causes("team-a", "free", &[]), [team(Cause::NoPullSecret)]);
    assert_eq!(causes("shop", "paid", &["paid-too"]), [paid(Cause::CredentialRefused)]);
    assert_eq!(
        causes("team-a", "paid", &["team"]),
        [team(Cause::CredentialRefused), paid(Cause::NoPullSecret)]
    );
    assert_eq!(causes("shop", "free", &[]), [team(Cause::NotGranted), paid(Cause::NotGranted)]);
}

#[test]
fn what_matches_no_entry_is_of_no_concern() {
    for image in
        ["busybox", "registry.example.com/team/public/app", "registry.example.com/Team/app"]
    {
        assert_eq!(World::new(in_place()).problems(&[pod(image, &[], NONE)]), [], "{image}");
    }
    // Nor is one that waits for another of its images.
    let mut other = pod(APP, &[], NONE);
    other["status"]["containerStatuses"] = json!([waiting("side", "ErrImagePull", NONE)]);
    assert_eq!(World::new(in_place()).problems(&[other]), []);
}

#[test]
fn each_kind_of_container_may_wait() {
    let mut pod = pod(APP, &[], NONE);
    pod["spec"]["initContainers"] = json!([{"name": "init", "image": "a/init"}]);
    pod["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "a/debug"}]);
    pod["status"]["initContainerStatuses"] = json!([waiting("init", "ImagePullBackOff", NONE)]);
    pod["status"]["ephemeralContainerStatuses"] =
        json!([waiting("debug", "RegistryUnavailable", "")]);
    let found = pulls(&pod);
    let found: Vec<_> = found.iter().map(|it| (it.place, &*it.title, &*it.image)).collect();
    assert_eq!(
        found,
        [
            (ImagePlace::InitContainer(0), "init container init", "a/init"),
            (ImagePlace::Container(1), "container app", APP),
            (ImagePlace::EphemeralContainer(0), "ephemeral container debug", "a/debug"),
        ]
    );
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-31T10:00:00Z");
    assert_eq!(pulls(&pod), [], "it goes");
}

#[rstest]
#[case::its_own("a.example/app:1", "a.example/data:1", "a.example/app:1", false)]
#[case::the_volume("a.example/app:1", "a.example/data:1", "a.example/data:1", true)]
#[case::a_longer_volume("a.example/app", "a.example/app-data", "a.example/app-data:latest", true)]
#[case::a_longer_own("a.example/app-data", "a.example/app", "a.example/app-data:latest", false)]
#[case::another_tag("a.example/app:1", "a.example/app", "a.example/app:latest", true)]
#[case::another_tag_of_its_own("a.example/app", "a.example/app:1", "a.example/app:latest", false)]
#[case::of_docker_hub("busybox", "alpine", "docker.io/library/alpine:latest", true)]
fn the_message_tells_of_an_image_volume(
    #[case] own: &str,
    #[case] volume: &str,
    #[case] named: &str,
    #[case] is_volume: bool,
) {
    let message = format!("Back-off pulling image \"{named}\": ErrImagePull: 401 Unauthorized");
    let mut pod = pod(own, &[], &message);
    pod["spec"]["containers"][0]["image"] = json!(own);
    pod["spec"]["volumes"] =
        json!([{"name": "tmp", "emptyDir": {}}, {"name": "data", "image": {"reference": volume}}]);
    // Both mount it.
    pod["status"]["containerStatuses"] = json!([
        waiting("side", "ErrImagePull", &message),
        waiting("app", "ErrImagePull", &message)
    ]);
    let found = pulls(&pod);
    let titles: Vec<_> = found.iter().map(|it| (&*it.title, &*it.image)).collect();
    match is_volume {
        true => assert_eq!(titles, [("volume data", volume)]),
        false => assert_eq!(titles, [("container side", own), ("container app", own)]),
    }
}

#[test]
fn pods_are_counted_by_entry_and_cause() {
    let named = |name: &str, mut pod: Value| {
        pod["metadata"]["name"] = json!(name);
        pod
    };
    let mut twice = pod(APP, &["team"], WRONG);
    twice["spec"]["containers"][0]["image"] = json!(APP);
    twice["status"]["containerStatuses"] =
        json!([waiting("app", "ErrImagePull", WRONG), waiting("side", "ErrImagePull", WRONG)]);
    let pods = [
        named("web-1", pod(APP, &["team"], WRONG)),
        named("web-2", pod(APP, &[], NONE)),
        named("web-3", twice),
        named("web-4", pod("busybox", &[], NONE)),
    ];
    let problems = World::new(in_place()).problems(&pods);
    let now = "2026-01-31T10:05:59Z".parse().unwrap();
    let texts: Vec<_> = problems.iter().map(|problem| problem.text(now)).collect();
    assert_eq!(
        texts,
        [
            "entry `team`: 1 Pod cannot pull, team-a/web-2 (container app, image registry.example.com/team/app:1, not ready for 5m): it has no pull secret of this entry: it was created while the webhook did not answer, or before the grant; delete it, or restart its workload; the kubelet says: pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
            "entry `team`: 2 Pods cannot pull, the first team-a/web-1 (container app, image registry.example.com/team/app:1, not ready for 5m): the registry refuses the credential: check the password in pullpass-system/team-source; the kubelet says: unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized",
        ]
    );
    assert_eq!(
        serde_json::to_value(&problems[1]).unwrap(),
        json!({
            "entry": "team",
            "cause": "credentialRefused",
            "reason": "the registry refuses the credential: check the password in pullpass-system/team-source",
            "pods": 2,
            "first": {
                "namespace": "team-a",
                "name": "web-1",
                "place": "container app",
                "image": "registry.example.com/team/app:1",
                "notReadySince": "2026-01-31T10:00:00Z",
                "message": "unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized",
            },
        })
    );
}

#[rstest]
#[case("2026-01-31T10:01:30Z", "90s")]
#[case("2026-01-31T11:59:59Z", "119m")]
#[case("2026-02-01T10:00:00Z", "24h")]
#[case("2026-02-10T10:00:00Z", "10d")]
#[case("2026-01-31T09:59:00Z", "0s")]
fn the_age_is_that_of_not_being_ready(#[case] now: &str, #[case] age: &str) {
    let problems = World::new(in_place()).problems(&[pod(APP, &[], NONE)]);
    let text = problems[0].text(now.parse().unwrap());
    assert!(text.contains(&format!(", not ready for {age})")), "{text}");

    let mut ready = pod(APP, &[], NONE);
    ready["status"]["conditions"][1]["status"] = json!("True");
    let problems = World::new(in_place()).problems(&[ready]);
    assert!(!problems[0].text(now.parse().unwrap()).contains("not ready"));
}

#[test]
fn a_page_is_read_pod_by_pod() {
    let text = json!({"metadata": {"continue": "next"}, "items": [pod(APP, &[], NONE), {}]});
    let text = text.to_string();
    let page = Page::read(&text).unwrap();
    assert_eq!((page.pods.len(), page.next.as_deref()), (2, Some("next")));
    assert!(StuckPod::read(page.pods[1]).unwrap().is_none());
    for last in [r#"{"metadata": {"continue": ""}, "items": null}"#, r#"{"items": []}"#] {
        let page = Page::read(last).unwrap();
        assert_eq!((page.pods.len(), page.next), (0, None));
    }
    assert!(Page::read("{\"items\": 1}").is_err());
}
