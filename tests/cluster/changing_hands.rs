//! Certificates change hands: from files to the controller, to an authority of one's own, and not from
//! whoever else looks after them.

use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use pullpass::pki::Bundle;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints,
};
use serde_json::{Value, json};

use crate::{
    audit::Event,
    cluster::{Cluster, SYSTEM_NAMESPACE},
    deployed::config,
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    managed::{CONTROLLER, SERVICE, SOON},
    manifests::{GIVEN_CERTIFICATE, MUTATING, VALIDATING, client_config},
    pki::{Authority, Leaf, key_pair},
    upkeep::Upkeep,
};

const NAMES: [&str; 2] = ["127.0.0.1", SERVICE];
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// As docs/operations.md has it.
#[tokio::test]
async fn from_a_given_certificate_to_managed_ones_without_a_failed_admission() {
    let cluster = Cluster::exclusive().await;
    let service = Forwarder::to(&[]).await;
    let given = Given { authority: Authority::new("given"), port: service.port() };
    let leaf = given.authority.issue(&NAMES);
    cluster.apply_given(&given, &leaf).await;
    cluster.configure(&config("project")).await.expect_success();
    let webhook = cluster.quick_webhook(&service).await;
    let stream = cluster.pod_stream().await;

    let kinds = format!("{MUTATING},{VALIDATING}");
    let forget = ["annotate", &kinds, "pullpass", &format!("{LAST_APPLIED}-")];
    cluster.kubectl(&forget, None).await.expect_success();
    let mut overlay = cluster.default_overlay(service.port()).await;
    // The table stays as it is, and so does the failurePolicy: both are the administrator's.
    overlay.retain(|object| object["kind"] != "ConfigMap");
    for webhook in overlay.iter_mut().filter(|object| object["kind"] == MUTATING) {
        webhook["webhooks"][0]["failurePolicy"] = json!("Fail");
    }
    cluster.apply_all(overlay).await;
    let secret = cluster.secrets().get("pullpass-tls").await.unwrap();
    let key_line = leaf.key.lines().nth(2).unwrap();
    assert!(secret.annotations().contains_key(LAST_APPLIED));
    let mut upkeep = Upkeep::of(cluster, service, webhook, &[]).await;
    upkeep.remember(&leaf.key);
    let last = upkeep.in_order().await;

    println!("{} Pods were admitted", stream.end().await);
    assert_ne!(last.authority.as_ref(), given.authority.der());
    let secret = upkeep.cluster.secrets().get("pullpass-tls").await.unwrap();
    assert!(!secret.annotations().contains_key(LAST_APPLIED));
    assert!(!serde_json::to_string(&secret).unwrap().contains(key_line));
    assert_eq!(upkeep.issued().await, [1, 1]);
    upkeep.kept_its_keys().await;
}

#[tokio::test]
async fn an_authority_of_ones_own_is_used_if_it_can_be() {
    let mut upkeep = Upkeep::start(&[]).await;
    let stream = upkeep.cluster.pod_stream().await;
    let first = upkeep.in_order().await;

    let own = authority("company.example", None);
    upkeep.remember(&own.key);
    put(&upkeep, &own, first.trusted.pem().as_bytes()).await;
    let found = upkeep.changed(|found| found.authority.as_ref() == own.der()).await;
    assert_eq!(upkeep.issued().await, [1, 2]);
    assert_eq!(found.trusted, Bundle::parse(own.certificate.as_bytes()).unwrap());
    let stored = upkeep.cluster.secrets().get("pullpass-ca").await.unwrap();
    assert_eq!(stored.data.unwrap()["tls.key"].0, own.key.as_bytes());

    // Its Secret says nothing of the authority before.
    let next = authority("company.example", None);
    upkeep.remember(&next.key);
    put(&upkeep, &next, next.certificate.as_bytes()).await;
    upkeep.changed(|found| found.authority.as_ref() == next.der()).await;
    assert_eq!(upkeep.issued().await, [1, 3]);

    let elsewhere = authority("held to other names", Some("other.example"));
    upkeep.remember(&elsewhere.key);
    put(&upkeep, &elsewhere, elsewhere.certificate.as_bytes()).await;
    upkeep
        .changed(|found| ![&next, &elsewhere].iter().any(|ca| found.authority.as_ref() == ca.der()))
        .await;
    assert_eq!(upkeep.issued().await, [2, 4]);
    upkeep.event(&["Warning AuthorityIssued pullpass-ca", "what it signs is not accepted"]).await;

    println!("{} Pods were admitted", stream.end().await);
    upkeep.kept_its_keys().await;
}

/// As `kubectl create secret tls` makes it: of a type that never changes, and without `ca.crt`.
#[tokio::test]
async fn the_secret_of_an_authority_of_ones_own_is_never_deleted() {
    let mut upkeep = Upkeep::start(&[]).await;
    let own = authority("company.example", None);
    upkeep.remember(&own.key);
    let secrets = upkeep.cluster.secrets();
    upkeep.controller.signal("STOP");
    secrets.delete("pullpass-ca", &DeleteParams::default()).await.unwrap();
    let brought: Secret = serde_json::from_value(json!({
        "metadata": {"name": "pullpass-ca"},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": own.certificate, "tls.key": own.key},
    }))
    .unwrap();
    let brought = secrets.create(&PostParams::default(), &brought).await.unwrap();
    upkeep.controller.signal("CONT");
    eventually("all to be in order with it", SOON, async || {
        let found = upkeep.cluster.certificates().await?;
        let is_so = found.are_steady() && found.authority.as_ref() == own.der();
        is_so.then_some(()).ok_or_else(|| upkeep.controller.log())
    })
    .await;
    let uid = async || secrets.get("pullpass-ca").await.unwrap().uid();
    assert_eq!(uid().await, brought.uid());

    let spoilt = json!({"immutable": true, "data": {"ca.crt": ByteString(b"spoilt".to_vec())}});
    let patch = Patch::Merge(spoilt);
    secrets.patch("pullpass-ca", &PatchParams::default(), &patch).await.unwrap();
    upkeep.event(&["Warning CertificateFailed", "for it is immutable: delete it"]).await;
    assert_eq!(uid().await, brought.uid());
    secrets.delete("pullpass-ca", &DeleteParams::default()).await.unwrap();
    upkeep.changed(|found| found.authority.as_ref() != own.der()).await;
    upkeep.kept_its_keys().await;
}

#[tokio::test]
async fn a_secret_that_somebody_else_looks_after_is_left_alone() {
    let mut upkeep = Upkeep::start(&[]).await;
    let owner: Api<ConfigMap> = Api::namespaced(upkeep.cluster.client(), SYSTEM_NAMESPACE);
    let owner = owner.get("pullpass").await.unwrap().metadata.uid;
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "pullpass",
        "uid": owner, "controller": true}]);
    let certificate = "cert-manager.io/certificate-name";
    let marks = [
        (
            "pullpass-tls",
            json!({"annotations": {certificate: "pullpass-tls"}}),
            json!({"annotations": {certificate: null}}),
            "cert-manager's Certificate pullpass-tls",
        ),
        (
            "pullpass-ca",
            json!({"ownerReferences": owner}),
            json!({"ownerReferences": null}),
            "the ConfigMap pullpass",
        ),
    ];
    for (name, mark, unmark, owner) in marks {
        let before = failures(&upkeep).await;
        change_metadata(&upkeep, name, &mark).await;
        // All that it would otherwise put right.
        for secret in ["pullpass-ca", "pullpass-tls"] {
            upkeep.cluster.change_secret(secret, &[("ca.crt", Some(b"spoilt"))]).await;
        }
        let path = "/webhooks/0/clientConfig/caBundle";
        upkeep.cluster.change_registration(json!([{"op": "remove", "path": path}])).await;
        let left = writes(&upkeep);
        upkeep.event(&["Warning CertificateFailed", owner, "leave the Secret"]).await;
        eventually("more rounds that fail", SOON, async || failures(&upkeep).await >= before + 3.0)
            .await;
        assert_eq!(writes(&upkeep), left, "{}", upkeep.controller.log());

        change_metadata(&upkeep, name, &unmark).await;
        upkeep.in_order().await;
    }
    upkeep.kept_its_keys().await;
}

struct Given {
    authority: Authority,
    port: u16,
}

impl Endpoint for Given {
    fn port(&self) -> u16 {
        self.port
    }
    fn ca_pem(&self) -> String {
        self.authority.pem()
    }
}

impl Cluster {
    /// Applies the overlay of a given certificate as `kubectl apply -k` does, with this one.
    async fn apply_given(&self, given: &Given, leaf: &Leaf) {
        let mut items = self.render(GIVEN_CERTIFICATE).await.objects;
        items.retain(|object| object["kind"] != "Deployment");
        for object in &mut items {
            if object["metadata"]["name"] == "pullpass-tls" && object["kind"] == "Secret" {
                let values = [
                    ("tls.crt", leaf.certificate.clone()),
                    ("tls.key", leaf.key.clone()),
                    ("ca.crt", given.authority.pem()),
                ];
                object["data"] = values
                    .map(|(key, text)| (key.to_owned(), json!(ByteString(text.into_bytes()))))
                    .into_iter()
                    .collect::<serde_json::Map<_, _>>()
                    .into();
            }
            for webhook in object["webhooks"].as_array_mut().into_iter().flatten() {
                let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap().to_owned();
                webhook["clientConfig"] = client_config(given, &path);
            }
        }
        self.apply_all(items).await;
    }
}

/// Somebody's authority: any, or one for names under a domain.
fn authority(common_name: &str, domain: Option<&str>) -> Leaf {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.name_constraints = domain.map(|domain| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(domain.into())],
        excluded_subtrees: vec![],
    });
    let key = key_pair();
    let certificate = params.self_signed(&key).unwrap();
    Leaf { certificate: certificate.pem(), key: key.serialize_pem() }
}

/// Puts an authority into its Secret.
async fn put(upkeep: &Upkeep, authority: &Leaf, trusted: &[u8]) {
    let values: [(&str, Option<&[u8]>); 3] = [
        ("tls.crt", Some(authority.certificate.as_bytes())),
        ("tls.key", Some(authority.key.as_bytes())),
        ("ca.crt", Some(trusted)),
    ];
    upkeep.cluster.change_secret("pullpass-ca", &values).await;
}

async fn change_metadata(upkeep: &Upkeep, secret: &str, metadata: &Value) {
    let patch = Patch::Merge(json!({"metadata": metadata}));
    upkeep.cluster.secrets().patch(secret, &PatchParams::default(), &patch).await.unwrap();
}

async fn failures(upkeep: &Upkeep) -> f64 {
    upkeep.controller.metric("pullpass_certificate_failures_total").await.unwrap()
}

/// What the controller has written but its Lease and Events.
fn writes(upkeep: &Upkeep) -> usize {
    let is_write = |event: &Event| {
        event.user.username == CONTROLLER
            && !["get", "list", "watch"].contains(&event.verb.as_str())
            && !["leases", "events"].contains(&event.object_ref.resource.as_str())
    };
    upkeep.cluster.audit_events(is_write).len()
}
