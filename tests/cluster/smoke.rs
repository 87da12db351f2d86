//! The cluster of the tests is a real one, and its vocabulary says what it does.

use std::time::Duration;

use crate::{
    cluster::Cluster,
    endpoint::{BlackHole, DeadPort, Endpoint},
    eventually::eventually,
    oracle::{self, Reading},
    pods::{images, pod, pull_secrets},
    sidecar_injector::SidecarInjector,
    workloads::{cron_job, deployment, job},
};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn controllers_make_pods_and_end_namespaces() {
    let cluster = Cluster::exclusive().await;
    let namespace = cluster.namespace("team").labelled(&[("tier", "paid")]).create().await;
    let template = pod("template").image("gcr.io/p/a").build();

    namespace.create(&deployment("web", &template)).await.unwrap();
    namespace.create(&job("once", &template)).await.unwrap();
    namespace.create(&cron_job("often", &template)).await.unwrap();
    namespace.make_due("often").await;

    for app in ["app=web", "app=once", "app=often"] {
        assert_eq!(images(&namespace.pod_labelled(app).await), ["gcr.io/p/a"]);
    }
    namespace.delete().await;
}

#[tokio::test]
async fn a_pod_is_stored_as_it_was_built() {
    let cluster = Cluster::exclusive().await;
    let namespace = cluster.namespace("team").create().await;
    let built = pod("a")
        .image("gcr.io/p/a")
        .init_image("gcr.io/p/init")
        .image_volume("gcr.io/p/data")
        .secret("one")
        .secret("two")
        .label("app", "a")
        .annotation("note", "b")
        .build();

    namespace.dry_run(&built).await.unwrap();
    let stored = namespace.create(&built).await.unwrap();

    assert_eq!(pull_secrets(&stored), ["one", "two"]);
    assert_eq!(stored.metadata.labels, built.metadata.labels);
}

#[tokio::test]
async fn a_pod_gets_the_pull_secrets_of_its_service_account() {
    let cluster = Cluster::exclusive().await;
    let namespace = cluster.namespace("team").create().await;
    cluster.service_account(&namespace.name, "builder", &["account"]).await;

    let pod = pod("a").image("a").service_account("builder").build();
    let stored = namespace.create(&pod).await.unwrap();

    assert_eq!(pull_secrets(&stored), ["account"]);
}

#[tokio::test]
async fn a_service_account_has_a_kubeconfig_and_no_rights() {
    let cluster = Cluster::exclusive().await;
    let namespace = cluster.namespace("team").create().await;
    let kubeconfig = cluster.kubeconfig_for_service_account(&namespace.name, "default").await;

    let refused =
        cluster.kubectl_as(&kubeconfig, &["get", "secrets", "-n", &namespace.name], None).await;

    assert!(!refused.success);
    let user = format!("system:serviceaccount:{}:default", namespace.name);
    assert!(refused.stderr.contains(&user), "{}", refused.stderr);
    eventually("the refusal in the audit log", SOON, async || {
        let events = cluster.audit_events(|event| {
            event.user.username == user && event.object_ref.resource == "secrets"
        });
        events.len() == 1 && events[0].response_status.code == 403
    })
    .await;
}

#[tokio::test]
async fn the_control_plane_is_of_the_pinned_version() {
    let cluster = Cluster::exclusive().await;
    let version = cluster.client().apiserver_version().await.unwrap();
    let pinned = include_str!("go.mod")
        .lines()
        .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "))
        .unwrap();

    if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
        assert_eq!(version.git_version, pinned);
    }
    println!("{} was ready after {:?}", version.git_version, cluster.control_plane().started_in());
}

#[tokio::test]
async fn a_second_webhook_adds_its_container() {
    let cluster = Cluster::exclusive().await;
    let namespace = cluster.namespace("team").create().await;
    let injector = SidecarInjector::start("quay.io/mesh/proxy");
    cluster.register_sidecar_injector(&injector).await;
    let before = injector.calls();

    let stored = namespace.create(&pod("a").image("gcr.io/p/a").build()).await.unwrap();

    assert_eq!(images(&stored), ["gcr.io/p/a", "quay.io/mesh/proxy"]);
    assert_eq!(injector.calls(), before + 1);
}

#[tokio::test]
async fn the_test_before_leaves_nothing() {
    let cluster = Cluster::exclusive().await;
    let namespace = cluster.namespace("team").create().await;
    let injector = SidecarInjector::start("quay.io/mesh/proxy");
    cluster.register_sidecar_injector(&injector).await;
    let name = namespace.name.clone();
    drop((injector, cluster));

    let cluster = Cluster::exclusive().await;

    let namespace = cluster.namespace("team").create().await;
    let stored = namespace.create(&pod("a").image("a").build()).await.unwrap();
    assert_eq!(images(&stored), ["a"]);
    let left =
        cluster.kubectl(&["get", "namespace", &name, "-o", "jsonpath={.status.phase}"], None).await;
    assert!(!left.success || left.stdout == "Terminating", "{left:?}");
}

#[tokio::test]
async fn a_dead_port_refuses_and_a_black_hole_is_silent() {
    use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

    let dead = DeadPort::new();
    assert!(TcpStream::connect(("127.0.0.1", dead.port())).await.is_err());

    let hole = BlackHole::open();
    let mut stream = TcpStream::connect(("127.0.0.1", hole.port())).await.unwrap();
    let silence = timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(silence.is_err());
}

#[test]
fn the_oracle_reads_as_the_kubelet_does() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let images = ["nginx", "gcr.io/p/a:1", "a b\n\"", &format!("h:5/a@{digest}")];

    let answers = oracle::parse(&images.map(String::from));

    let reading = |domain: &str, path: &str, tag: Option<&str>, digest: Option<&str>| Reading {
        domain: domain.into(),
        path: path.into(),
        tag: tag.map(Into::into),
        digest: digest.map(Into::into),
    };
    let hub = reading("docker.io", "library/nginx", Some("latest"), None);
    assert_eq!(answers[0], Ok(hub));
    let tagged = reading("gcr.io", "p/a", Some("1"), None);
    assert_eq!(answers[1], Ok(tagged));
    assert!(answers[2].is_err());
    assert_eq!(answers[3], Ok(reading("h:5", "a", None, Some(&digest))));
}
