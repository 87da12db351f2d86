use super::run::{CONFIG, file, pullpass};
use rstest::rstest;

#[rstest]
#[case(&[])]
#[case(&["nonsense"])]
#[case(&["check"])]
#[case(&["check", "--config"])]
#[case(&["check", "--config", CONFIG, "-o", "xml"])]
#[case(&["match", "--config", CONFIG])]
#[case(&["match", "--config", CONFIG, "-", "nginx"])]
#[case(&["match", "--config", "-", "-"])]
#[case(&["explain", "--config", CONFIG])]
#[case(&["explain", "--config", "-", "-f", "-"])]
#[case(&["inject", "--config", "-", "-f", "-"])]
#[case(&["inject", "--config", CONFIG, "-f", "-", "--namespace-labels", "x"])]
#[case(&["import"])]
#[case(&["import", "docker-config", "-"])]
#[case(&["import", "docker-config", "-", "--except", "a"])]
#[case(&["import", "docker-config", "-", "--names", "Team"])]
#[case(&["import", "docker-config", "-", "--selector", "tier"])]
#[case(&["import", "docker-config", "-", "--names", "*", "--force"])]
#[case(&["import", "docker-config", "-", "--names", "*", "--out", "x", "--show-secrets"])]
#[case(&["import", "secrets", "a", "--namespace", "b", "-f", "-"])]
#[case(&["import", "secrets", "a,B", "--namespace", "b", "--names", "*"])]
#[case(&["import", "secrets", "a", "--names", "*"])]
#[case(&["import", "labelled", "a=b", "--namespace", "b", "-f", "-"])]
#[case(&["import", "labelled", "a=b", "--namespace", "b", "--share"])]
#[case(&["import", "labelled", "!a", "--namespace", "b", "--names", "*"])]
#[case(&["import", "cluster", "--namespace", "a.b"])]
#[case(&["certs", "--out", "x"])]
#[case(&["certs", "--out", "x", "--dns", "a", "--days", "0"])]
#[case(&["completions", "tcsh"])]
#[case(&["controller", "--lease-renew-deadline", "15s"])]
#[case(&["controller", "--lease-retry-period", "10s"])]
#[case(&["controller", "--lease-retry-period", "0s"])]
#[case(&["controller", "--lease-name", "Lease"])]
#[case(&["controller", "--namespace", "a.b"])]
#[case(&["controller", "--certificates", "none"])]
#[case(&["controller", "--certificate-lifetime", "17m"])]
#[case(&["controller", "--pickup-delay", "20h", "--certificate-lifetime", "1d"])]
#[case(&["controller", "--certificate-name", "a_b"])]
#[case(&["controller", "--certificate-name", "foo."])]
#[case(&["controller", "--certificate-name", "*.*.example"])]
#[case(&["controller", "--certificate-name", "pullpass.123"])]
#[case(&["controller", "--ca-lifetime", "0d"])]
#[case(&["controller", "--ca-lifetime", "101y"])]
#[case(&["controller", "--ca-lifetime", "30d"])]
#[case(&["controller", "--ca-renewal-percent", "9"])]
#[case(&["controller", "--certificate-renewal-percent", "96"])]
#[case(&["controller", "--ca-secret", "pullpass-tls"])]
fn wrong_usage_ends_with_2_and_prints_nothing_to_standard_output(#[case] args: &[&str]) {
    let outcome = pullpass(args).run();
    assert_eq!((outcome.code, &*outcome.stdout), (2, ""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("--help"), "{}", outcome.stderr);
}

#[rstest]
#[case("controller")]
#[case("check")]
#[case("match")]
#[case("explain")]
#[case("inject")]
#[case("certs")]
#[case("schema")]
#[case("status")]
#[case("import docker-config")]
#[case("import secrets")]
#[case("import labelled")]
#[case("import cluster")]
#[case("completions")]
#[case("man")]
fn every_subcommand_has_an_example_and_a_variable_for_each_flag(#[case] subcommand: &str) {
    let help: Vec<_> = subcommand.split(' ').chain(["--help"]).collect();
    let help = pullpass(&help).run().done();
    assert!(
        help.contains("Example") && help.contains(&format!("pullpass {subcommand} ")),
        "{help}"
    );
    let flags =
        help.lines().filter(|line| line.trim_start().starts_with('-') && line.contains("--"));
    let own = flags.filter(|line| !line.contains("--help") && !line.contains("--version"));
    assert_eq!(
        own.count(),
        help.matches("[env: PULLPASS_").count() - usize::from(subcommand == "completions"),
        "{help}"
    );
}

#[test]
fn a_flag_can_be_given_as_a_variable() {
    let call = || {
        pullpass(&["match", "nginx"]).env("PULLPASS_CONFIG", CONFIG).env("PULLPASS_OUTPUT", "json")
    };
    assert!(call().run().done().starts_with("{\"image\":\"nginx\""));
    let stronger = call().arg("--output=text").run().done();
    assert!(stronger.starts_with("nginx\n"));
}

#[test]
fn colour_is_for_terminals_and_not_where_no_color_is_set() {
    let call = || pullpass(&["check", "--config", CONFIG]);
    let has_colour = |text: String| text.contains('\u{1b}');
    assert!(!has_colour(call().run().done()));
    assert!(has_colour(call().env("CLICOLOR_FORCE", "1").run().done()));
    assert!(!has_colour(call().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run().done()));
}

#[rstest]
#[case(&["check", "--config", "no/such.yaml"], "failed to read the configuration `no/such.yaml`")]
#[case(&["check", "--config", "."], "failed to read the configuration `.`")]
#[case(&["inject", "--config", CONFIG, "-f", "no/such.yaml"], "failed to read the manifests `no/such.yaml`")]
#[case(&["explain", "--config", CONFIG, "-f", "no/such.yaml"], "with -f")]
#[case(&["import", "docker-config", "no/such.json", "--names", "*"], "failed to read the docker config `no/such.json`")]
#[case(&["import", "secrets", "a", "-n", "b", "-f", "no/such.yaml", "--names", "*"], "with -f")]
#[case(&["man", "--out", "Cargo.toml/x"], "failed to write the manual pages to `Cargo.toml/x`")]
#[case(&["certs", "--out", "Cargo.toml/x", "--dns", "a"], "failed to make the directory `Cargo.toml/x`")]
fn what_cannot_be_read_or_written_is_named_with_what_to_do(
    #[case] args: &[&str],
    #[case] message: &str,
) {
    let error = pullpass(args).run().refused();
    assert!(
        error.starts_with("error: ") && error.contains(message) && error.contains("give a "),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_utf_8_is_refused() {
    let error = pullpass(&["check", "--config", "-"]).stdin(*b"ab\xff").run().refused();
    assert!(error.contains("byte 3 is not UTF-8"), "{error}");
}

#[test]
fn fault_51_of_a_kubeconfig_that_cannot_be_parsed_only_the_place_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let broken =
        "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user:\n    token: TOPSECRET\n   x: [\n";
    std::fs::write(&file, broken).unwrap();
    let file = file.to_str().unwrap();
    let webhook = ["--listen=127.0.0.1:0", "--config-map=a/b", "--self-signed"];
    for (subcommand, flags) in [("controller", &[][..]), ("webhook", &webhook[..])] {
        let listen = "--admin-listen=127.0.0.1:0";
        let common = [subcommand, "--log-level=trace", listen, "--kubeconfig", file];
        let by_flag = pullpass(&[&common, flags].concat()).run();
        let by_variable = pullpass(&[&common[..3], flags].concat()).env("KUBECONFIG", file).run();
        for told in [by_flag.stderr, by_variable.stderr] {
            assert!(told.contains("cannot be parsed at line"), "{told}");
            assert!(!told.contains("TOPSECRET"), "{told}");
        }
    }
}

/// A password may stand in a URL: no usage error repeats it.
#[rstest]
#[case("ecr=https://me:hunter2@ecr.example.com")]
#[case("nonsense=https://me:hunter2@ecr.example.com")]
#[case("https://me:hunter2@ecr.example.com")]
fn fault_51_an_endpoint_that_is_refused_is_not_shown(#[case] endpoint: &str) {
    for arguments in [&["controller"][..], &["check", "--config", CONFIG, "--credentials"]] {
        let all = [arguments, &["--token-endpoint", endpoint]].concat();
        let outcome = pullpass(&all).run();
        let told = format!("{}{}", outcome.stdout, outcome.stderr);
        assert_eq!(outcome.code, 2, "{told}");
        assert!(told.contains("--token-endpoint cannot be used: "), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn fault_51_the_api_server_is_asked_directly_and_a_proxys_password_is_not_told() {
    let listen = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (server, proxy) = (listen(), listen());
    let [at_server, at_proxy] = [&server, &proxy].map(|listener| listener.local_addr().unwrap());
    let status = |more: &str| {
        let kubeconfig = file(&format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\nusers: [{{name: a, user: {{token: TOPSECRET}}}}]\nclusters: [{{name: a, cluster: {{server: 'http://{at_server}'{more}}}}}]\n"
        ));
        let call = pullpass(&["status", "--kubeconfig"]).arg(kubeconfig.path());
        call.env("HTTPS_PROXY", &format!("http://me:TOPSECRET@{at_proxy}")).run().refused()
    };
    for scheme in ["http", "https", "socks5", "ftp"] {
        let said = status(&format!(", proxy-url: '{scheme}://me:TOPSECRET@127.0.0.1:2'"));
        assert!(said.contains("names a proxy (`proxy-url`)"), "{said}");
        assert!(!said.contains("TOPSECRET"), "{said}");
    }

    // It hangs up on whoever asks, and is gone.
    let asked = std::thread::spawn(move || server.accept().map(drop));
    let said = status("");
    assert!(said.contains("failed to get ConfigMap"), "{said}");
    assert!(!said.contains("TOPSECRET"), "{said}");
    asked.join().unwrap().unwrap();
    proxy.set_nonblocking(true).unwrap();
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
