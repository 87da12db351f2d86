//! The manifests are what the API server takes, to the last field.

use std::process::Command;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    manifests::{GIVEN_CERTIFICATE, Manifests, with_components},
};

const CERT_MANAGER_CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cert-manager/crds");

#[tokio::test]
async fn cluster_wide_is_accepted_strictly() {
    let cluster = Cluster::exclusive().await;
    is_accepted_strictly(&cluster, "cluster-wide").await;
}

#[tokio::test]
async fn opt_in_is_accepted_strictly() {
    let cluster = Cluster::exclusive().await;
    is_accepted_strictly(&cluster, "opt-in").await;
}

#[tokio::test]
async fn given_certificate_is_accepted_strictly() {
    let cluster = Cluster::exclusive().await;
    is_accepted_strictly(&cluster, GIVEN_CERTIFICATE).await;
}

#[tokio::test]
async fn cert_manager_is_accepted_strictly() {
    let cluster = Cluster::exclusive().await;
    install_cert_manager_kinds(&cluster).await;
    is_accepted_strictly(&cluster, "cert-manager").await;
}

/// Where the controller looks for the token, and with the audience that docs/registries names.
#[tokio::test]
async fn workload_identity_of_google_is_accepted_strictly() {
    let cluster = Cluster::exclusive().await;
    let components = ["managed-certificates", "secret-copies", "gcp-workload-identity"];
    let yaml = cluster.render_own(&with_components(&components)).await.expect_success();
    let manifests = Manifests::read(yaml);
    manifests_are_accepted_strictly(&cluster, &manifests).await;

    let pod = &manifests.object("Deployment", "pullpass-controller")["spec"]["template"]["spec"];
    let token = &pod["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(token["audience"], "pullpass.io/gcp");
    let mount = &pod["containers"][0]["volumeMounts"][0];
    let file =
        format!("{}/{}", mount["mountPath"].as_str().unwrap(), token["path"].as_str().unwrap());
    assert_eq!(file, "/var/run/secrets/pullpass/gcp/token");
    assert_eq!((&mount["name"], &mount["readOnly"]), (&pod["volumes"][0]["name"], &true.into()));
}

/// As docs/operations.md has it.
#[tokio::test]
async fn an_overlay_of_ones_own_renders() {
    let cluster = Cluster::exclusive().await;
    let kustomization = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../pullpass/deploy/overlays/cluster-wide
configMapGenerator:
  - name: pullpass
    namespace: pullpass-system
    behavior: replace
    files: [config.yaml]
images:
  - name: pullpass
    newName: registry.example.com/tools/pullpass
patches:
  - target: {kind: Deployment, name: pullpass-controller}
    patch: |-
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --certificate-lifetime=7d
";
    let yaml = cluster.render_own(kustomization).await.expect_success();

    let image = format!("image: registry.example.com/tools/pullpass:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(yaml.matches(&image).count(), 2, "{yaml}");
    let arguments =
        ["controller", "--certificates=managed", "--copies=granted", "--certificate-lifetime=7d"];
    for argument in arguments {
        assert_eq!(yaml.matches(&format!("        - {argument}\n")).count(), 1, "{yaml}");
    }
}

#[tokio::test]
async fn opt_in_and_cert_manager_render_together() {
    let cluster = Cluster::exclusive().await;
    let yaml = cluster.render_own(&with_components(&["opt-in", "cert-manager"])).await;
    let yaml = yaml.expect_success();

    assert!(yaml.contains("    scope: optIn\n"), "{yaml}");
    assert_eq!(yaml.matches("--certificates=external").count(), 1, "{yaml}");
    assert!(yaml.contains("cert-manager.io/inject-ca-from"), "{yaml}");
}

#[tokio::test]
async fn without_the_component_no_secret_is_copied() {
    let cluster = Cluster::exclusive().await;
    let yaml = cluster.render_own(&with_components(&["managed-certificates"])).await;
    let yaml = yaml.expect_success();

    assert_eq!(yaml.matches("        - --copies=none\n").count(), 1, "{yaml}");
    assert!(!yaml.contains("pullpass-controller-copies"), "{yaml}");
    // The fence is there whatever the controller does.
    assert_eq!(yaml.matches("policyName: pullpass-controller-secrets\n").count(), 1, "{yaml}");
}

#[tokio::test]
async fn a_certificate_has_one_master() {
    let cluster = Cluster::exclusive().await;
    for components in
        [["managed-certificates", "cert-manager"], ["cert-manager", "managed-certificates"]]
    {
        let output = cluster.render_own(&with_components(&components)).await;
        assert!(!output.success, "{}", output.stdout);
        assert!(output.stderr.contains("pullpass-controller-certificates"), "{}", output.stderr);
    }
}

/// Makes the kinds of cert-manager known, with nobody who minds them.
pub async fn install_cert_manager_kinds(cluster: &Cluster) {
    let output = Command::new(CERT_MANAGER_CRDS).output().unwrap();
    let folder = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = folder.trim_end();
    cluster.kubectl(&["apply", "--server-side", "-f", folder], None).await.expect_success();
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    cluster.kubectl(&established, None).await.expect_success();
}

async fn is_accepted_strictly(cluster: &Cluster, overlay: &str) {
    manifests_are_accepted_strictly(cluster, &cluster.render(overlay).await).await;
}

async fn manifests_are_accepted_strictly(cluster: &Cluster, manifests: &Manifests) {
    // A dry run stores no namespace for the objects that come after it.
    cluster.apply(manifests.object("Namespace", SYSTEM_NAMESPACE)).await;

    let dry_run = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "-o",
        "name",
        "-f",
        "-",
    ];
    let accepted = cluster.kubectl(&dry_run, Some(&manifests.yaml)).await.expect_success();

    assert_eq!(accepted.lines().count(), manifests.objects.len(), "{accepted}");
}
