//! Files that the kubelet projects into a Pod: a symlink to a folder of each version is swapped.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    cluster::Cluster,
    deployed::{broken_config, config},
    endpoint::Endpoint,
    eventually::eventually,
    kept_connection::KeptConnection,
    pki::{Authority, Leaf},
    webhook::WebhookProcess,
};

const SOON: Duration = Duration::from_secs(15);

#[tokio::test]
async fn fault_28_two_swaps_of_a_mounted_config_map_are_both_picked_up() {
    let cluster = Cluster::exclusive().await;
    let mut mount = Mount::of(&[("config.yaml", &config("first"))]);
    let webhook = cluster.webhook().config_file(&mount.path("config.yaml")).start().await;

    for secret in ["second", "third"] {
        mount.swap(&[("config.yaml", &config(secret))]);
        gives(&webhook, secret).await;
    }
}

#[tokio::test]
async fn fault_28_of_two_swaps_at_once_the_last_is_in_force() {
    let cluster = Cluster::exclusive().await;
    let mut mount = Mount::of(&[("config.yaml", &config("first"))]);
    let webhook = cluster.webhook().config_file(&mount.path("config.yaml")).start().await;

    mount.swap(&[("config.yaml", broken_config())]);
    mount.swap(&[("config.yaml", &config("third"))]);

    gives(&webhook, "third").await;
}

#[tokio::test]
async fn fault_28_two_swaps_of_a_mounted_certificate_are_both_served() {
    let cluster = Cluster::exclusive().await;
    let authority = Authority::new("mounted");
    let issue = || authority.issue(&["127.0.0.1"]);
    let mut mount = Mount::of(&files(&issue()));
    let webhook = cluster.webhook().config(&config("project"));
    let webhook = webhook.certificate_files(&mount.path("tls.crt"), &mount.path("tls.key"));
    let webhook = webhook.start().await;

    for leaf in [issue(), issue()] {
        mount.swap(&files(&leaf));
        serves(&webhook, &authority, &leaf).await;
    }
    // And two without a look between them.
    let last = issue();
    mount.swap(&files(&issue()));
    mount.swap(&files(&last));
    serves(&webhook, &authority, &last).await;
}

#[tokio::test]
async fn fault_25_a_broken_pair_in_a_mount_leaves_the_last_good_one() {
    let cluster = Cluster::exclusive().await;
    let authority = Authority::new("mounted");
    let (good, other) = (authority.issue(&["127.0.0.1"]), authority.issue(&["127.0.0.1"]));
    let mut mount = Mount::of(&files(&good));
    let webhook = cluster.webhook().config(&config("project"));
    let webhook = webhook.certificate_files(&mount.path("tls.crt"), &mount.path("tls.key"));
    let webhook = webhook.start().await;

    mount.swap(&[("tls.crt", &other.certificate), ("tls.key", &good.key)]);
    eventually("the refusal to be counted", SOON, async || {
        webhook.metric("pullpass_certificate_loads_total{result=\"refused\"}").await >= Some(1.0)
    })
    .await;

    serves(&webhook, &authority, &good).await;
    assert!(webhook.log().contains("the private key does not belong to the certificate"));
}

fn files(leaf: &Leaf) -> [(&'static str, &str); 2] {
    [("tls.crt", &leaf.certificate), ("tls.key", &leaf.key)]
}

async fn gives(webhook: &WebhookProcess, secret: &str) {
    eventually("the configuration to be in force", SOON, async || {
        let given = webhook.additions("default", 5).await?;
        (given == [secret]).then_some(()).ok_or(format!("{given:?}"))
    })
    .await;
}

async fn serves(webhook: &WebhookProcess, authority: &Authority, leaf: &Leaf) {
    eventually("the certificate to be served", SOON, async || {
        let connection = KeptConnection::open(webhook.port(), authority).await?;
        (connection.certificate() == leaf.der()).then_some(()).ok_or("another one".to_string())
    })
    .await;
}

/// A mounted folder as the kubelet's atomic writer keeps it: `FILE -> ..data/FILE`, and `..data` a
/// symlink to the folder of the version.
struct Mount {
    root: tempfile::TempDir,
    version: u32,
}

impl Mount {
    fn of(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for (name, _) in files {
            symlink(Path::new("..data").join(name), root.path().join(name)).unwrap();
        }
        let mut mount = Self { root, version: 0 };
        mount.swap(files);
        mount
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A new version, in the steps of the kubelet.
    fn swap(&mut self, files: &[(&str, &str)]) {
        let old = fs::read_link(self.path("..data")).ok();
        self.version += 1;
        let new = format!("..2026_01_01_00_00_00.{}", self.version);
        fs::create_dir(self.path(&new)).unwrap();
        for (name, content) in files {
            fs::write(self.path(&new).join(name), content).unwrap();
        }
        symlink(&new, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(self.root.path().join(old)).unwrap();
        }
    }
}
