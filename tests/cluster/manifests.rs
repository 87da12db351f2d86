//! The manifests of `deploy/`, as `kubectl kustomize` renders them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    endpoint::Endpoint,
    in_force, kubectl,
    pki::Authority,
};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
/// What the webhook needs of the cluster, short of being called.
const FOUNDATION: [&str; 7] = [
    "Namespace",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ConfigMap",
];
/// The kinds of webhook configurations. The manifests have one of each, called `pullpass`.
pub const MUTATING: &str = "MutatingWebhookConfiguration";
pub const VALIDATING: &str = "ValidatingWebhookConfiguration";
/// The administrator's own overlay, in a [`workplace`].
pub const OWN_OVERLAY: &str = "my-cluster/kustomization.yaml";
/// The overlay whose certificate comes from files.
pub const GIVEN_CERTIFICATE: &str = "given-certificate";

/// A rendered overlay.
#[derive(Debug, Clone)]
pub struct Manifests {
    /// The documents as kustomize wrote them.
    pub yaml: String,
    /// The same, read.
    pub objects: Vec<Value>,
}

impl Manifests {
    /// Reads what kustomize wrote.
    pub fn read(yaml: String) -> Self {
        let objects = serde_saphyr::from_multiple(&yaml)
            .unwrap_or_else(|error| panic!("kustomize wrote no YAML: {error}"));
        Self { yaml, objects }
    }

    /// The objects of one kind.
    pub fn of_kind(&self, kind: &str) -> Vec<&Value> {
        let objects = self.objects.iter();
        objects.filter(|object| object["kind"] == kind).collect()
    }

    /// The one object of this kind and name.
    pub fn object(&self, kind: &str, name: &str) -> &Value {
        let found = self.of_kind(kind);
        let mut named = found.into_iter().filter(|object| object["metadata"]["name"] == name);
        named.next().unwrap_or_else(|| panic!("the manifests have no {kind} {name}"))
    }
}

impl Cluster {
    /// Renders `deploy/overlays/OVERLAY` of a fresh checkout. Only the overlay [`GIVEN_CERTIFICATE`] finds
    /// a certificate in `certs/`, one made for it.
    pub async fn render(&self, overlay: &str) -> Manifests {
        let checkout = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder is made");
        check_out(checkout.path());
        if overlay == GIVEN_CERTIFICATE {
            make_certs(checkout.path());
        }
        let folder = checkout.path().join("deploy/overlays").join(overlay);
        let yaml = self.kustomize(&folder).await.expect_success();
        Manifests::read(yaml)
    }

    /// Renders an overlay of the administrator's own.
    pub async fn render_own(&self, kustomization: &str) -> kubectl::Output {
        let workplace = workplace();
        fs::write(workplace.path().join(OWN_OVERLAY), kustomization).expect("it is written");
        self.kustomize(&workplace.path().join("my-cluster")).await
    }

    async fn kustomize(&self, folder: &Path) -> kubectl::Output {
        let folder = folder.to_str().expect("the path is UTF-8");
        self.kubectl(&["kustomize", folder], None).await
    }

    /// Applies what the webhook needs before it starts: its namespace, ServiceAccount, rights and
    /// ConfigMap.
    pub async fn install(&self, overlay: &str) {
        self.install_foundation(&self.render(overlay).await).await;
    }

    /// The same of an overlay of the administrator's own.
    pub async fn install_own(&self, kustomization: &str) {
        let yaml = self.render_own(kustomization).await.expect_success();
        self.install_foundation(&Manifests::read(yaml)).await;
    }

    /// The same of the base and these components.
    pub async fn install_components(&self, components: &[&str]) {
        self.install_own(&with_components(components)).await;
    }

    async fn install_foundation(&self, manifests: &Manifests) {
        let items: Vec<&Value> =
            FOUNDATION.iter().flat_map(|kind| manifests.of_kind(kind)).collect();
        self.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items})).await;
    }

    /// Registers the overlay's webhook configurations and waits until they are in force. Only their
    /// `clientConfig` differs from the manifest: it names the endpoint, under the manifest's path.
    pub async fn register(&self, overlay: &str, endpoint: &impl Endpoint) {
        let manifests = self.render(overlay).await;
        self.apply(manifests.object("Namespace", SYSTEM_NAMESPACE)).await;
        for kind in [MUTATING, VALIDATING] {
            for configuration in manifests.of_kind(kind) {
                self.apply(&directed(configuration, endpoint)).await;
            }
        }
        for configuration in manifests.of_kind(MUTATING) {
            let name = &configuration["metadata"]["name"];
            in_force::wait_for_mutating(self, name.as_str().unwrap_or_default()).await;
        }
        if !manifests.of_kind(VALIDATING).is_empty() {
            in_force::wait_for_validating(self, true).await;
        }
    }
}

/// Whether an object is there for the rights to copy pull secrets, and for nothing else.
pub fn is_for_copies(object: &Value) -> bool {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    name.starts_with("pullpass-controller-copies") || name == "pullpass-shared"
}

/// An overlay of the administrator's own: the base and these components.
pub fn with_components(components: &[&str]) -> String {
    let listed =
        components.iter().map(|name| format!("  - ../pullpass/deploy/components/{name}\n"));
    format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
         resources: [../pullpass/deploy/base]\ncomponents:\n{}",
        listed.collect::<String>()
    )
}

/// The configuration with every webhook of it at the endpoint.
fn directed(configuration: &Value, endpoint: &impl Endpoint) -> Value {
    let mut configuration = configuration.clone();
    let webhooks = configuration["webhooks"].as_array_mut();
    for webhook in webhooks.into_iter().flatten() {
        let path = webhook["clientConfig"]["service"]["path"]
            .as_str()
            .unwrap_or_else(|| panic!("no path in {webhook}"));
        webhook["clientConfig"] = client_config(endpoint, path);
    }
    configuration
}

/// A `clientConfig` that leads to the endpoint.
pub fn client_config(endpoint: &impl Endpoint, path: &str) -> Value {
    json!({
        "url": format!("https://127.0.0.1:{}{path}", endpoint.port()),
        "caBundle": STANDARD.encode(endpoint.ca_pem()),
    })
}

/// A folder as docs/operations.md has it: a checkout called `pullpass`, and beside it `my-cluster` with
/// a configuration, which lacks its [`OWN_OVERLAY`].
pub fn workplace() -> tempfile::TempDir {
    let workplace = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder is made");
    check_out(&workplace.path().join("pullpass"));
    let own = workplace.path().join("my-cluster");
    fs::create_dir(&own).expect("the folder is made");
    let config = Path::new(REPOSITORY).join("examples/config.yaml");
    fs::copy(config, own.join("config.yaml")).expect("the configuration is written");
    workplace
}

/// Copies `deploy/` and `certs/` as the repository has them: without the user's own certificate.
fn check_out(target: &Path) {
    let repository = Path::new(REPOSITORY);
    copy_folder(&repository.join("deploy"), &target.join("deploy"), &|_| true);
    copy_folder(&repository.join("certs"), &target.join("certs"), &|file| {
        file.extension().is_some_and(|extension| extension == "yaml")
    });
}

/// A certificate as `make certs` makes one.
fn make_certs(checkout: &Path) {
    let authority = Authority::new("pullpass-tests");
    let leaf = authority.issue(&["pullpass-webhook.pullpass-system.svc"]);
    for (name, content) in
        [("ca.crt", authority.pem()), ("tls.crt", leaf.certificate), ("tls.key", leaf.key)]
    {
        fs::write(checkout.join("certs").join(name), content).expect("the certificate is written");
    }
}

fn copy_folder(from: &Path, to: &Path, wanted: &dyn Fn(&PathBuf) -> bool) {
    let fail = |error| -> ! { panic!("cannot copy {}: {error}", from.display()) };
    fs::create_dir_all(to).unwrap_or_else(|error| fail(error));
    for entry in fs::read_dir(from).unwrap_or_else(|error| fail(error)) {
        let source = entry.unwrap_or_else(|error| fail(error)).path();
        let target = to.join(source.file_name().expect("an entry has a name"));
        if source.is_dir() {
            copy_folder(&source, &target, wanted);
        } else if wanted(&source) {
            fs::copy(&source, &target).unwrap_or_else(|error| fail(error));
        }
    }
}
