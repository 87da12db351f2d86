//! The walks of docs/migration.md, from what there was to Pods that name pull secrets of the right content.
//! What the commands print is compared with what is shown there.

use crate::recipe::Recipe;

const DOCKER_HUB: &str = "https://index.docker.io/v1/";
const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const HIDDEN: &str = "not-for-the-terminal";

#[tokio::test]
async fn from_patched_service_accounts() {
    let walk = Recipe::migrate("From patched ServiceAccounts", &[]).await;

    for namespace in ["shop", "billing"] {
        let credential = format!("robot:{HIDDEN}");
        walk.has(namespace, "registry-example-com", "registry.example.com", &credential).await;
    }
    assert_eq!(walk.secrets_in("shop").await, ["registry-example-com"]);
    assert_eq!(walk.pull_secrets_in("shop").await, [["registry-example-com"]]);
    walk.withdraw().await;
}

#[tokio::test]
async fn from_copies_of_another_tool() {
    let walk = Recipe::migrate("From copies of another tool", &[]).await;

    for namespace in ["team-a", "team-b"] {
        let credential = format!("robot$team:{HIDDEN}");
        let name = "harbor-example-com-team";
        walk.has(namespace, name, "harbor.example.com/team", &credential).await;
    }
    walk.withdraw().await;
}

#[tokio::test]
async fn from_docker_auth_config() {
    let walk = Recipe::migrate("From DOCKER_AUTH_CONFIG", &[]).await;

    for (name, registry, user) in [
        ("registry-gitlab-com", "registry.gitlab.com", "group"),
        ("registry-gitlab-com-my-group-models", "registry.gitlab.com/my-group/models", "models"),
    ] {
        walk.has("ci-jobs", name, registry, &format!("{user}:{HIDDEN}")).await;
    }
    walk.withdraw().await;
}

#[tokio::test]
async fn from_a_list_of_names() {
    let tokens = [("GITLAB_TOKEN", "glpat-1"), ("DOCKER_HUB_TOKEN", "dckr-1")];
    let walk = Recipe::migrate("From a list of names", &tokens).await;

    walk.has("reana-jobs", "gitlab", "registry.gitlab.com", "reana:glpat-1").await;
    walk.has("reana-jobs", "docker-hub", DOCKER_HUB, "my-org:dckr-1").await;
    walk.withdraw().await;
}

#[tokio::test]
async fn from_a_label() {
    let walk = Recipe::migrate("From a label", &[("REGISTRY_PASSWORD", "first")]).await;

    let credential = "runai:first";
    walk.has("runai-vision", "company-registry", "registry.example.com", credential).await;
    walk.withdraw().await;
}

#[tokio::test]
async fn from_a_cron_job_for_ecr() {
    let tokens = [("ECR_TOKEN", "a-token"), ("NEW_ECR_TOKEN", "a-new-token")];
    let walk = Recipe::migrate("From a cron job for ECR", &tokens).await;

    walk.has("web", &ECR.replace('.', "-"), ECR, "AWS:a-new-token").await;
    walk.withdraw().await;
}
