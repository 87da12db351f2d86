//! The commands of docs/operations.md, run as they stand there.

use std::fs;

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    installation,
    manifests::{OWN_OVERLAY, workplace},
    pki::Authority,
    reapplied, shell,
};

const MANUAL: &str = include_str!("../../docs/operations.md");
const NAMES: [&str; 1] = ["pullpass-webhook.pullpass-system.svc"];

/// An administrator with a checkout and an overlay, in a cluster that Pullpass is installed in.
struct Administrator<'a> {
    cluster: &'a Cluster,
    folder: tempfile::TempDir,
}

#[tokio::test]
async fn from_managed_to_given_and_back_the_ca_bundle_stays_and_the_rights_follow() {
    let cluster = Cluster::exclusive().await;
    let administrator = Administrator::new(&cluster).await;
    let bundle = administrator.with_certificates_of_the_controller().await;
    let serving = administrator.secret("pullpass-tls").await;

    administrator.chooses("given-certificate");
    administrator.does("#### From managed to given").await;

    assert_eq!(reapplied::published(&cluster).await, [&*bundle; 2]);
    assert_eq!(administrator.secret("pullpass-tls").await, serving);
    assert_eq!(administrator.secret("pullpass-ca").await, None);
    administrator.has_controller("external").await;

    administrator.chooses("cluster-wide");
    administrator.does("#### From given to managed").await;

    assert_eq!(reapplied::published(&cluster).await, [&*bundle; 2]);
    assert_eq!(administrator.secret("pullpass-tls").await, serving);
    administrator.has_controller("managed").await;
    administrator.uninstalls().await;
}

#[tokio::test]
async fn from_managed_to_cert_manager_and_back_the_rights_follow() {
    let cluster = Cluster::exclusive().await;
    installation::install_cert_manager_kinds(&cluster).await;
    let administrator = Administrator::new(&cluster).await;
    administrator.with_certificates_of_the_controller().await;

    administrator.chooses("cert-manager");
    administrator.does("#### From managed to cert-manager").await;

    assert_eq!(administrator.secret("pullpass-ca").await, None);
    assert!(administrator.secret("pullpass-tls").await.is_some());
    administrator.has_controller("external").await;

    // As cert-manager does it.
    let bundle = administrator.with_certificates_of_the_controller().await;
    administrator.chooses("cluster-wide");
    administrator.does("#### From cert-manager to managed").await;

    assert_eq!(reapplied::published(&cluster).await, [&*bundle; 2]);
    assert_eq!(administrator.secret("pullpass-ca").await, None);
    assert!(administrator.secret("pullpass-tls").await.is_some());
    administrator.has_controller("managed").await;
    administrator.uninstalls().await;
}

#[tokio::test]
async fn rotation_is_asked_for_or_begun_anew() {
    let cluster = Cluster::exclusive().await;
    let administrator = Administrator::new(&cluster).await;
    administrator.with_certificates_of_the_controller().await;
    let blocks = blocks("### Rotation");
    let [ask, begin_anew] = &*blocks else { panic!("{blocks:?}") };

    administrator.runs(ask).await;
    for name in ["pullpass-ca", "pullpass-tls"] {
        let get = ["get", "secret", name, "-n", SYSTEM_NAMESPACE, "-o", "json"];
        let secret: Value = serde_json::from_str(&administrator.kubectl(&get).await).unwrap();
        assert_eq!(secret["metadata"]["annotations"]["pullpass.io/renew"], "now");
    }

    administrator.runs(begin_anew).await;
    assert_eq!(reapplied::published(&cluster).await, ["", ""]);
    assert_eq!(administrator.secret("pullpass-ca").await, None);
    assert_eq!(administrator.secret("pullpass-tls").await, None);
    administrator.has_controller("managed").await;
    administrator.uninstalls().await;
}

impl<'a> Administrator<'a> {
    async fn new(cluster: &'a Cluster) -> Self {
        let administrator = Self { cluster, folder: workplace() };
        administrator.chooses("cluster-wide");
        administrator.runs("kubectl apply -k my-cluster").await;
        administrator
    }

    /// Makes this overlay the one that `my-cluster` builds on, as the manual has it.
    fn chooses(&self, overlay: &str) {
        let section = section("## Install");
        let yaml = section.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
        let yaml = yaml.unwrap().replace("overlays/cluster-wide", &format!("overlays/{overlay}"));
        fs::write(self.folder.path().join(OWN_OVERLAY), yaml).unwrap();
    }

    /// Makes both Secrets and fills every caBundle, which is given back.
    async fn with_certificates_of_the_controller(&self) -> String {
        let authority = Authority::new("pullpass");
        self.cluster.write_tls_secret(&authority.issue(&NAMES), &authority).await;
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "pullpass-ca", "namespace": SYSTEM_NAMESPACE},
            "stringData": {"ca.crt": authority.pem()},
        });
        self.cluster.apply(&secret).await;
        reapplied::publish(self.cluster, &authority).await
    }

    async fn secret(&self, name: &str) -> Option<Value> {
        let get = ["get", "secret", name, "-n", SYSTEM_NAMESPACE, "-o", "json"];
        let get = [&get as &[_], &["--ignore-not-found"]].concat();
        let secret = self.kubectl(&get).await;
        (!secret.is_empty())
            .then(|| serde_json::from_str::<Value>(&secret).unwrap()["data"].clone())
    }

    /// The controller is there twice, in this mode and with the rights of this mode.
    async fn has_controller(&self, mode: &str) {
        let get =
            ["get", "deployment", "pullpass-controller", "-n", SYSTEM_NAMESPACE, "-o", "json"];
        let deployment: Value = serde_json::from_str(&self.kubectl(&get).await).unwrap();
        let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
        assert_eq!(arguments[1], format!("--certificates={mode}"));
        assert_eq!(deployment["spec"]["replicas"], 2);
        let get = ["get", "clusterrole,clusterrolebinding", "-o", "name"];
        let roles = self.kubectl(&get).await;
        let count = roles.lines().filter(|name| name.ends_with("/pullpass-controller")).count();
        assert_eq!(count, if mode == "managed" { 2 } else { 0 }, "{roles}");
    }

    async fn uninstalls(&self) {
        self.does("## Uninstall").await;
        let kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,\
                     clusterrolebindings,validatingadmissionpolicies,\
                     validatingadmissionpolicybindings,priorityclasses,namespaces";
        let ours = ["get", kinds, "-l", "app.kubernetes.io/part-of=pullpass", "-o", "name"];
        assert_eq!(self.kubectl(&ours).await, "");
    }

    async fn kubectl(&self, arguments: &[&str]) -> String {
        self.cluster.kubectl(arguments, None).await.expect_success()
    }

    /// Runs the commands of the section.
    async fn does(&self, heading: &str) {
        for commands in blocks(heading) {
            self.runs(&commands).await;
        }
    }

    async fn runs(&self, commands: &str) {
        let output = shell::run(self.cluster, self.folder.path(), &[], commands).await;
        assert!(output.success, "{commands}\n{output:?}");
    }
}

/// The shell commands of a section of the manual.
fn blocks(heading: &str) -> Vec<String> {
    let section = section(heading);
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<String> = blocks.map(str::to_owned).collect();
    assert!(!blocks.is_empty(), "no commands under `{heading}`");
    blocks
}

/// What stands under a heading, up to the next one.
fn section(heading: &str) -> &'static str {
    let begin = MANUAL.split_once(&format!("\n{heading}\n"));
    let (_, rest) = begin.unwrap_or_else(|| panic!("the manual has no `{heading}`"));
    rest.split("\n## ")
        .next()
        .and_then(|rest| rest.split("\n### ").next())
        .and_then(|rest| rest.split("\n#### ").next())
        .unwrap_or(rest)
}
