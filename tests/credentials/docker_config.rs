//! Docker configs: what is read, what is refused, what is warned of, and that nothing is shown.

use pullpass::credentials::{
    DockerConfig, DockerConfigError, Entry, NoCredential, Place, RegistryKey,
    SecretKind::{self, DockerConfigJson, Dockercfg},
    Warning,
};
use rstest::rstest;

/// Stands in every docker config here where a value may be; nothing may show it.
const SECRET: &str = "hunter2";

fn parse(text: &str) -> Result<DockerConfig, DockerConfigError> {
    DockerConfig::parse(DockerConfigJson, text.as_bytes())
}

/// Key, user name and password of each entry.
fn entries(config: &DockerConfig) -> Vec<(String, String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let of = |entry: &Entry| {
        (entry.key().to_string(), text(entry.username().expose()), text(entry.password().expose()))
    };
    config.entries().iter().map(of).collect()
}

fn key(text: &str) -> RegistryKey {
    RegistryKey::new(text.as_bytes())
}

#[rstest]
#[case::kubectl(
    r#"{"auths":{"gcr.io":{"username":"u","password":"p","email":"e","auth":"dTpw"}}}"#,
    &[("gcr.io", "u", "p")]
)]
#[case::no_auth(r#"{"auths":{"gcr.io":{"username":"u","password":"p"}}}"#, &[("gcr.io", "u", "p")])]
#[case::auth_wins(
    r#"{"auths":{"gcr.io":{"username":"x","password":"y","auth":"dTpw"}}}"#,
    &[("gcr.io", "u", "p")]
)]
#[case::an_empty_auth_does_not(
    r#"{"auths":{"gcr.io":{"username":"x","password":"y","auth":""}}}"#,
    &[("gcr.io", "x", "y")]
)]
#[case::letter_case_of_fields(r#"{"AUTHS":{"gcr.io":{"aUth":"dTpw"}}}"#, &[("gcr.io", "u", "p")])]
#[case::unicode_folding("{\"auth\u{17f}\":{\"gcr.io\":{\"auth\":\"dTpw\"}}}", &[("gcr.io", "u", "p")])]
#[case::letter_case_of_keys(
    r#"{"auths":{"gcr.io":{"auth":"dTpw"},"GCR.io":{"auth":"djpx"}}}"#,
    &[("gcr.io", "u", "p"), ("GCR.io", "v", "q")]
)]
#[case::the_last_of_two_keys(
    r#"{"auths":{"gcr.io":{"username":"u","password":"p"},"gcr.io":{"username":"v"}}}"#,
    &[("gcr.io", "v", "")]
)]
#[case::the_last_of_two_fields(
    r#"{"auths":{"gcr.io":{"auth":"djpx","auth":"dTpw","auth":null}}}"#,
    &[("gcr.io", "u", "p")]
)]
#[case::auths_twice(
    r#"{"auths":{"gcr.io":{"auth":"dTpw"}},"auths":{"quay.io":{"auth":"djpx"}}}"#,
    &[("gcr.io", "u", "p"), ("quay.io", "v", "q")]
)]
#[case::null_for_auths(r#"{"auths":{"gcr.io":{"auth":"dTpw"}},"auths":null}"#, &[])]
#[case::null_for_an_entry(r#"{"auths":{"gcr.io":null}}"#, &[("gcr.io", "", "")])]
#[case::null(" null\n", &[])]
#[case::nothing_said("{}", &[])]
#[case::headers(r#"{"HttpHeaders":{"User-Agent":"x","Y":null},"auths":{}}"#, &[])]
#[case::numbers_beyond_bounds(r#"{"x":[1e999,-0.0E+7],"auths":{}}"#, &[])]
#[case::half_a_surrogate(r#"{"auths":{"gcr.io":{"username":"\ud800","password":"p"}}}"#, &[("gcr.io", "\u{fffd}\u{fffd}\u{fffd}", "p")])]
fn docker_configs(#[case] text: &str, #[case] expected: &[(&str, &str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(k, u, p)| ((*k).into(), (*u).into(), (*p).into())).collect();
    assert_eq!(entries(&parse(text).unwrap()), expected, "{text}");
    let shorter = text.strip_prefix(r#"{"auths":"#).and_then(|text| text.strip_suffix('}'));
    if let Some(dockercfg) = shorter.filter(|text| !text.contains(r#""auths""#)) {
        let config = DockerConfig::parse(Dockercfg, dockercfg.as_bytes()).unwrap();
        assert_eq!(entries(&config), expected, "{dockercfg}");
    }
}

#[rstest]
#[case::nothing("", DockerConfigError::Empty)]
#[case::yaml("auths: {hunter2: 1}", DockerConfigError::NotJson { ends_early: false, line: 1, column: 1 })]
#[case::cut_off(r#"{"auths":{"gcr.io":{"password":"hunter2"#, DockerConfigError::NotJson { ends_early: true, line: 1, column: 39 })]
#[case::more_after_it("{}\n{\"a\":\"hunter2\"}", DockerConfigError::NotJson { ends_early: false, line: 2, column: 1 })]
#[case::a_control_character("{\"auths\":{\"gcr.io\":{\"password\":\"hunter2\n\"}}}", DockerConfigError::NotJson { ends_early: false, line: 1, column: 39 })]
#[case::byte_order_mark("\u{feff}{}", DockerConfigError::NotJson { ends_early: false, line: 1, column: 1 })]
#[case::a_text(r#""hunter2""#, DockerConfigError::Shape { place: Place::Whole, line: 1, column: 9 })]
#[case::a_list("[]", DockerConfigError::Shape { place: Place::Whole, line: 1, column: 0 })]
#[case::auths_is_a_list(r#"{"auths":["hunter2"]}"#, DockerConfigError::Shape { place: Place::Auths, line: 1, column: 9 })]
#[case::an_entry_is_a_text(r#"{"auths":{"gcr.io":"hunter2"}}"#, DockerConfigError::Shape { place: Place::Entry(key("gcr.io")), line: 1, column: 28 })]
#[case::a_password_is_a_number(r#"{"auths":{"gcr.io":{"password":1234}}}"#, DockerConfigError::Shape { place: Place::Field(key("gcr.io"), "password"), line: 1, column: 35 })]
#[case::an_email_is_a_list(r#"{"auths":{"gcr.io":{"email":["hunter2"]}}}"#, DockerConfigError::Shape { place: Place::Field(key("gcr.io"), "email"), line: 1, column: 29 })]
#[case::headers_are_a_text(r#"{"HttpHeaders":"hunter2"}"#, DockerConfigError::Shape { place: Place::HttpHeaders, line: 1, column: 24 })]
#[case::a_header_is_a_number(r#"{"auths":{},"httpheaders":{"hunter2":1}}"#, DockerConfigError::Shape { place: Place::HttpHeader, line: 1, column: 38 })]
#[case::no_base64(r#"{"auths":{"gcr.io":{"auth":"hunter2!"}}}"#, DockerConfigError::Base64 { key: key("gcr.io") })]
#[case::no_base64_where_another_entry_replaces_it(r#"{"auths":{"gcr.io":{"auth":"hunter2!"},"gcr.io":{"auth":"dTpw"}},"auths":null}"#, DockerConfigError::Base64 { key: key("gcr.io") })]
#[case::no_colon(r#"{"auths":{"quay.io":{"auth":"dTpw"},"gcr.io":{"auth":"aHVudGVyMg=="}}}"#, DockerConfigError::NoColon { key: key("gcr.io") })]
fn fault_45_a_docker_config_that_fails_every_pull_is_refused(
    #[case] text: &str,
    #[case] expected: DockerConfigError,
) {
    let error = parse(text).unwrap_err();
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(!shown.contains("1234"), "{shown}");
    }
    assert_eq!(error, expected, "{text}");
}

#[test]
fn fault_45_nesting_is_bounded_as_in_go() {
    let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(9_999)).is_ok());
    assert_eq!(parse(&nested(10_000)), Err(DockerConfigError::TooDeep));
    assert!(parse(&format!("{{\"x\":\"{}\"}}", "\\\"[".repeat(20_000))).is_ok());
}

#[rstest]
#[case::fine(r#"{"auths":{"gcr.io":{"auth":"dTpw"}}}"#, &[])]
#[case::nothing_said("{}", &["`auths` has no entry; add one for each registry"])]
#[case::helpers(
    r#"{"auths":{"gcr.io":{}},"credHelpers":{"gcr.io":"gcloud"},"credsStore":"desktop"}"#,
    &[
        "the kubelet ignores `credHelpers`; log in without a helper, and write the registry under `auths`",
        "the kubelet ignores `credsStore`; log in without it, and write the registry under `auths`",
        "the registry `gcr.io` has neither a user name nor a password; write `auth`, base64 of `user:password`",
    ]
)]
#[case::identity_token(
    r#"{"auths":{"x.azurecr.io":{"auth":"MDAwOg==","identitytoken":"hunter2"}}}"#,
    &["the registry `x.azurecr.io` has an `identitytoken`, which the kubelet ignores, and no password; write `auth`, base64 of `user:password`"]
)]
#[case::registry_token(
    r#"{"auths":{"gcr.io":{"registrytoken":"hunter2"}}}"#,
    &["the registry `gcr.io` has a `registrytoken`, which the kubelet ignores, and no password; write `auth`, base64 of `user:password`"]
)]
#[case::a_password_alone(
    r#"{"auths":{"gcr.io":{"password":"hunter2"}}}"#,
    &["the registry `gcr.io` has a password without a user name; write `auth`, base64 of `user:password`"]
)]
#[case::other_fields(
    r#"{"auths":{"gcr.io":{"auth":"dTpw","serveraddress":"hunter2","identitytoken":"hunter2"}},"detachKeys":"hunter2"}"#,
    &[
        "the kubelet ignores `detachKeys`",
        "the kubelet ignores `serveraddress` of the registry `gcr.io`",
        "the kubelet ignores `identitytoken` of the registry `gcr.io`",
    ]
)]
#[case::useless_keys(
    r#"{"auths":{"reg:abc":{"auth":"dTpw"},"myregistry":{"auth":"dTpw"},"gcr.io/Team":{"auth":"dTpw"},"ftp://gcr.io":{"auth":"dTpw"}}}"#,
    &[
        "no image can be of the registry `reg:abc`; write a host, for example `gcr.io`",
        "no image can be of the registry `myregistry`; write a host, for example `gcr.io`",
        "no image can be of the registry `gcr.io/Team`; write a host, for example `gcr.io`",
        "no image can be of the registry `ftp://gcr.io`; write a host, for example `gcr.io`",
    ]
)]
fn what_the_kubelet_passes_over_is_said(#[case] text: &str, #[case] expected: &[&str]) {
    let config = parse(text).unwrap();
    let warnings: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, expected, "{text}");
}

#[test]
fn an_entry_without_a_credential_is_none() {
    let config = parse(r#"{"auths":{"gcr.io":{"username":"u"}}}"#).unwrap();
    let why = NoCredential::NoPassword;
    assert_eq!(config.warnings(), [Warning::NoCredential { key: key("gcr.io"), why }]);
    assert!(!config.has_credential());
    assert!(parse(r#"{"auths":{"a.io":{},"b.io":{"auth":"dTpw"}}}"#).unwrap().has_credential());
}

#[test]
fn fault_51_nothing_of_a_credential_is_shown() {
    let text = r#"{"auths":{"https://robot:hunter2@gcr.io":{"username":"hunter2","password":"hunter2"},
        "quay.io":{"auth":"aHVudGVyMjpodW50ZXIy"}},"x":{"hunter2":"hunter2"}}"#;
    let config = parse(text).unwrap();
    assert!(config.entries().iter().all(Entry::is_usable));
    for shown in [format!("{config:?}"), format!("{:#?}", config.entries())] {
        assert!(shown.contains("gcr.io") && shown.contains("quay.io"), "{shown}");
        assert!(!shown.contains(SECRET) && !shown.contains("aHVudGVyMj"), "{shown}");
    }
}

#[test]
fn a_copy_is_byte_for_byte_or_one_level_deeper() {
    let text = b" {\"x\" : 1, \"auths\":{}}\n";
    let config = DockerConfig::parse(DockerConfigJson, text).unwrap();
    assert_eq!(config.to_dockerconfigjson(text), text);

    let dockercfg =
        b"\n{\"gcr.io\": {\"auth\":\"dTpw\",\"email\":\"e\",\"other\":[1.50]},\"gcr.io\":{}} ";
    let config = DockerConfig::parse(Dockercfg, dockercfg).unwrap();
    let copy = config.to_dockerconfigjson(dockercfg);
    let expected =
        b"{\"auths\":{\"gcr.io\": {\"auth\":\"dTpw\",\"email\":\"e\",\"other\":[1.50]},\"gcr.io\":{}}}";
    assert_eq!(copy, expected);
    let read = DockerConfig::parse(DockerConfigJson, &copy).unwrap();
    assert_eq!(read.entries(), config.entries());
}

#[test]
fn only_two_types_hold_docker_configs() {
    for kind in [DockerConfigJson, Dockercfg] {
        assert_eq!(SecretKind::of_type(kind.secret_type()), Some(kind));
    }
    assert_eq!(SecretKind::of_type("Opaque"), None);
}
