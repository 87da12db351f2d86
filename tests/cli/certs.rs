use super::run::pullpass;
use base64::{Engine, prelude::BASE64_STANDARD};
use std::{fs, os::unix::fs::PermissionsExt};
use x509_parser::pem::parse_x509_pem;

#[test]
fn the_files_are_written_and_the_ca_bundle_is_that_of_the_ca() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new");
    let call = || {
        pullpass(&[
            "certs",
            "--dns",
            "pullpass-webhook.pullpass-system.svc",
            "127.0.0.1",
            "--days",
            "7",
            "--out",
        ])
        .arg(&out)
    };
    let said = call().run().done();
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();

    let bundle = said.lines().find_map(|line| line.strip_prefix("caBundle: ")).unwrap();
    assert_eq!(BASE64_STANDARD.decode(bundle).unwrap(), read("ca.crt").as_bytes());
    assert!(
        ["tls.crt", "tls.key", "ca.crt"]
            .iter()
            .all(|name| said.contains(out.join(name).to_str().unwrap()))
    );
    assert!(!said.contains("PRIVATE") && read("tls.key").contains("PRIVATE KEY"));
    let mode = |name: &str| fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("tls.key"), mode("tls.crt"), mode("ca.crt")), (0o600, 0o644, 0o644));

    let (ca, leaf) = (read("ca.crt"), read("tls.crt"));
    let (_, ca) = parse_x509_pem(ca.as_bytes()).unwrap();
    let (_, leaf) = parse_x509_pem(leaf.as_bytes()).unwrap();
    let (ca, leaf) = (ca.parse_x509().unwrap(), leaf.parse_x509().unwrap());
    assert!(ca.is_ca() && leaf.issuer() == ca.subject());
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 2);

    let before = read("tls.key");
    let error = call().run().refused();
    assert!(
        error.contains("is there already; nothing was written; replace it with --force"),
        "{error}"
    );
    assert_eq!(read("tls.key"), before);
    fs::set_permissions(out.join("tls.key"), fs::Permissions::from_mode(0o644)).unwrap();
    call().arg("--force").run().done();
    assert!(read("tls.key") != before && mode("tls.key") == 0o600);
}

#[test]
fn a_name_that_no_certificate_can_carry_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let error = pullpass(&["certs", "--dns", "a b", "--out"]).arg(dir.path()).run().refused();
    assert!(error.contains("`a b` is neither a DNS name nor an IP address"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
