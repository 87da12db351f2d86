//! The recipes of docs/recipes.md, from their first command to Pods that name pull secrets of the right
//! content. What the commands print is compared with what is shown there.

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;

use crate::{cluster::SYSTEM_NAMESPACE, recipe::Recipe};

const DOCKER_HUB: &str = "https://index.docker.io/v1/";

#[tokio::test]
async fn one_secret_for_every_job_namespace() {
    let tokens = [("GITLAB_TOKEN", "glpat-1"), ("DOCKER_HUB_TOKEN", "dckr-1")];
    let recipe = Recipe::follow("One secret for every job namespace", &tokens, &[]).await;

    assert_eq!(recipe.pull_secrets_in("reana-jobs").await, [["gitlab", "docker-hub"]]);
    for namespace in ["reana-jobs", "reana-test"] {
        recipe.has(namespace, "gitlab", "registry.gitlab.com", "reana:glpat-1").await;
        recipe.has(namespace, "docker-hub", DOCKER_HUB, "my-org:dckr-1").await;
    }
    let (status, is_in_order) = recipe.status().await;
    assert!(is_in_order && status.ends_with("\nall copies are in place\n"), "{status}");
    recipe.withdraw().await;
}

#[tokio::test]
async fn a_namespaces_default() {
    let passwords = [("REGISTRY_PASSWORD", "first"), ("NEW_PASSWORD", "second")];
    let recipe = Recipe::follow("A namespace's default", &passwords, &[]).await;

    let expected = [&["registry-pull"][..], &["my-own", "registry-pull"]];
    assert_eq!(recipe.pull_secrets_in("xnat").await, expected);
    assert_eq!(recipe.secrets_in("xnat").await, ["registry-pull"]);
    // The source was changed by the last command.
    recipe.has("xnat", "registry-pull", "registry.example.com", "xnat:second").await;
    let accounts: Api<ServiceAccount> = Api::namespaced(recipe.cluster().client(), "xnat");
    for account in ["default", "reports"] {
        assert_eq!(accounts.get(account).await.unwrap().image_pull_secrets, None, "{account}");
    }
    recipe.withdraw().await;
}

#[tokio::test]
async fn cluster_wide_and_per_project() {
    let (company, team_a) = (json_key("company"), json_key("team-a"));
    let keys = [("company.json", &*company), ("team-a.json", &*team_a)];
    let recipe = Recipe::follow("Cluster-wide and per project", &[], &keys).await;

    let expected = [&["company-gcr", "team-a-gcr"][..]];
    assert_eq!(recipe.pull_secrets_in("runai-team-a").await, expected);
    assert_eq!(recipe.pull_secrets_in("runai-team-b").await, [["company-gcr"]]);
    let company = format!("_json_key:{}", company.trim_end());
    for namespace in ["runai-team-a", "runai-team-b", "default"] {
        recipe.has(namespace, "company-gcr", "gcr.io", &company).await;
    }
    let team_a = format!("_json_key:{}", team_a.trim_end());
    recipe.has("runai-team-a", "team-a-gcr", "gcr.io", &team_a).await;
    assert_eq!(recipe.secrets_in("runai-team-b").await, ["company-gcr"]);
    recipe.withdraw().await;
}

#[tokio::test]
async fn cluster_wide_by_a_label() {
    let company = json_key("company");
    let (tokens, keys) = ([("DOCKER_HUB_TOKEN", "dckr-1")], [("company.json", &*company)]);
    let recipe = Recipe::follow("Cluster-wide by a label", &tokens, &keys).await;

    assert_eq!(recipe.pull_secrets_in("runai-vision").await, [["company-gcr", "docker-hub"]]);
    assert_eq!(recipe.pull_secrets_in("runai-speech").await, [["company-gcr"]]);
    let company = format!("_json_key:{}", company.trim_end());
    for namespace in ["runai-vision", "runai-speech", "default"] {
        recipe.has(namespace, "company-gcr", "gcr.io/my-company", &company).await;
        assert_eq!(recipe.secrets_in(namespace).await, ["company-gcr"], "{namespace}");
    }
    let (status, is_in_order) = recipe.status().await;
    assert!(is_in_order && status.contains("shared:company-gcr"), "{status}");
    let unlabel = ["-n", SYSTEM_NAMESPACE, "label", "secret", "company-gcr", "pullpass.io/share-"];
    recipe.cluster().kubectl(&unlabel, None).await.expect_success();
    recipe.withdraw().await;
}

#[tokio::test]
async fn project_group_and_system_level() {
    let gitlab = ["registry.gitlab.com/research/models", "registry.gitlab.com/research"];
    let system = auth_config(&[("registry.example.com", "system:s-1"), ("quay.io", "other:s-2")]);
    let group = auth_config(&[(gitlab[1], "research:g-1"), ("registry.example.com", "other:g-2")]);
    let project = auth_config(&[(gitlab[0], "models:p-1")]);
    let variables = [
        ("SYSTEM_AUTH_CONFIG", &*system),
        ("GROUP_AUTH_CONFIG", &group),
        ("PROJECT_AUTH_CONFIG", &project),
    ];
    let recipe = Recipe::follow("Project, group and system level", &variables, &[]).await;

    for (namespace, names) in [
        ("ci-models", &["project-models", "group-research", "system"][..]),
        ("ci-reports", &["group-research", "system"]),
        ("ci-shop", &["system"]),
    ] {
        assert_eq!(recipe.pull_secrets_in(namespace).await, [names]);
        recipe.has(namespace, "system", "registry.example.com", "system:s-1").await;
    }
    recipe.has("ci-models", "project-models", gitlab[0], "models:p-1").await;
    for namespace in ["ci-models", "ci-reports"] {
        recipe.has(namespace, "group-research", gitlab[1], "research:g-1").await;
    }
    let (status, is_in_order) = recipe.status().await;
    assert!(is_in_order && status.ends_with("\nall copies are in place\n"), "{status}");
    recipe.withdraw().await;
}

#[tokio::test]
async fn patterns_per_registry() {
    let variables = [
        ("DOCKER_HUB_TOKEN", "dckr-1"),
        ("ECR_PASSWORD", "ecr-1"),
        ("AZURE_APP_ID", "app"),
        ("AZURE_SECRET", "az-1"),
    ];
    let key = json_key("valohai");
    let files = [("key.json", &*key)];
    let recipe = Recipe::follow("Patterns per registry", &variables, &files).await;

    let expected = [&["docker-hub", "gcr"][..], &[]];
    assert_eq!(recipe.pull_secrets_in("valohai").await, expected);
    let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    let gcr = format!("_json_key:{}", key.trim_end());
    for (name, registry, credential) in [
        ("docker-hub", DOCKER_HUB, "myusername:dckr-1"),
        ("ecr", ecr, "AWS:ecr-1"),
        ("gcr", "gcr.io", &gcr),
        ("acr", "myregistry.azurecr.io", "app:az-1"),
    ] {
        recipe.has("valohai", name, registry, credential).await;
    }
    recipe.withdraw().await;
}

/// A DOCKER_AUTH_CONFIG of these registries, each with its user name and password.
fn auth_config(credentials: &[(&str, &str)]) -> String {
    let auths: serde_json::Map<_, _> = credentials
        .iter()
        .map(|(registry, credential)| {
            ((*registry).to_owned(), serde_json::json!({"auth": STANDARD.encode(credential)}))
        })
        .collect();
    serde_json::json!({ "auths": auths }).to_string()
}

/// As Google writes the key of a service account: over many lines. There is no key in it.
fn json_key(account: &str) -> String {
    let email = format!("{account}@my-company.iam.gserviceaccount.com");
    let key = serde_json::json!({
        "type": "service_account",
        "private_key": "-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n",
        "client_email": email,
    });
    format!("{key:#}\n")
}
