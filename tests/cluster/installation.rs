//! The manifests are what the API server takes, to the last field.

use std::process::Command;

use crate::cluster::{Cluster, SYSTEM_NAMESPACE};

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
async fn cert_manager_is_accepted_strictly() {
    let cluster = Cluster::exclusive().await;
    let output = Command::new(CERT_MANAGER_CRDS).output().unwrap();
    let folder = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = folder.trim_end();
    cluster.kubectl(&["apply", "--server-side", "-f", folder], None).await.expect_success();
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    cluster.kubectl(&established, None).await.expect_success();

    is_accepted_strictly(&cluster, "cert-manager").await;
}

async fn is_accepted_strictly(cluster: &Cluster, overlay: &str) {
    let manifests = cluster.render(overlay).await;
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
