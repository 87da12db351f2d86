//! The pages of docs/registries, from the Secret of a token to a Pod that names a pull secret of the right
//! content. What the commands print is compared with what is shown there.

use crate::recipe::{Given, Recipe};

const DOCKER_HUB: &str = include_str!("../../docs/registries/docker-hub.md");
const GITLAB: &str = include_str!("../../docs/registries/gitlab.md");
const GHCR: &str = include_str!("../../docs/registries/ghcr.md");
const HARBOR: &str = include_str!("../../docs/registries/harbor.md");
const QUAY: &str = include_str!("../../docs/registries/quay.md");

/// Follows a page to its Pod. The pull secret has the name of the registry, and this one credential.
async fn leads_to_a_pod(
    page: &str,
    token: Given<'_>,
    namespace: &str,
    (name, registry, username): (&str, &str, &str),
) {
    let recipe = Recipe::page(page, "From the token to a Pod", token).await;
    recipe.goes_on(page, "When it fails").await;

    assert_eq!(recipe.pull_secrets_in(namespace).await, [[name]]);
    let password = token[0].1;
    recipe.has(namespace, name, registry, &format!("{username}:{password}")).await;
    let (status, is_in_order) = recipe.status().await;
    assert!(is_in_order && status.ends_with("\nall copies are in place\n"), "{status}");
    recipe.withdraw().await;
}

#[tokio::test]
async fn docker_hub() {
    let token = [("DOCKER_HUB_TOKEN", "dckr_oat_aB3-dE_5")];
    let registry = "https://index.docker.io/v1/";
    leads_to_a_pod(DOCKER_HUB, &token, "team-hub", ("docker-hub", registry, "my-org")).await;
}

#[tokio::test]
async fn gitlab() {
    let token = [("GITLAB_TOKEN", "gldt-aB3_dE-fG5hJ7kL9")];
    let registry = "registry.gitlab.com/my-group";
    let credential = ("gitlab", registry, "gitlab+deploy-token-1");
    leads_to_a_pod(GITLAB, &token, "team-gitlab", credential).await;
}

#[tokio::test]
async fn ghcr() {
    let token = [("GHCR_TOKEN", "ghp_aB3dE5fG7hJ9")];
    let credential = ("ghcr", "ghcr.io/my-org", "my-machine-account");
    leads_to_a_pod(GHCR, &token, "team-ghcr", credential).await;
}

#[tokio::test]
async fn harbor() {
    let token = [("HARBOR_SECRET", "aB3dE5fG7hJ9kL1m")];
    let registry = "harbor.example.com/my-project";
    let credential = ("harbor", registry, "robot$my-project+pull");
    leads_to_a_pod(HARBOR, &token, "team-harbor", credential).await;
}

#[tokio::test]
async fn quay() {
    let token = [("QUAY_TOKEN", "ABCDEF0123456789")];
    leads_to_a_pod(QUAY, &token, "team-quay", ("quay", "quay.io/my-org", "my-org+pull")).await;
}
