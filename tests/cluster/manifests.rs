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
    in_force,
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
const MUTATING: &str = "MutatingWebhookConfiguration";
const VALIDATING: &str = "ValidatingWebhookConfiguration";

/// A rendered overlay.
#[derive(Debug, Clone)]
pub struct Manifests {
    /// The documents as kustomize wrote them.
    pub yaml: String,
    /// The same, read.
    pub objects: Vec<Value>,
}

impl Manifests {
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
    /// Renders `deploy/overlays/OVERLAY` with a certificate made for it: the user's own in `certs/` is
    /// neither needed nor read.
    pub async fn render(&self, overlay: &str) -> Manifests {
        let copy = copy_of_deploy();
        let folder = copy.path().join("deploy/overlays").join(overlay);
        let folder = folder.to_str().expect("the path is UTF-8");
        let yaml = self.kubectl(&["kustomize", folder], None).await.expect_success();
        let objects = serde_saphyr::from_multiple(&yaml)
            .unwrap_or_else(|error| panic!("kustomize wrote no YAML for {overlay}: {error}"));
        Manifests { yaml, objects }
    }

    /// Applies what the webhook needs before it starts: its namespace, ServiceAccount, rights and
    /// ConfigMap.
    pub async fn install(&self, overlay: &str) {
        let manifests = self.render(overlay).await;
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

/// `deploy/` and `certs/` as the repository has them, and a certificate as `make certs` makes one.
fn copy_of_deploy() -> tempfile::TempDir {
    let copy = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder is made");
    let repository = Path::new(REPOSITORY);
    copy_folder(&repository.join("deploy"), &copy.path().join("deploy"), &|_| true);
    let certs = copy.path().join("certs");
    copy_folder(&repository.join("certs"), &certs, &|file| {
        file.extension().is_some_and(|extension| extension == "yaml")
    });
    let authority = Authority::new("pullpass-tests");
    let leaf = authority.issue(&["pullpass-webhook.pullpass-system.svc"]);
    for (name, content) in
        [("ca.crt", authority.pem()), ("tls.crt", leaf.certificate), ("tls.key", leaf.key)]
    {
        fs::write(certs.join(name), content).expect("the certificate is written");
    }
    copy
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
