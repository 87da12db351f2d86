//! Design section 3: what is accepted, refused and warned about, each with its place and a hint.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use proptest::prelude::*;
use pullpass::{
    config::{
        Acr, AcrIdentity, AzureCloud, Basic, ConfigError, Gcp, GcpIdentity, MAX_CONFIG_BYTES, Made,
        Mode, OnRemoval, Scope, SecretKey, TokenSource, Username, json_schema, parse,
    },
    image::{Reference, Scratch},
};
use rstest::rstest;
use serde_json::json;
use std::fmt::Write;

const HEAD: &str = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n";

fn refused(yaml: &str) -> ConfigError {
    match parse(yaml) {
        Ok(_) => panic!("accepted: {yaml}"),
        Err(error) => error,
    }
}

/// The one problem of a text, on one line.
fn problem(yaml: &str) -> String {
    let error = refused(yaml);
    assert_eq!(error.problems.len(), 1, "{error}");
    error.problems[0].to_string()
}

/// The warnings about entries that are in order.
fn warnings(entries: &str) -> Vec<String> {
    let parsed = parse(&format!("{HEAD}{entries}")).unwrap_or_else(|e| panic!("{entries}: {e}"));
    parsed.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn everything_that_may_be_written() {
    let parsed = parse(
        "apiVersion: pullpass.io/v1
kind: Config
mode: observe
scope: optIn
registries:
- name: my-project
  images: [gcr.io/my-project/*]
  exceptImages: [gcr.io/my-project/public/*]
  namespaces:
    names: [team-*, prod]
    selector: {matchLabels: {tier: paid}, matchExpressions: []}
    except: [team-sandbox]
  pullSecrets: [my-project-pull]
  source: {secret: my-project-pull}
  onRemoval: retain
- {name: b, images: ['*']}
",
    )
    .unwrap();
    assert_eq!((parsed.config.mode, parsed.config.scope), (Mode::Observe, Scope::OptIn));
    let [first, second] = parsed.config.entries() else { panic!("two entries") };
    assert_eq!(first.pull_secrets, [Box::<str>::from("my-project-pull")]);
    let source = first.source.as_ref().unwrap();
    assert_eq!((&*source.secret, source.on_removal), ("my-project-pull", OnRemoval::Retain));
    assert_eq!(second.pull_secrets, [Box::<str>::from("b")], "the entry's name by default");
    assert!(second.source.is_none() && second.except_images.is_empty());
}

#[test]
fn kinds_of_source() {
    let of = |source: &str| {
        let entry = format!(
            "- {{name: a, images: [gcr.io/a/*], namespaces: {{names: [x]}}, source: {source}}}\n"
        );
        let parsed = parse(&format!("{HEAD}{entry}")).unwrap_or_else(|e| panic!("{source}: {e}"));
        parsed.config.entries()[0].source.clone().unwrap()
    };
    let key = |secret: &str, key: &str| SecretKey { secret: secret.into(), key: key.into() };

    let secret = of("{secret: s}");
    assert_eq!((&*secret.secret, secret.made), ("s", None));

    let basic =
        of("{basic: {registry: docker.io, username: me, passwordFrom: {secret: hub, key: token}}}");
    let made = |username| {
        Made::Basic(Basic { registry: "docker.io".into(), username, password: key("hub", "token") })
    };
    assert!(basic.secret.starts_with("pullpass-credential-a-"), "{}", basic.secret);
    assert_eq!(basic.made, Some(made(Username::Written("me".into()))));

    let basic = of(
        "{basic: {registry: docker.io, usernameFrom: {secret: hub, key: user}, passwordFrom: {secret: hub, key: token}}}",
    );
    assert_eq!(basic.made, Some(made(Username::From(key("hub", "user")))));

    let docker_config = of("{dockerConfig: {secret: ci, key: DOCKER_AUTH_CONFIG}}");
    assert_eq!(docker_config.made, Some(Made::DockerConfig(key("ci", "DOCKER_AUTH_CONFIG"))));

    let id = "12345678-90ab-CDEF-1234-567890abcdef";
    let acr = |registries: &str, cloud, tenant: Option<&str>, client: Option<&str>, identity| {
        let registries = registries.split(' ').map(Into::into).collect();
        let (tenant_id, client_id) = (tenant.map(Into::into), client.map(Into::into));
        Some(Made::Token(TokenSource::Acr(Acr {
            registries,
            cloud,
            tenant_id,
            client_id,
            identity,
        })))
    };
    assert_eq!(
        of("{acr: {registries: [Team.azurecr.io, team-a1.azurecr.io]}}").made,
        acr(
            "team.azurecr.io team-a1.azurecr.io",
            AzureCloud::Public,
            None,
            None,
            AcrIdentity::Environment
        )
    );
    assert_eq!(
        of(&format!("{{acr: {{registries: [t.azurecr.cn], clientId: {id}, tenantId: contoso.com, clientSecretFrom: {{secret: s, key: k}}}}}}")).made,
        acr("t.azurecr.cn", AzureCloud::China, Some("contoso.com"), Some(id), AcrIdentity::ClientSecret(key("s", "k")))
    );
    assert_eq!(
        of(&format!("{{acr: {{registries: [t.azurecr.us], clientId: {id}, tenantId: {id}, clientCertificateFrom: {{secret: s, key: k}}}}}}")).made,
        acr("t.azurecr.us", AzureCloud::UsGovernment, Some(id), Some(id), AcrIdentity::ClientCertificate(key("s", "k")))
    );
}

/// The token of an identity is sent to these hosts.
#[rstest]
#[case::elsewhere("registry.example.com")]
#[case::look_alike("team.azurecr.io.example.com")]
#[case::look_alike_of_a_domain("team.azurecr.iox")]
#[case::look_alike_of_a_label("xazurecr.io")]
#[case::the_domain("azurecr.io")]
#[case::another_cloud("team.azurecr.de")]
#[case::a_port("team.azurecr.io:8443")]
#[case::a_path("team.azurecr.io/app")]
#[case::a_path_that_looks_alike("example.com/team.azurecr.io")]
#[case::a_label("team_a.azurecr.io")]
fn fault_49_tokens_of_azure_go_to_no_other_host(#[case] registry: &str) {
    let entry = format!(
        "- {{name: a, images: ['{registry}/*'], source: {{acr: {{registries: ['{registry}']}}}}, namespaces: {{names: ['*']}}}}\n"
    );
    let error = refused(&format!("{HEAD}{entry}")).to_string();
    assert!(error.contains("registries[0].source.acr.registries (entry `a`): "), "{error}");
}

/// Tokens of Amazon ECR: who asks, and for which hosts.
#[rstest]
#[case::accounts(
    "accounts: ['012345678901', '210987654321'], region: eu-central-1",
    &[
        "012345678901.dkr.ecr.eu-central-1.amazonaws.com", "012345678901.dkr-ecr.eu-central-1.on.aws",
        "210987654321.dkr.ecr.eu-central-1.amazonaws.com", "210987654321.dkr-ecr.eu-central-1.on.aws",
    ],
)]
#[case::fips(
    "accounts: ['012345678901'], region: us-gov-west-1, fips: true",
    &[
        "012345678901.dkr.ecr.us-gov-west-1.amazonaws.com", "012345678901.dkr-ecr.us-gov-west-1.on.aws",
        "012345678901.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "012345678901.dkr-ecr-fips.us-gov-west-1.on.aws",
    ],
)]
#[case::china(
    "accounts: ['012345678901'], region: cn-northwest-1",
    &[
        "012345678901.dkr.ecr.cn-northwest-1.amazonaws.com.cn",
        "012345678901.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn",
    ],
)]
#[case::europe(
    "accounts: ['012345678901'], region: eusc-de-east-1",
    &[
        "012345678901.dkr.ecr.eusc-de-east-1.amazonaws.eu",
        "012345678901.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu",
    ],
)]
#[case::public("public: true", &["public.ecr.aws"])]
#[case::role(
    "public: true, roleArn: 'arn:aws-cn:iam::012345678901:role/path/pull', externalId: my-cluster",
    &["public.ecr.aws"],
)]
fn registries_of_ecr(#[case] ecr: &str, #[case] registries: &[&str]) {
    let text = of_ecr(ecr);
    let parsed = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let source = parsed.config.entries()[0].source.clone().unwrap();
    let Some(Made::Token(token)) = source.made else { panic!("{source:?}") };
    assert_eq!(token.registries(), registries);
    assert!(token.keys().is_empty(), "by the identity of the controller");
}

#[rstest]
#[case::nothing("", "private registries are those of accounts in a region")]
#[case::no_region("accounts: ['012345678901']", "write `accounts` and `region`")]
#[case::no_accounts("accounts: [], region: eu-west-1", "write `accounts` and `region`")]
#[case::short("accounts: ['12345'], region: eu-west-1", "`12345` is not 12 digits")]
#[case::letters("accounts: ['01234567890a'], region: eu-west-1", "is not 12 digits")]
#[case::a_zone(
    "accounts: ['012345678901'], region: eu-west-1a",
    "`eu-west-1a` is not the name of a region"
)]
#[case::a_sign(
    "accounts: ['012345678901'], region: eu-central-+1",
    "`eu-central-+1` is not the name of a region"
)]
#[case::a_host("accounts: ['012345678901'], region: evil.example", "is not the name of a region")]
#[case::capitals("accounts: ['012345678901'], region: EU-west-1", "is not the name of a region")]
#[case::both("public: true, region: us-east-1", "ECR Public has neither accounts nor regions")]
#[case::half_a_key(
    "public: true, accessKeyIdFrom: {secret: aws, key: id}",
    "write both `accessKeyIdFrom` and `secretAccessKeyFrom`"
)]
#[case::a_user(
    "public: true, roleArn: 'arn:aws:iam::012345678901:user/me'",
    "is not the ARN of a role"
)]
#[case::a_name("public: true, roleArn: pull", "`pull` is not the ARN of a role")]
#[case::id_alone("public: true, externalId: my-cluster", "it has a meaning only with `roleArn`")]
#[case::bad_id(
    "public: true, roleArn: 'arn:aws:iam::012345678901:role/pull', externalId: 'my cluster'",
    "`my cluster` is no external ID"
)]
#[case::short_id(
    "public: true, roleArn: 'arn:aws:iam::012345678901:role/pull', externalId: x",
    "write 2 to 1224 letters"
)]
#[case::an_endpoint("public: true, endpoint: 'https://evil.example'", "endpoint")]
fn settings_of_ecr_that_are_refused(#[case] ecr: &str, #[case] told: &str) {
    let text = of_ecr(ecr);
    let error = parse(&text).err().unwrap_or_else(|| panic!("{text} is taken"));
    assert!(error.to_string().contains(told), "{error}");
}

fn of_ecr(ecr: &str) -> String {
    format!(
        "{HEAD}- {{name: a, images: [public.ecr.aws/*], namespaces: {{names: [x]}}, source: {{ecr: {{{ecr}}}}}}}\n"
    )
}

/// What was made from other settings is never what an entry grants.
#[test]
fn other_settings_make_another_secret() {
    let name = |images: &str, source: &str| {
        let entry = format!(
            "- {{name: a, images: [{images}], namespaces: {{names: [x]}}, source: {source}}}\n"
        );
        let parsed = parse(&format!("{HEAD}{entry}")).unwrap_or_else(|e| panic!("{source}: {e}"));
        parsed.config.entries()[0].source.as_ref().unwrap().secret.clone()
    };
    let basic = |registry: &str, user: &str, secret: &str, key: &str| {
        let source = format!(
            "{{basic: {{registry: {registry}, username: {user}, passwordFrom: {{secret: {secret}, key: {key}}}}}}}"
        );
        name("gcr.io/a/*", &source)
    };
    let first = basic("gcr.io", "u", "s", "k");
    assert_eq!(first, basic("gcr.io", "u", "s", "k"));
    for other in [
        basic("quay.io", "u", "s", "k"),
        basic("gcr.io", "v", "s", "k"),
        basic("gcr.io", "u", "t", "k"),
        basic("gcr.io", "u", "s", "l"),
    ] {
        assert_ne!(first, other);
    }
    let of_images = |images| name(images, "{dockerConfig: {secret: s, key: k}}");
    assert_ne!(of_images("gcr.io/a/*"), of_images("gcr.io/b/*"));
    assert_eq!(of_images("gcr.io/a/*"), of_images("gcr.io/a/*"));
}

#[test]
fn defaults() {
    let config = parse(&format!("{HEAD}- {{name: a, images: [gcr.io/a/*], namespaces: {{names: [x]}}, source: {{secret: s}}}}\n")).unwrap().config;
    assert_eq!((config.mode, config.scope), (Mode::Enforce, Scope::Cluster));
    assert_eq!(config.entries()[0].source.as_ref().unwrap().on_removal, OnRemoval::Delete);
}

/// The same configuration in other spellings of YAML.
#[rstest]
#[case::json(r#"{"apiVersion": "pullpass.io/v1", "kind": "Config", "registries": [{"name": "a", "images": ["gcr.io/a/*"]}]}"#)]
#[case::byte_order_mark(
    "\u{feff}apiVersion: pullpass.io/v1\nkind: Config\nregistries: [{name: a, images: [gcr.io/a/*]}]\n"
)]
#[case::crlf(
    "apiVersion: pullpass.io/v1\r\nkind: Config\r\nregistries:\r\n- name: a\r\n  images:\r\n  - gcr.io/a/*\r\n"
)]
#[case::document_marks(
    "---\napiVersion: pullpass.io/v1\nkind: Config\nregistries: [{name: a, images: [gcr.io/a/*]}]\n...\n"
)]
#[case::comments(
    "# a\napiVersion: pullpass.io/v1 # b\nkind: Config\n\nregistries:\n# c\n- name: a\n  images: [gcr.io/a/*] # d\n"
)]
#[case::quotes(
    "\"apiVersion\": 'pullpass.io/v1'\nkind: \"Config\"\nregistries:\n- name: 'a'\n  images: [\"gcr.io/a/*\"]\n"
)]
#[case::other_order(
    "registries: [{images: [gcr.io/a/*], name: a}]\nkind: Config\napiVersion: pullpass.io/v1"
)]
#[case::block_text(
    "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- name: a\n  images:\n  - >-\n    gcr.io/a/*\n"
)]
#[case::anchors(
    "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- name: &n a\n  images: [gcr.io/a/*]\n  pullSecrets: [*n]\n"
)]
fn spellings(#[case] yaml: &str) {
    let config = parse(yaml).unwrap_or_else(|e| panic!("{yaml}: {e}")).config;
    assert_eq!(config.entries().len(), 1);
    assert_eq!(&*config.entries()[0].name, "a");
    assert_eq!(config.entries()[0].images[0].as_str(), "gcr.io/a/*");
    assert_eq!(config.entries()[0].pull_secrets, [Box::<str>::from("a")]);
}

#[rstest]
#[case::aliases("- {name: a, images: &i [gcr.io/a/*]}\n- {name: b, images: *i}\n")]
#[case::merge("- &a {name: a, images: [gcr.io/a/*]}\n- {<<: *a, name: b}\n")]
fn lists_can_be_shared(#[case] entries: &str) {
    let config = parse(&format!("{HEAD}{entries}")).unwrap().config;
    assert_eq!(config.entries()[1].images[0].as_str(), "gcr.io/a/*");
    assert_eq!(&*config.entries()[1].name, "b");
}

/// Fault 29: whole texts that are no configuration.
#[rstest]
#[case::empty(
    "",
    "line 1, column 1: the configuration is empty (hint: begin with `apiVersion: pullpass.io/v1` and `kind: Config`)"
)]
#[case::comment(
    "# only\n",
    "line 2, column 1: the configuration is empty (hint: begin with `apiVersion: pullpass.io/v1` and `kind: Config`)"
)]
#[case::list(
    "[]\n",
    "line 1, column 1: expected fields (`name: value`) (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::text(
    "hello\n",
    "line 1, column 1: expected fields (`name: value`) (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::no_kind(
    "apiVersion: pullpass.io/v1\n",
    "line 1, column 1: kind: the field `kind` is missing (hint: add `kind`)"
)]
#[case::no_registries(
    "apiVersion: pullpass.io/v1\nkind: Config\n",
    "line 2, column 1: registries: the field `registries` is missing (hint: add `registries`)"
)]
#[case::unknown_field(
    "apiVersion: pullpass.io/v1\nkind: Config\nregistry: []\n",
    "line 3, column 1: registry: unknown field `registry` (hint: did you mean `registries`?)"
)]
#[case::far_field(
    "apiVersion: pullpass.io/v1\nkind: Config\nfoo: []\n",
    "line 3, column 1: foo: unknown field `foo` (hint: write one of `apiVersion`, `kind`, `mode`, `scope`, `registries`)"
)]
#[case::twice(
    "apiVersion: pullpass.io/v1\napiVersion: pullpass.io/v1\n",
    "line 2, column 1: apiVersion: duplicate key `apiVersion` (hint: keep one of them)"
)]
#[case::version_number(
    "apiVersion: 1\n",
    "line 1, column 13: apiVersion: `1` is a number, a boolean or null, where text is wanted (hint: write it in quotes: \"1\")"
)]
#[case::version_null(
    "apiVersion:\nkind: Config\n",
    "line 1, column 11: apiVersion: nothing is written here (hint: write a value)"
)]
#[case::mode_case(
    "mode: Enforce\n",
    "line 1, column 7: mode: unknown value `Enforce` (hint: did you mean `enforce`?)"
)]
#[case::mode_other(
    "mode: dry\n",
    "line 1, column 7: mode: unknown value `dry` (hint: write one of `enforce`, `observe`)"
)]
#[case::mode_null(
    "mode:\nscope: cluster\n",
    "line 1, column 5: mode: nothing is written here (hint: write one of `enforce`, `observe`)"
)]
#[case::mode_map(
    "mode: {enforce: x}\n",
    "line 1, column 17: mode: expected one word (hint: write one of `enforce`, `observe`)"
)]
#[case::scope_case(
    "scope: optin\n",
    "line 1, column 8: scope: unknown value `optin` (hint: did you mean `optIn`?)"
)]
#[case::scope_number(
    "scope: 5\n",
    "line 1, column 8: scope: unknown value `5` (hint: write one of `cluster`, `optIn`)"
)]
#[case::scope_null(
    "scope: ~\n",
    "line 1, column 8: scope: nothing is written here (hint: write one of `cluster`, `optIn`)"
)]
#[case::scope_list(
    "scope: [a]\n",
    "line 1, column 8: scope: expected one word (hint: write one of `cluster`, `optIn`)"
)]
#[case::registries_map(
    "registries: {}\n",
    "line 1, column 13: registries: expected a list (`- item` or `[item]`) (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::number_key(
    "{kind: Config, 1: x}\n",
    "line 1, column 16: `1` is a number, a boolean or null, where text is wanted (hint: write it in quotes: \"1\")"
)]
#[case::list_key(
    "{kind: Config, [a]: x}\n",
    "line 1, column 16: expected text (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::map_key(
    "{kind: Config, ? {a: b} : x}\n",
    "line 1, column 18: expected text (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::null_key(
    "{kind: Config, null: x}\n",
    "line 1, column 16: nothing is written here (hint: write a value)"
)]
#[case::open_bracket(
    "{kind: Config",
    "line 1, column 1: unclosed bracket '{' (hint: close the bracket)"
)]
#[case::at_sign(
    "@foo\n",
    "line 1, column 1: unexpected character: `@' (hint: write the text in quotes)"
)]
#[case::deep_list(
    "registries: [[[[",
    "line 1, column 16: registries: unclosed bracket '[' (hint: close the bracket)"
)]
fn fault_29_documents(#[case] yaml: &str, #[case] expected: &str) {
    assert_eq!(problem(yaml), expected);
}

/// Fault 29: the third line is `registries:`, so that an entry begins on line 4.
#[rstest]
// syntax
#[case::second_document(
    "- {name: a, images: [gcr.io/a/*]}\n---\na: b\n",
    "line 6, column 1: there is a second YAML document (hint: write one document; remove what follows `---`)"
)]
#[case::tab(
    "\t- name: a\n",
    "line 4, column 2: tabs disallowed within this context (block indentation) (hint: indent with spaces; YAML takes no tabs for it)"
)]
#[case::tab_within(
    "- name: a\n\t  images: [gcr.io/a/*]\n",
    "line 4, column 9: registries[0]: while scanning a plain scalar, found a tab (hint: indent with spaces; YAML takes no tabs for it)"
)]
#[case::wildcard_alone(
    "- name: a\n  images: [*]\n",
    "line 5, column 12: registries[0].images: a text that begins with `*` is read as a YAML alias (hint: write it in quotes, for example \"*\" or \"*.example.com/*\")"
)]
#[case::wildcard_first(
    "- name: a\n  images:\n  - *.gcr.io/x/*\n",
    "line 6, column 5: registries[0].images: a text that begins with `*` is read as a YAML alias (hint: write it in quotes, for example \"*\" or \"*.example.com/*\")"
)]
#[case::wildcard_name(
    "- name: a\n  images: [gcr.io/a]\n  namespaces:\n    names: [*]\n",
    "line 7, column 13: registries[0].namespaces.names: a text that begins with `*` is read as a YAML alias (hint: write it in quotes, for example \"*\" or \"*.example.com/*\")"
)]
#[case::open_quote(
    "- name: \"a\n  images: [gcr.io/a/*]\n",
    "line 5, column 3: registries[0]: invalid indentation in multiline quoted scalar (hint: close the quotation mark)"
)]
#[case::open_list(
    "- name: a\n  images: [gcr.io/a/*\n",
    "line 5, column 11: registries[0].images: unclosed bracket '[' (hint: close the bracket)"
)]
#[case::dedented(
    "- name: a\n images: [gcr.io/a/*]\n",
    "line 4, column 3: registries[0].images: the field `images` is missing (hint: add `images`)"
)]
// fields, at each level
#[case::entry_field(
    "- {name: a, images: [gcr.io/a/*], image: x}\n",
    "line 4, column 35: registries[0].image: unknown field `image` (hint: did you mean `images`?)"
)]
#[case::entry_field_2(
    "- {name: a, images: [gcr.io/a/*], exceptImage: [x]}\n",
    "line 4, column 35: registries[0].exceptImage: unknown field `exceptImage` (hint: did you mean `exceptImages`?)"
)]
#[case::entry_field_3(
    "- {name: a, images: [gcr.io/a/*], secrets: [x]}\n",
    "line 4, column 35: registries[0].secrets: unknown field `secrets` (hint: did you mean `pullSecrets`?)"
)]
#[case::entry_case(
    "- {name: a, images: [gcr.io/a/*], pullsecrets: [x]}\n",
    "line 4, column 35: registries[0].pullsecrets: unknown field `pullsecrets` (hint: did you mean `pullSecrets`?)"
)]
#[case::namespaces_field(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {name: [x]}\n",
    "line 6, column 16: registries[0].namespaces.name: unknown field `name` (hint: did you mean `names`?)"
)]
#[case::selector_field(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchLabel: x}}\n",
    "line 6, column 27: registries[0].namespaces.selector.matchLabel: unknown field `matchLabel` (hint: did you mean `matchLabels`?)"
)]
#[case::expression_field(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchExpressions: [{key: a, operator: In, value: x}]}}\n",
    "line 6, column 69: registries[0].namespaces.selector.matchExpressions[0].value: unknown field `value` (hint: did you mean `values`?)"
)]
#[case::source_field(
    "- name: a\n  images: [gcr.io/a/*]\n  source: {vault: {}}\n",
    "line 6, column 12: registries[0].source.vault: unknown field `vault` (hint: write one of `secret`, `basic`, `dockerConfig`, `ecr`, `gcp`, `acr`)"
)]
#[case::source_two(
    "- name: a\n  images: [gcr.io/a/*]\n  source: {secret: x, basic: y}\n",
    "line 6, column 30: registries[0].source.basic: expected fields (`name: value`) (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::no_name(
    "- images: [gcr.io/a/*]\n",
    "line 4, column 3: registries[0].name: the field `name` is missing (hint: add `name`)"
)]
#[case::no_images(
    "- name: a\n",
    "line 4, column 3: registries[0].images: the field `images` is missing (hint: add `images`)"
)]
#[case::no_entry(
    "-\n",
    "line 4, column 2: registries[0].name: the field `name` is missing (hint: add `name`)"
)]
#[case::no_kind_of_source(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {names: [x]}\n  source: {}\n",
    "line 7, column 11: registries[0].source (entry `a`): nothing is written in it (hint: write one of `secret`, `basic`, `dockerConfig`, `ecr`, `gcp` or `acr`)"
)]
#[case::no_password(
    "- name: a\n  images: [gcr.io/a/*]\n  source: {basic: {registry: gcr.io, username: u}}\n",
    "line 6, column 38: registries[0].source.basic.passwordFrom: the field `passwordFrom` is missing (hint: add `passwordFrom`)"
)]
#[case::no_operator(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchExpressions: [{key: a}]}}\n",
    "line 6, column 47: registries[0].namespaces.selector.matchExpressions[0].operator: the field `operator` is missing (hint: add `operator`)"
)]
// types
#[case::entry_text(
    "- a\n",
    "line 4, column 3: registries[0]: expected fields (`name: value`) (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::name_number(
    "- name: 5\n  images: [gcr.io/a/*]\n",
    "line 4, column 9: registries[0].name: `5` is a number, a boolean or null, where text is wanted (hint: write it in quotes: \"5\")"
)]
#[case::name_boolean(
    "- name: true\n  images: [gcr.io/a/*]\n",
    "line 4, column 9: registries[0].name: `true` is a number, a boolean or null, where text is wanted (hint: write it in quotes: \"true\")"
)]
#[case::name_list(
    "- name: [a]\n  images: [gcr.io/a/*]\n",
    "line 4, column 9: registries[0].name: expected text (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::images_text(
    "- name: a\n  images: gcr.io/a/*\n",
    "line 5, column 11: registries[0].images: expected a list (`- item` or `[item]`) (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::image_number(
    "- name: a\n  images: [1.5]\n",
    "line 5, column 12: registries[0].images[0]: `1.5` is a number, a boolean or null, where text is wanted (hint: write it in quotes: \"1.5\")"
)]
#[case::image_map(
    "- name: a\n  images: [{a: b}]\n",
    "line 5, column 12: registries[0].images[0]: expected text (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::secrets_text(
    "- name: a\n  images: [gcr.io/a/*]\n  pullSecrets: a\n",
    "line 6, column 16: registries[0].pullSecrets: expected a list (`- item` or `[item]`) (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::namespaces_list(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: [x]\n",
    "line 6, column 15: registries[0].namespaces: expected fields (`name: value`) (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::source_text(
    "- name: a\n  images: [gcr.io/a/*]\n  source: my-secret\n",
    "line 6, column 11: registries[0].source: expected fields (`name: value`) (hint: check the indentation and the field's form in the configuration reference)"
)]
#[case::label_number(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchLabels: {mode: 5}}}\n",
    "line 6, column 47: registries[0].namespaces.selector.matchLabels.mode: `5` is a number, a boolean or null, where text is wanted (hint: write it in quotes: \"5\")"
)]
#[case::operator_case(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchExpressions: [{key: a, operator: in}]}}\n",
    "line 6, column 65: registries[0].namespaces.selector.matchExpressions[0].operator: unknown value `in` (hint: did you mean `In`?)"
)]
#[case::operator_other(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchExpressions: [{key: a, operator: Gt}]}}\n",
    "line 6, column 65: registries[0].namespaces.selector.matchExpressions[0].operator: unknown value `Gt` (hint: write one of `In`, `NotIn`, `Exists`, `DoesNotExist`)"
)]
#[case::removal_other(
    "- name: a\n  images: [gcr.io/a/*]\n  source: {secret: x}\n  onRemoval: keep\n",
    "line 7, column 14: registries[0].onRemoval: unknown value `keep` (hint: write one of `delete`, `retain`)"
)]
// keys twice
#[case::entry_twice(
    "- {name: a, images: [gcr.io/a/*], name: b}\n",
    "line 4, column 35: registries[0].name: duplicate key `name` (hint: keep one of them)"
)]
#[case::label_twice(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchLabels: {a: b, a: c}}}\n",
    "line 6, column 47: registries[0].namespaces.selector.matchLabels.a: duplicate key `a` (hint: keep one of them)"
)]
// nothing written: never a wider grant by a forgotten line
#[case::name_null(
    "- name:\n  images: [gcr.io/a/*]\n",
    "line 4, column 7: registries[0].name: nothing is written here (hint: write a value)"
)]
#[case::image_null(
    "- name: a\n  images: [null]\n",
    "line 5, column 12: registries[0].images[0]: nothing is written here (hint: write a value)"
)]
#[case::images_null(
    "- name: a\n  images:\n",
    "line 5, column 9: registries[0].images (entry `a`): the list is empty (hint: write at least one pattern)"
)]
#[case::except_null(
    "- name: a\n  images: [gcr.io/a/*]\n  exceptImages: null\n",
    "line 6, column 17: registries[0].exceptImages: nothing is written here (hint: write a value, or remove the field)"
)]
#[case::namespaces_null(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: ~\n",
    "line 6, column 15: registries[0].namespaces: nothing is written here (hint: write a value, or remove the field)"
)]
#[case::secrets_null(
    "- name: a\n  images: [gcr.io/a/*]\n  pullSecrets: null\n",
    "line 6, column 16: registries[0].pullSecrets: nothing is written here (hint: write a value, or remove the field)"
)]
#[case::source_null(
    "- name: a\n  images: [gcr.io/a/*]\n  source: null\n",
    "line 6, column 11: registries[0].source: nothing is written here (hint: write a value, or remove the field)"
)]
#[case::removal_null(
    "- name: a\n  images: [gcr.io/a/*]\n  onRemoval: null\n",
    "line 6, column 14: registries[0].onRemoval: nothing is written here (hint: write one of `delete`, `retain`)"
)]
#[case::names_null(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {names: null, except: [x]}\n",
    "line 6, column 23: registries[0].namespaces.names: nothing is written here (hint: write a value, or remove the field)"
)]
#[case::selector_null(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {names: [x], selector: null}\n",
    "line 6, column 38: registries[0].namespaces.selector: nothing is written here (hint: write a value, or remove the field)"
)]
#[case::labels_null(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchLabels: null}}\n",
    "line 6, column 40: registries[0].namespaces.selector.matchLabels: nothing is written here (hint: write a value, or remove the field)"
)]
#[case::label_null(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchLabels: {a: }}}\n",
    "line 6, column 42: registries[0].namespaces.selector.matchLabels.a: nothing is written here (hint: write a value)"
)]
#[case::namespaces_empty(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {}\n",
    "line 6, column 15: registries[0].namespaces (entry `a`): nothing is written in it (hint: write `names: [\"*\"]` for all, or remove the field)"
)]
#[case::selector_empty(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {}}\n",
    "line 6, column 26: registries[0].namespaces.selector (entry `a`): the selector is empty (hint: write a label, or `names: [\"*\"]` for every namespace)"
)]
#[case::selector_empty_too(
    "- name: a\n  images: [gcr.io/a/*]\n  namespaces: {selector: {matchLabels: {}, matchExpressions: []}}\n",
    "line 6, column 26: registries[0].namespaces.selector (entry `a`): the selector is empty (hint: write a label, or `names: [\"*\"]` for every namespace)"
)]
// source
#[case::no_grant(
    "- name: a\n  images: [gcr.io/a/*]\n  source: {secret: s}\n",
    "line 6, column 11: registries[0].namespaces (entry `a`): with `source` it must be written who gets the secret (hint: write `namespaces: {names: [...]}`; `names: [\"*\"]` says all)"
)]
#[case::only_except(
    "- name: a\n  images: [gcr.io/a/*]\n  source: {secret: s}\n  namespaces: {except: [x]}\n",
    "line 7, column 15: registries[0].namespaces (entry `a`): with `source` it must be written who gets the secret (hint: write `namespaces: {names: [...]}`; `names: [\"*\"]` says all)"
)]
#[case::source_name(
    "- {name: a, images: [gcr.io/a/*], source: {secret: a/b}, namespaces: {names: ['*']}}\n",
    "line 4, column 52: registries[0].source.secret (entry `a`): `a/b` is no valid name for a Secret (hint: use up to 253 of a-z, 0-9, `-` and `.`, and begin and end each part with a letter or digit)"
)]
#[case::source_of_two_kinds(
    "- {name: a, images: [gcr.io/a/*], source: {secret: s, dockerConfig: {secret: s, key: k}}, namespaces: {names: ['*']}}\n",
    "line 4, column 43: registries[0].source (entry `a`): it has more than one kind (hint: write one of `secret`, `basic`, `dockerConfig`, `ecr`, `gcp` or `acr`)"
)]
#[case::source_that_is_made(
    "- {name: a, images: [gcr.io/a/*], source: {secret: pullpass-credential-b}, namespaces: {names: ['*']}}\n",
    "line 4, column 52: registries[0].source.secret (entry `a`): `pullpass-credential-b` is a name that the controller keeps for Secrets that it makes (hint: give the Secret another name)"
)]
#[case::registry_with_scheme(
    "- {name: a, images: [gcr.io/a/*], source: {basic: {registry: 'https://gcr.io', username: u, passwordFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 62: registries[0].source.basic.registry (entry `a`): `https://gcr.io`: it has a scheme (hint: write the registry as images name it, such as `registry.gitlab.com` or `quay.io/my-org`)"
)]
#[case::registry_with_password(
    "- {name: a, images: [gcr.io/a/*], source: {basic: {registry: 'me:hunter2@gcr.io', username: u, passwordFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 62: registries[0].source.basic.registry (entry `a`): `<redacted>@gcr.io`: its host is not one that an image can name (hint: write the registry as images name it, such as `registry.gitlab.com` or `quay.io/my-org`)"
)]
#[case::registry_with_bad_port(
    "- {name: a, images: [gcr.io/a/*], source: {basic: {registry: 'quay.io:abc', username: u, passwordFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 62: registries[0].source.basic.registry (entry `a`): `quay.io:abc`: its host is not one that an image can name (hint: write the registry as images name it, such as `registry.gitlab.com` or `quay.io/my-org`)"
)]
#[case::registry_with_version(
    "- {name: a, images: [gcr.io/a/*], source: {basic: {registry: quay.io/v2/team, username: u, passwordFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 62: registries[0].source.basic.registry (entry `a`): `quay.io/v2/team`: a path of the kubelet's docker configs cannot begin with `v1` or `v2` (hint: write the registry as images name it, such as `registry.gitlab.com` or `quay.io/my-org`)"
)]
#[case::password_of_a_certificate(
    "- {name: a, images: [gcr.io/a/*], source: {dockerConfig: {secret: pullpass-ca, key: k}}, namespaces: {names: ['*']}}\n",
    "line 4, column 67: registries[0].source.dockerConfig.secret (entry `a`): `pullpass-ca` is a name that the controller keeps for Secrets that it makes (hint: give the Secret another name)"
)]
#[case::registry_with_wildcard(
    "- {name: a, images: [gcr.io/a/*], source: {basic: {registry: 'gcr.io/a/*', username: u, passwordFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 62: registries[0].source.basic.registry (entry `a`): `gcr.io/a/*`: it has a wildcard: a credential is for one registry (hint: write the registry as images name it, such as `registry.gitlab.com` or `quay.io/my-org`)"
)]
#[case::no_registry(
    "- {name: a, images: [gcr.io/a/*], source: {basic: {registry: my-org, username: u, passwordFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 62: registries[0].source.basic.registry (entry `a`): `my-org`: its host is not one that an image can name (hint: write the registry as images name it, such as `registry.gitlab.com` or `quay.io/my-org`)"
)]
#[case::two_user_names(
    "- {name: a, images: [gcr.io/a/*], source: {basic: {registry: gcr.io, username: u, usernameFrom: {secret: s, key: u}, passwordFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 62: registries[0].source.basic (entry `a`): both `username` and `usernameFrom` are written (hint: write one of `username` and `usernameFrom`)"
)]
#[case::no_user_name(
    "- {name: a, images: [gcr.io/a/*], source: {basic: {registry: gcr.io, passwordFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 62: registries[0].source.basic (entry `a`): there is no user name (hint: write one of `username` and `usernameFrom`)"
)]
#[case::user_name_with_colon(
    "- {name: a, images: [gcr.io/a/*], source: {basic: {registry: gcr.io, username: 'u:v', passwordFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 80: registries[0].source.basic.username (entry `a`): a user name cannot contain `:` (hint: write the user name that the registry knows)"
)]
#[case::key_of_a_secret(
    "- {name: a, images: [gcr.io/a/*], source: {dockerConfig: {secret: s, key: a/b}}, namespaces: {names: ['*']}}\n",
    "line 4, column 75: registries[0].source.dockerConfig.key (entry `a`): `a/b` is no valid key (hint: use up to 253 of a-z, A-Z, 0-9, `-`, `_` and `.`)"
)]
#[case::no_registry_of_azure(
    "- {name: a, images: [team.azurecr.io/*], source: {acr: {registries: [team.azurecr.io, quay.io]}}, namespaces: {names: ['*']}}\n",
    "line 4, column 87: registries[0].source.acr.registries (entry `a`): `quay.io` is no registry of Azure (hint: write its login server, such as `my-registry.azurecr.io`)"
)]
#[case::registries_of_two_clouds(
    "- {name: a, images: [team.azurecr.io/*], source: {acr: {registries: [team.azurecr.io, team.azurecr.cn]}}, namespaces: {names: ['*']}}\n",
    "line 4, column 87: registries[0].source.acr.registries (entry `a`): `team.azurecr.cn` is of another cloud than those before it (hint: write one entry for each cloud)"
)]
#[case::registry_of_azure_with_a_scheme(
    "- {name: a, images: [team.azurecr.io/*], source: {acr: {registries: ['https://team.azurecr.io']}}, namespaces: {names: ['*']}}\n",
    "line 4, column 70: registries[0].source.acr.registries (entry `a`): `https://team.azurecr.io`: it has a scheme (hint: write the registry as images name it, such as `registry.gitlab.com` or `quay.io/my-org`)"
)]
#[case::application_without_a_tenant(
    "- {name: a, images: [team.azurecr.io/*], source: {acr: {registries: [team.azurecr.io], clientId: 12345678-90ab-cdef-1234-567890abcdef, clientSecretFrom: {secret: s, key: k}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 56: registries[0].source.acr (entry `a`): an application is known by its tenant and its client ID (hint: write `tenantId` and `clientId`)"
)]
#[case::tenant_that_is_none(
    "- {name: a, images: [team.azurecr.io/*], source: {acr: {registries: [team.azurecr.io], tenantId: common}}, namespaces: {names: ['*']}}\n",
    "line 4, column 98: registries[0].source.acr.tenantId (entry `a`): it is neither the ID of a tenant nor a domain (hint: write it as 12345678-1234-1234-1234-123456789012 or `contoso.onmicrosoft.com`)"
)]
#[case::tenant_that_goes_elsewhere(
    "- {name: a, images: [team.azurecr.io/*], source: {acr: {registries: [team.azurecr.io], tenantId: '../contoso.com'}}, namespaces: {names: ['*']}}\n",
    "line 4, column 98: registries[0].source.acr.tenantId (entry `a`): it is neither the ID of a tenant nor a domain (hint: write it as 12345678-1234-1234-1234-123456789012 or `contoso.onmicrosoft.com`)"
)]
#[case::secret_in_place_of_a_client_id(
    "- {name: a, images: [team.azurecr.io/*], source: {acr: {registries: [team.azurecr.io], clientId: hunter2}}, namespaces: {names: ['*']}}\n",
    "line 4, column 98: registries[0].source.acr.clientId (entry `a`): it is no client ID (hint: write the application (client) ID, such as 12345678-1234-1234-1234-123456789012)"
)]
#[case::two_proofs(
    "- {name: a, images: [team.azurecr.io/*], source: {acr: {registries: [team.azurecr.io], clientSecretFrom: {secret: s, key: k}, clientCertificateFrom: {secret: s, key: l}}}, namespaces: {names: ['*']}}\n",
    "line 4, column 56: registries[0].source.acr (entry `a`): both `clientSecretFrom` and `clientCertificateFrom` are written (hint: write one of them)"
)]
#[case::two_copies(
    "- {name: a, images: [gcr.io/a/*], source: {secret: s}, namespaces: {names: ['*']}, pullSecrets: [s, t]}\n",
    "line 4, column 97: registries[0].pullSecrets (entry `a`): with `source` there is one pull secret, the copy (hint: write one entry for each pull secret)"
)]
#[case::removal_alone(
    "- name: a\n  images: [gcr.io/a/*]\n  onRemoval: retain\n",
    "line 6, column 14: registries[0].onRemoval (entry `a`): it has a meaning only with `source` (hint: remove it, or add `source`)"
)]
// names by alias and by merge
#[case::alias(
    "- &a {name: a, images: [gcr.io/a/*]}\n- *a\n",
    "line 5, column 3: registries[1].name (entry `a`): the name `a` is taken by the entry of line 4 (hint: give each entry a name of its own)"
)]
#[case::merge(
    "- &a {name: a, images: [gcr.io/a/*]}\n- {<<: *a}\n",
    "line 5, column 8: registries[1].name (entry `a`): the name `a` is taken by the entry of line 4 (hint: give each entry a name of its own)"
)]
// an expression's values
#[case::in_without(
    "- {name: a, images: [gcr.io/a/*], namespaces: {selector: {matchExpressions: [{key: k, operator: In}]}}}\n",
    "line 4, column 97: registries[0].namespaces.selector.matchExpressions[0].values (entry `a`): `In` needs values (hint: write `values: [...]`)"
)]
#[case::not_in_empty(
    "- {name: a, images: [gcr.io/a/*], namespaces: {selector: {matchExpressions: [{key: k, operator: NotIn, values: []}]}}}\n",
    "line 4, column 97: registries[0].namespaces.selector.matchExpressions[0].values (entry `a`): `NotIn` needs values (hint: write `values: [...]`)"
)]
#[case::exists_with(
    "- {name: a, images: [gcr.io/a/*], namespaces: {selector: {matchExpressions: [{key: k, operator: Exists, values: [x]}]}}}\n",
    "line 4, column 97: registries[0].namespaces.selector.matchExpressions[0].values (entry `a`): `Exists` takes no values (hint: remove `values`)"
)]
#[case::absent_with(
    "- {name: a, images: [gcr.io/a/*], namespaces: {selector: {matchExpressions: [{key: k, operator: DoesNotExist, values: [x]}]}}}\n",
    "line 4, column 97: registries[0].namespaces.selector.matchExpressions[0].values (entry `a`): `DoesNotExist` takes no values (hint: remove `values`)"
)]
// what is quoted cannot forge a line
#[case::control(
    "- name: \"a\\nline 1, column 1: \\e[31mok\"\n  images: [gcr.io/a/*]\n",
    "line 4, column 9: registries[0].name (entry `a\\nline 1, column 1: \\u{1b}[31mok`): `a\\nline 1, column 1: \\u{1b}[31mok` is no valid name for an entry (hint: use up to 63 of a-z, 0-9 and `-`, and begin and end with a letter or digit)"
)]
fn fault_29_entries(#[case] entries: &str, #[case] expected: &str) {
    assert_eq!(problem(&format!("{HEAD}{entries}")), expected);
}

/// Fault 29: all that is not syntax or type is reported at once, in the order of the text.
#[test]
fn fault_29_every_problem_at_once() {
    let error = refused(
        "apiVersion: pullpass.io/v2
kind: config
registries:
- name: A
  images: [gcr.io/a/*, nginx, gcr.io/p/**]
  exceptImages: ['@']
  pullSecrets: [a, A_b, '']
  namespaces:
    names: ['a*', '**', A, '-', '']
    except: [a.b]
    selector: {matchLabels: {x y: z, k: -v}}
- name: A
  images: []
  exceptImages: []
  pullSecrets: []
  namespaces: {names: [], except: []}
",
    );
    let places: Vec<_> = error
        .problems
        .iter()
        .map(|p| format!("{}:{} {}", p.place.line, p.place.column, p.field))
        .collect();
    assert_eq!(
        places,
        [
            "1:13 apiVersion",
            "2:7 kind",
            "4:9 registries[0].name",
            "5:24 registries[0].images[1]",
            "5:31 registries[0].images[2]",
            "6:18 registries[0].exceptImages[0]",
            "7:20 registries[0].pullSecrets[1]",
            "7:25 registries[0].pullSecrets[2]",
            "9:19 registries[0].namespaces.names[1]",
            "9:25 registries[0].namespaces.names[2]",
            "9:28 registries[0].namespaces.names[3]",
            "9:33 registries[0].namespaces.names[4]",
            "10:14 registries[0].namespaces.except[0]",
            "11:35 registries[0].namespaces.selector.matchLabels.x y",
            "11:41 registries[0].namespaces.selector.matchLabels.k",
            "12:9 registries[1].name",
            "12:9 registries[1].name",
            "13:11 registries[1].images",
            "14:17 registries[1].exceptImages",
            "15:16 registries[1].pullSecrets",
            "16:23 registries[1].namespaces.names",
            "16:35 registries[1].namespaces.except",
        ]
    );
    assert!(error.problems.iter().all(|p| !p.hint.is_empty() && !p.reason.is_empty()));
    let text = error.to_string();
    assert!(text.starts_with("the configuration has 22 errors\nline 1, column 13: apiVersion: `pullpass.io/v2` is not known (hint: write `apiVersion: pullpass.io/v1`)\n"));
    assert_eq!(text.lines().count(), 23);
    assert_eq!(
        serde_json::to_value(&error.problems[3]).unwrap(),
        json!({
            "line": 5, "column": 24, "field": "registries[0].images[1]", "entry": "A",
            "reason": "pattern `nginx`: the pattern names no registry: the part before the first `/` has no `.`, no port, and is not `localhost`",
            "hint": "for Docker Hub write `docker.io/nginx`; otherwise name the registry's host first",
        })
    );
}

#[rstest]
#[case::names("a", true)]
#[case::names("a-1", true)]
#[case::names("0", true)]
#[case::names("A", false)]
#[case::names("-a", false)]
#[case::names("a-", false)]
#[case::names("a.b", false)]
#[case::names("a_b", false)]
#[case::names("", false)]
#[case::names("é", false)]
fn names_of_entries(#[case] name: &str, #[case] valid: bool) {
    let yaml = format!("{HEAD}- {{name: '{name}', images: [gcr.io/a/*]}}\n");
    assert_eq!(parse(&yaml).is_ok(), valid);
}

#[rstest]
#[case("a", true)]
#[case("a.b-c.0", true)]
#[case("a..b", false)]
#[case(".a", false)]
#[case("a.", false)]
#[case("a-.b", false)]
#[case("A", false)]
#[case("a_b", false)]
#[case("", false)]
#[case("a/b", false)]
fn names_of_secrets(#[case] name: &str, #[case] valid: bool) {
    let yaml = format!("{HEAD}- {{name: a, images: [gcr.io/a/*], pullSecrets: ['{name}']}}\n");
    assert_eq!(parse(&yaml).is_ok(), valid);
}

#[test]
fn names_have_lengths() {
    let with = |name: usize, secret: usize, glob: usize| {
        let yaml = format!(
            "{HEAD}- {{name: {}, images: [gcr.io/a/*], pullSecrets: [{}], namespaces: {{names: ['{}*']}}}}\n",
            "a".repeat(name),
            "b".repeat(secret),
            "c".repeat(glob)
        );
        parse(&yaml).is_ok()
    };
    assert!(with(63, 253, 63));
    assert!(!with(64, 1, 1) && !with(1, 254, 1) && !with(1, 1, 64));
}

#[rstest]
#[case("team-*", true)]
#[case("*", true)]
#[case("*-a-*", true)]
#[case("0", true)]
#[case("-*", false)]
#[case("*-", false)]
#[case("a.b", false)]
#[case("a_b", false)]
#[case("Team", false)]
#[case("a?", false)]
#[case("[ab]", false)]
#[case("!a", false)]
#[case("a b", false)]
#[case("a**", false)]
fn globs_of_namespaces(#[case] glob: &str, #[case] valid: bool) {
    for field in ["names", "except"] {
        let yaml = format!(
            "{HEAD}- {{name: a, images: [gcr.io/a/*], namespaces: {{{field}: ['{glob}']}}}}\n"
        );
        assert_eq!(parse(&yaml).is_ok(), valid, "{field}");
    }
}

#[rstest]
#[case("tier", "paid", true)]
#[case("example.com/tier", "", true)]
#[case("a.b_c-D", "A.b_c-1", true)]
#[case("", "x", false)]
#[case("/a", "x", false)]
#[case("a/", "x", false)]
#[case("a/b/c", "x", false)]
#[case("A.com/b", "x", false)]
#[case("-a", "x", false)]
#[case("a b", "x", false)]
#[case("a", "-x", false)]
#[case("a", "x.", false)]
#[case("a", "x/y", false)]
fn labels_of_selectors(#[case] key: &str, #[case] value: &str, #[case] valid: bool) {
    let by_labels = format!("matchLabels: {{'{key}': '{value}'}}");
    let by_expression =
        format!("matchExpressions: [{{key: '{key}', operator: In, values: ['{value}']}}]");
    for selector in [by_labels, by_expression] {
        let yaml = format!(
            "{HEAD}- {{name: a, images: [gcr.io/a/*], namespaces: {{selector: {{{selector}}}}}}}\n"
        );
        assert_eq!(parse(&yaml).is_ok(), valid, "{selector}");
    }
}

/// Design section 2.2: what `check` warns about; the entry begins on line 4.
#[rstest]
#[case::everything(
    "images: ['*']",
    "line 4, column 22: registries[0].images[0] (entry `a`): `*` puts the secret on Pods with public images too: the kubelet tries it, and then has no anonymous fallback (hint: name the registries that need the secret)"
)]
#[case::open_project(
    "images: [gcr.io/p*]",
    "line 4, column 22: registries[0].images[0] (entry `a`): `gcr.io/p*` matches `gcr.io/p-evil/x` too (hint: write `gcr.io/p/*`)"
)]
#[case::open_with_tag(
    "images: ['gcr.io/p*:v1']",
    "line 4, column 22: registries[0].images[0] (entry `a`): `gcr.io/p*:v1` matches `gcr.io/p-evil/x` too (hint: write `gcr.io/p/*:v1`)"
)]
#[case::open_wild_host(
    "images: ['*.gcr.io/p*']",
    "line 4, column 22: registries[0].images[0] (entry `a`): `*.gcr.io/p*` matches `*.gcr.io/p-evil/x` too (hint: write `*.gcr.io/p/*`)"
)]
#[case::official(
    "images: [docker.io/nginx*]",
    "line 4, column 22: registries[0].images[0] (entry `a`): `docker.io/nginx*` misses the official images, whose path begins with `library/` (hint: write `docker.io/library/nginx*`, or `docker.io/nginx/*` for an organisation)"
)]
#[case::official_left_out(
    "images: [docker.io/*], exceptImages: [docker.io/nginx*]",
    "line 4, column 51: registries[0].exceptImages[0] (entry `a`): `docker.io/nginx*` misses the official images, whose path begins with `library/` (hint: write `docker.io/library/nginx*`, or `docker.io/nginx/*` for an organisation)"
)]
#[case::tag_left_out(
    "images: [gcr.io/p/*], exceptImages: ['gcr.io/p/a:v*']",
    "line 4, column 50: registries[0].exceptImages[0] (entry `a`): `gcr.io/p/a:v*` has a tag: the same image by its digest gets round it (hint: leave out images without a tag)"
)]
#[case::never(
    "images: [gcr.io/p/a], exceptImages: [gcr.io/p/*]",
    "line 4, column 22: registries[0].images[0] (entry `a`): `gcr.io/p/a` can never match: `gcr.io/p/*` of `exceptImages` leaves out all that it includes (hint: remove one of the two)"
)]
#[case::never_same(
    "images: ['gcr.io/p/a*b'], exceptImages: ['gcr.io/p/a*b']",
    "line 4, column 22: registries[0].images[0] (entry `a`): `gcr.io/p/a*b` can never match: `gcr.io/p/a*b` of `exceptImages` leaves out all that it includes (hint: remove one of the two)"
)]
#[case::never_any(
    "images: [gcr.io/p/a], exceptImages: ['*']",
    "line 4, column 22: registries[0].images[0] (entry `a`): `gcr.io/p/a` can never match: `*` of `exceptImages` leaves out all that it includes (hint: remove one of the two)"
)]
#[case::never_wild_host(
    "images: [eu.gcr.io/p/a], exceptImages: ['*.gcr.io/p/*']",
    "line 4, column 22: registries[0].images[0] (entry `a`): `eu.gcr.io/p/a` can never match: `*.gcr.io/p/*` of `exceptImages` leaves out all that it includes (hint: remove one of the two)"
)]
#[case::never_wilder_host(
    "images: ['*.eu.gcr.io/p/a'], exceptImages: ['*.e*.gcr.io/p/*']",
    "line 4, column 22: registries[0].images[0] (entry `a`): `*.eu.gcr.io/p/a` can never match: `*.e*.gcr.io/p/*` of `exceptImages` leaves out all that it includes (hint: remove one of the two)"
)]
#[case::never_official(
    "images: [docker.io/nginx], exceptImages: [index.docker.io/library/*]",
    "line 4, column 22: registries[0].images[0] (entry `a`): `docker.io/nginx` can never match: `index.docker.io/library/*` of `exceptImages` leaves out all that it includes (hint: remove one of the two)"
)]
#[case::pattern_twice(
    "images: [gcr.io/p/a, gcr.io/p/b, gcr.io/p/a]",
    "line 4, column 46: registries[0].images[2] (entry `a`): `gcr.io/p/a` is written twice (hint: remove one)"
)]
#[case::pattern_same(
    "images: [docker.io/nginx, index.docker.io/library/nginx]",
    "line 4, column 39: registries[0].images[1] (entry `a`): `index.docker.io/library/nginx` means the same as `docker.io/nginx` (hint: remove one)"
)]
#[case::pattern_same_tag(
    "images: [gcr.io/p/a, 'gcr.io/p/a:*']",
    "line 4, column 34: registries[0].images[1] (entry `a`): `gcr.io/p/a:*` means the same as `gcr.io/p/a` (hint: remove one)"
)]
#[case::except_twice(
    "images: [gcr.io/p/*], exceptImages: [gcr.io/p/a, gcr.io/p/a]",
    "line 4, column 62: registries[0].exceptImages[1] (entry `a`): `gcr.io/p/a` is written twice (hint: remove one)"
)]
#[case::secret_twice(
    "images: [gcr.io/p/*], pullSecrets: [s, t, s]",
    "line 4, column 55: registries[0].pullSecrets[2] (entry `a`): `s` is written twice (hint: remove one)"
)]
#[case::label_trust(
    "images: [gcr.io/p/*], source: {secret: s}, namespaces: {selector: {matchLabels: {tier: paid, kubernetes.io/metadata.name: x}, matchExpressions: [{key: team, operator: Exists}]}}",
    "line 4, column 79: registries[0].namespaces.selector (entry `a`): whoever may set `tier` and `team` on a Namespace decides who gets the secret (hint: reserve the label to admins, or grant by `names`)"
)]
#[case::another_registry(
    "images: [quay.io/p/*], namespaces: {names: [x]}, source: {basic: {registry: gcr.io, username: u, passwordFrom: {secret: s, key: k}}}",
    "line 4, column 22: registries[0].images[0] (entry `a`): the credentials of `basic` cover no image of the pattern `quay.io/p/*`, such as quay.io/p/x: the kubelet finds no credential for the rest (hint: correct `registry`, or the pattern)"
)]
#[case::another_path(
    "images: [ghcr.io/p/a, ghcr.io/*], namespaces: {names: [x]}, source: {basic: {registry: ghcr.io/p, username: u, passwordFrom: {secret: s, key: k}}}",
    "line 4, column 35: registries[0].images[1] (entry `a`): the credentials of `basic` cover not all images of the pattern `ghcr.io/*`, such as ghcr.io/x: the kubelet finds no credential for the rest (hint: correct `registry`, or the pattern)"
)]
#[case::another_port(
    "images: ['harbor.example.com/p/*'], namespaces: {names: [x]}, source: {basic: {registry: 'harbor.example.com:8443', username: 'robot$p+n', passwordFrom: {secret: s, key: k}}}",
    "line 4, column 22: registries[0].images[0] (entry `a`): the credentials of `basic` cover no image of the pattern `harbor.example.com/p/*`, such as harbor.example.com/p/x: the kubelet finds no credential for the rest (hint: correct `registry`, or the pattern)"
)]
#[case::another_region_of_ecr(
    "images: ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/*'], namespaces: {names: [x]}, source: {ecr: {accounts: ['123456789012'], region: eu-central-1}}",
    "line 4, column 22: registries[0].images[0] (entry `a`): the credentials of `ecr` cover no image of the pattern `123456789012.dkr.ecr.eu-west-1.amazonaws.com/*`, such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com/x: the kubelet finds no credential for the rest (hint: correct `accounts` and `region`, or the pattern)"
)]
#[case::some_accounts_of_ecr(
    "images: ['*.dkr.ecr.eu-west-1.amazonaws.com/team/*'], namespaces: {names: [x]}, source: {ecr: {accounts: ['123456789012'], region: eu-west-1}}",
    "line 4, column 22: registries[0].images[0] (entry `a`): the credentials of `ecr` cover not all images of the pattern `*.dkr.ecr.eu-west-1.amazonaws.com/team/*`, such as x.dkr.ecr.eu-west-1.amazonaws.com/team/x: the kubelet finds no credential for the rest (hint: correct `accounts` and `region`, or the pattern)"
)]
#[case::another_project_of_google(
    "images: [gcr.io/p/*, europe-docker.pkg.dev/p/*], namespaces: {names: [x]}, source: {gcp: {registries: [gcr.io, europe-docker.pkg.dev/q]}}",
    "line 4, column 34: registries[0].images[1] (entry `a`): the credentials of `gcp` cover no image of the pattern `europe-docker.pkg.dev/p/*`, such as europe-docker.pkg.dev/p/x: the kubelet finds no credential for the rest (hint: correct `registries`, or the pattern)"
)]
#[case::another_registry_of_azure(
    "images: [a.azurecr.io/*], namespaces: {names: [x]}, source: {acr: {registries: [b.azurecr.io]}}",
    "line 4, column 22: registries[0].images[0] (entry `a`): the credentials of `acr` cover no image of the pattern `a.azurecr.io/*`, such as a.azurecr.io/x: the kubelet finds no credential for the rest (hint: correct `registries`, or the pattern)"
)]
fn warned(#[case] entry: &str, #[case] expected: &str) {
    assert_eq!(warnings(&format!("- {{name: a, {entry}}}\n")), [expected]);
}

#[rstest]
#[case("images: [gcr.io/p/*]")]
#[case("images: [gcr.io/*]")]
#[case("images: [gcr.io/team/p*]")]
#[case("images: [docker.io/*]")]
#[case("images: [docker.io/nginx]")]
#[case("images: ['docker.io/nginx:1.*']")]
#[case("images: [docker.io/library/nginx*]")]
#[case("images: [docker.io/my-org/*]")]
#[case("images: ['*.dkr.ecr.eu-west-1.amazonaws.com/*']")]
#[case("images: [gcr.io/p/*], exceptImages: [gcr.io/p/public/*, 'gcr.io/p/b:*']")]
#[case("images: [gcr.io/p/*], exceptImages: [gcr.io/q/*]")]
#[case("images: [gcr.io/p/*], exceptImages: ['*.gcr.io/p/*']")]
#[case("images: ['*.gcr.io/p/*'], exceptImages: [eu.gcr.io/p/*]")]
#[case("images: ['*.gcr.io:80/p/*'], exceptImages: ['*.gcr.io/p/*']")]
#[case("images: ['gcr.io/p/a:v1', 'gcr.io/p/a:v2']")]
#[case("images: [gcr.io/p/*], pullSecrets: [s, t]")]
#[case("images: [gcr.io/p/*], namespaces: {selector: {matchLabels: {tier: paid}}}")]
#[case("images: [gcr.io/p/*], source: {secret: s}, namespaces: {names: ['*']}")]
#[case(
    "images: [gcr.io/p/*], source: {secret: s}, namespaces: {selector: {matchLabels: {kubernetes.io/metadata.name: x}}}"
)]
#[case(
    "images: [docker.io/*, docker.io/my-org/*, docker.io/library/nginx], namespaces: {names: [x]}, source: {basic: {registry: docker.io, username: u, passwordFrom: {secret: s, key: k}}}"
)]
#[case(
    "images: [quay.io/my-org/*], namespaces: {names: [x]}, source: {basic: {registry: quay.io/my-org, username: my-org+robot, passwordFrom: {secret: s, key: k}}}"
)]
#[case(
    "images: [quay.io/my-org/*], namespaces: {names: [x]}, source: {dockerConfig: {secret: s, key: k}}"
)]
#[case(
    "images: ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/*', '123456789012.dkr-ecr.eu-west-1.on.aws/*'], namespaces: {names: [x]}, source: {ecr: {accounts: ['123456789012'], region: eu-west-1}}"
)]
#[case(
    "images: [public.ecr.aws/my-alias/*], namespaces: {names: [x]}, source: {ecr: {public: true}}"
)]
#[case(
    "images: ['gcr.io/my-project/my-registry:*'], namespaces: {names: [x]}, source: {gcp: {registries: [gcr.io]}}"
)]
fn not_warned(#[case] entry: &str) {
    assert_eq!(warnings(&format!("- {{name: a, {entry}}}\n")), [""; 0]);
}

#[test]
fn of_entries_that_copy_one_name_from_two_secrets_the_later_is_warned_of() {
    let entry = |name: &str, rest: &str| {
        format!(
            "- {{name: {name}, images: [gcr.io/{name}/*], namespaces: {{names: ['*']}}, {rest}}}\n"
        )
    };
    let found = warnings(
        &[
            entry("a", "source: {secret: s}, pullSecrets: [x]"),
            entry("b", "source: {secret: s}, pullSecrets: [x]"),
            entry("x", "source: {secret: t}"),
            entry("c", "source: {secret: t}"),
        ]
        .concat(),
    );
    assert_eq!(found.len(), 1, "{found:?}");
    let expected = "registries[2].source.secret (entry `x`): the entry a brings the same pull secret `x` from the Secret s: where both";
    assert!(found[0].contains(expected), "{found:?}");
}

/// An entry with this source of the kind `gcp`.
fn gcp_entry(gcp: &str) -> String {
    format!(
        "- {{name: a, images: [gcr.io/p/*], namespaces: {{names: [x]}}, source: {{gcp: {gcp}}}}}\n"
    )
}

const PROVIDER: &str =
    "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/pool-1/providers/k8s";

#[test]
fn who_fetches_tokens_of_google() {
    let key = SecretKey { secret: "s".into(), key: "k".into() };
    let provider = format!(", workloadIdentity: {PROVIDER}");
    for (written, identity) in [
        ("", GcpIdentity::Metadata),
        (", keyAsPassword: false", GcpIdentity::Metadata),
        (", keyFrom: {secret: s, key: k}", GcpIdentity::Key(key.clone())),
        (", keyFrom: {secret: s, key: k}, keyAsPassword: false", GcpIdentity::Key(key.clone())),
        (
            ", keyFrom: {secret: s, key: k}, keyAsPassword: true",
            GcpIdentity::KeyAsPassword(key.clone()),
        ),
        (&*provider, GcpIdentity::WorkloadIdentity(PROVIDER.into())),
    ] {
        let entry = gcp_entry(&format!("{{registries: [gcr.io/p]{written}}}"));
        let parsed = parse(&format!("{HEAD}{entry}")).unwrap_or_else(|e| panic!("{written}: {e}"));
        let made = parsed.config.entries()[0].source.as_ref().unwrap().made.clone().unwrap();
        let registries = vec!["gcr.io/p".into()];
        let gcp = Gcp { registries, identity, impersonate: None };
        assert_eq!(made, Made::Token(TokenSource::Gcp(gcp)), "{written}");
    }
}

#[rstest]
#[case("puller@my-project.iam.gserviceaccount.com", true)]
#[case("puller@my-project.example.com.iam.gserviceaccount.com", true)]
#[case("123-compute@developer.gserviceaccount.com", true)]
#[case("my-project@appspot.gserviceaccount.com", true)]
#[case("puller", false)]
#[case("me@example.com", false)]
#[case("@my-project.iam.gserviceaccount.com", false)]
#[case("puller@.gserviceaccount.com", false)]
#[case("a/b@p.iam.gserviceaccount.com", false)]
#[case("a@b@p.iam.gserviceaccount.com", false)]
fn service_accounts_of_google(#[case] email: &str, #[case] valid: bool) {
    let entry = gcp_entry(&format!("{{registries: [gcr.io], impersonate: '{email}'}}"));
    match parse(&format!("{HEAD}{entry}")) {
        Ok(_) => assert!(valid, "{email}"),
        Err(error) => {
            let told = format!(
                "line 4, column 111: registries[0].source.gcp.impersonate (entry `a`): `{email}` is not a service account (hint: write its email, such as `puller@my-project.iam.gserviceaccount.com`)"
            );
            assert!(!valid && error.problems[0].to_string() == told, "{error}");
        }
    }
}

#[rstest]
#[case(PROVIDER, true)]
#[case(&PROVIDER[2..], false)]
#[case(&format!("https:{PROVIDER}"), false)]
#[case(&PROVIDER.replace("/7/", "/my-project/"), false)]
#[case(&PROVIDER.replace("global", "europe"), false)]
#[case(&PROVIDER.replace("/k8s", "/"), false)]
#[case(&PROVIDER.replace("/k8s", "/K8S"), false)]
#[case(&format!("{PROVIDER}/x"), false)]
#[case("//evil.example/projects/7/locations/global/workloadIdentityPools/p/providers/k", false)]
fn providers_of_workload_identity(#[case] provider: &str, #[case] valid: bool) {
    let entry = gcp_entry(&format!("{{registries: [gcr.io], workloadIdentity: '{provider}'}}"));
    match parse(&format!("{HEAD}{entry}")) {
        Ok(_) => assert!(valid, "{provider}"),
        Err(error) => {
            let told = "is not the provider of a workload identity pool (hint: write it as `//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`, with the digits that `gcloud projects describe` shows as `projectNumber` for NUMBER)";
            assert!(!valid && error.problems[0].to_string().ends_with(told), "{error}");
        }
    }
}

#[rstest]
#[case::no_registry("{registries: []}", "source.gcp.registries (entry `a`): the list is empty")]
#[case::scheme(
    "{registries: ['https://gcr.io']}",
    "source.gcp.registries (entry `a`): `https://gcr.io`: it has a scheme"
)]
#[case::two_identities(
    "{registries: [gcr.io], keyFrom: {secret: s, key: k}, workloadIdentity: //iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/p/providers/k}",
    "source.gcp (entry `a`): both `keyFrom` and `workloadIdentity` are written (hint: write one of them)"
)]
#[case::no_key(
    "{registries: [gcr.io], keyAsPassword: true}",
    "source.gcp.keyAsPassword (entry `a`): it has a meaning only with `keyFrom` (hint: remove it, or add `keyFrom`)"
)]
#[case::impersonated(
    "{registries: [gcr.io], keyFrom: {secret: s, key: k}, keyAsPassword: true, impersonate: a@p.iam.gserviceaccount.com}",
    "source.gcp.keyAsPassword (entry `a`): it has no meaning with `impersonate`: no token is fetched (hint: remove one of the two)"
)]
#[case::own_secret(
    "{registries: [gcr.io], keyFrom: {secret: pullpass-ca, key: k}}",
    "source.gcp.keyFrom.secret (entry `a`): `pullpass-ca` is a name that the controller keeps"
)]
fn settings_of_google_that_are_refused(#[case] gcp: &str, #[case] told: &str) {
    let problem = problem(&format!("{HEAD}{}", gcp_entry(gcp)));
    assert!(problem.contains(told), "{problem}");
}

/// A name of one's own is allowed, and one that only looks like Google's is pointed out.
#[test]
fn credentials_of_google_for_others_are_warned_of() {
    let google =
        "{registries: [gcr.io, eu.gcr.io/p, europe-docker.pkg.dev/p/r, US-docker.pkg.dev]}";
    assert_eq!(warnings(&gcp_entry(google)), [""; 0]);
    for other in ["gcr.io.example.com", "pkg.dev", "notgcr.io", "images.example.com/gcr.io"] {
        let expected = format!(
            "line 4, column 89: registries[0].source.gcp.registries (entry `a`): `{other}` is no host of Artifact Registry, and is shown Google's credential (hint: write `LOCATION-docker.pkg.dev` or a host of gcr.io, unless this one is your own name for it)"
        );
        let found = warnings(&gcp_entry(&format!("{{registries: [{other}]}}")));
        assert!(found.contains(&expected), "{found:?}");
    }
}

/// `*` is meant for other images too, and is warned of by itself.
#[test]
fn that_a_credential_is_not_for_all_images_is_no_gap() {
    let source =
        "source: {basic: {registry: gcr.io, username: u, passwordFrom: {secret: s, key: k}}}";
    let found =
        warnings(&format!("- {{name: a, images: ['*'], namespaces: {{names: [x]}}, {source}}}\n"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("puts the secret on Pods with public images too"), "{found:?}");
}

/// An entry takes no longer to check than its warnings are worth.
#[test]
fn what_takes_too_long_to_tell_is_warned_of_once() {
    let images = (0..2_000).map(|i| format!("'*{i}a*.*b{i}*.*c*.*d*.example.com/p*q*{i}/*'"));
    let images = images.collect::<Vec<_>>().join(", ");
    let found = warnings(&format!(
        "- {{name: a, images: [{images}], namespaces: {{names: [x]}}, source: {{basic: {{registry: x.x.x.x.example.com, username: u, passwordFrom: {{secret: s, key: k}}}}}}}}\n"
    ));
    let told = found.iter().filter(|found| found.contains("to tell which images"));
    assert_eq!(told.count(), 1, "{:?}", found.first());
}

#[test]
fn warnings_stand_in_the_order_of_the_text() {
    let found = warnings(
        "- {name: a, images: ['*'], pullSecrets: [s, s]}\n- {name: b, images: [gcr.io/p*]}\n",
    );
    let places: Vec<_> = found.iter().map(|w| w.split(':').next().unwrap()).collect();
    assert_eq!(places, ["line 4, column 22", "line 4, column 45", "line 5, column 22"]);
}

#[test]
fn the_example_is_in_order() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/config.yaml"))
            .unwrap();
    assert_eq!(parse(&text).unwrap().warnings, []);
}

fn entries(count: usize) -> String {
    let mut yaml = HEAD.to_owned();
    for i in 0..count {
        writeln!(yaml, "- {{name: e{i}, images: [gcr.io/p{i}/*, '*.r{i}.example.com/*'], exceptImages: [gcr.io/p{i}/public/*]}}").unwrap();
    }
    yaml
}

#[test]
fn fault_31_ten_thousand_entries() {
    let config = parse(&entries(10_000)).unwrap().config;
    let mut scratch = Scratch::default();
    for (image, expected) in [
        ("gcr.io/p1234/a", vec![1_234]),
        ("eu.r9999.example.com/x:v1", vec![9_999]),
        ("gcr.io/p7/public/x", vec![7, 7]),
        ("gcr.io/p10000/a", vec![]),
        ("nginx", vec![]),
    ] {
        let reference = Reference::parse(image).unwrap();
        let hits: Vec<_> = config.hits(&reference, &mut scratch).map(|hit| hit.entry).collect();
        assert_eq!(hits, expected, "{image}");
    }
}

#[test]
fn fault_31_ten_thousand_patterns_on_each_list() {
    let list = |name: &str| {
        (0..10_000).map(|i| format!("gcr.io/{name}{i}/*")).collect::<Vec<_>>().join(", ")
    };
    let yaml =
        format!("{HEAD}- {{name: a, images: [{}], exceptImages: [{}]}}\n", list("a"), list("b"));
    assert_eq!(parse(&yaml).unwrap().warnings, []);
}

#[test]
fn fault_32_over_the_caps() {
    assert_eq!(
        problem(&entries(10_001)),
        "line 4, column 3: registries: there are 10001 entries; at most 10000 are allowed (hint: join entries that have the same pull secret and namespaces)"
    );
    let patterns = vec!["x.io/a"; 10_001].join(", ");
    assert_eq!(
        problem(&format!("{HEAD}- {{name: a, images: [{patterns}]}}\n")),
        "line 4, column 21: registries[0].images (entry `a`): the list has 10001 items; at most 10000 are allowed (hint: use wildcards, or split the entry)"
    );
    let long = "a*".repeat(300);
    let expected = format!(
        "line 4, column 22: registries[0].images[0] (entry `a`): pattern `gcr.io/{}...`: the pattern has 607 bytes; at most 512 are allowed (hint: use wildcards, or several patterns)",
        &long[..121]
    );
    assert_eq!(problem(&format!("{HEAD}- {{name: a, images: [gcr.io/{long}]}}\n")), expected);
    assert_eq!(
        problem(&"#".repeat(MAX_CONFIG_BYTES + 1)),
        format!(
            "line 1, column 1: it has {} bytes; at most {MAX_CONFIG_BYTES} are allowed (hint: use wildcards to write fewer patterns)",
            MAX_CONFIG_BYTES + 1
        )
    );
}

/// Fault 32: what is quoted is cut, however often it is.
#[test]
fn fault_32_messages_are_bounded() {
    let long = "A".repeat(100_000);
    let error =
        refused(&format!("{HEAD}- name: {long}\n  images: [{}]\n", vec!["x"; 1_000].join(", ")));
    assert_eq!(error.problems.len(), 1_001);
    assert!(error.problems.iter().all(|problem| problem.to_string().len() < 1_000));
    for yaml in [
        format!(
            "apiVersion: {long}\nkind: Config\nregistries: [{{name: a, images: [gcr.io/a/*]}}]\n"
        ),
        format!("mode: {long}\n"),
        format!("? {long}\n: x\n"),
        format!(
            "{HEAD}- {{name: a, images: [gcr.io/a/*], source: {{secret: {long}}}, namespaces: {{names: [x]}}}}\n"
        ),
        format!("{HEAD}- {{name: a, images: [gcr.io/a/*], namespaces: {{names: [{long}]}}}}\n"),
        format!(
            "{HEAD}- {{name: a, images: [gcr.io/a/*], namespaces: {{selector: {{matchLabels: {{k: {long}}}}}}}}}\n"
        ),
        format!(
            "{HEAD}- {{name: {long}, images: [gcr.io/a/*]}}\n- {{name: {long}, images: [gcr.io/a/*]}}\n"
        ),
        format!("{HEAD}- name: 1{}\n", "0".repeat(100_000)),
    ] {
        let error = refused(&yaml);
        assert!(error.to_string().len() < 3_000, "{}", error.to_string().len());
    }
}

/// Fault 32: aliases cannot blow a small text up.
#[test]
fn fault_32_alias_bombs_are_refused() {
    let patterns: Vec<_> = (0..10_000).map(|i| format!("gcr.io/a{i}")).collect();
    let mut yaml = format!("{HEAD}- {{name: a, images: &i [{}]}}\n", patterns.join(", "));
    for i in 0..5_000 {
        writeln!(yaml, "- {{name: e{i}, images: *i}}").unwrap();
    }
    let found = problem(&yaml);
    assert!(found.ends_with("the YAML is too large, or its aliases repeat too much of it (hint: write fewer entries and aliases; a wildcard may stand for many patterns)"), "{found}");
    let mut nested = String::from("registries: [&a [x,x,x,x,x,x,x,x,x]");
    for (outer, inner) in ('b'..='z').zip('a'..) {
        write!(nested, ", &{outer} [{}]", vec![format!("*{inner}"); 9].join(",")).unwrap();
    }
    refused(&(nested + "]\n"));
}

#[test]
fn fault_32_deep_nesting_is_refused() {
    for yaml in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        format!("{HEAD}- name: {}", "{a: ".repeat(50_000)),
        format!("{HEAD}- {{name: a, images: {}", "[".repeat(50_000)),
        (0..2_000).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n"),
    ] {
        assert_eq!(refused(&yaml).problems.len(), 1);
    }
}

/// The schema of the types: what is required, what is known, and no field may be null.
#[test]
fn the_schema_says_what_the_parser_does() {
    let schema = serde_json::to_value(json_schema()).unwrap();
    assert_eq!(schema["required"], json!(["apiVersion", "kind", "registries"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert!(!schema.to_string().contains("null"), "{schema:#}");
    assert_eq!(schema["$defs"]["Registry"]["required"], json!(["name", "images"]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Law: no text makes the parser panic, and each refusal has a place, a reason and a hint.
    #[test]
    fn any_text_is_accepted_or_refused(text in "\\PC{0,60}|[-a-z:\\[\\]{}&*!|>'\"%@#,? \\n\\t]{0,60}") {
        for yaml in [text.clone(), format!("{HEAD}{text}"), format!("{HEAD}- name: a\n  images: {text}")] {
            if let Err(error) = parse(&yaml) {
                prop_assert!(!error.problems.is_empty());
                for problem in &error.problems {
                    prop_assert!(!problem.reason.is_empty() && !problem.hint.is_empty());
                    prop_assert!(problem.place.line >= 1 && problem.place.column >= 1);
                    prop_assert_eq!(problem.to_string().lines().count(), 1);
                }
            }
        }
    }

    /// Law: a damaged configuration is accepted or refused.
    #[test]
    fn damage_is_accepted_or_refused(at in 0..600_usize, cut in 0..20_usize, put in "[-a-z:\\[\\]{}&*!|>'\"\\n\\t ]{0,3}") {
        let text = include_str!("../examples/config.yaml");
        let chars: Vec<_> = text.chars().collect();
        let damaged: String = chars.iter().take(at).copied().chain(put.chars()).chain(chars.iter().skip(at + cut).copied()).collect();
        let _ = parse(&damaged);
    }

    /// Law: what is written is what is read.
    #[test]
    fn a_valid_configuration_is_read_as_written(
        names in prop::collection::btree_set("[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?", 1..6),
        observe in any::<bool>(),
        opt_in in any::<bool>(),
        images in prop::collection::vec("[a-z]{1,3}\\.io/[a-z*]/[a-z]{1,3}(:[a-z0-9]{1,2})?", 1..4),
        secrets in prop::option::of(prop::collection::vec("[a-z0-9]{1,4}(\\.[a-z0-9]{1,3})?", 1..4)),
        except in prop::option::of(prop::collection::vec("[a-z]{1,3}\\.io/[a-z]{1,3}", 1..3)),
    ) {
        let registries: Vec<_> = names.iter().map(|name| {
            let mut entry = json!({"name": name, "images": images});
            if let Some(secrets) = &secrets { entry["pullSecrets"] = json!(secrets); }
            if let Some(except) = &except { entry["exceptImages"] = json!(except); }
            entry
        }).collect();
        let document = json!({
            "apiVersion": "pullpass.io/v1", "kind": "Config", "registries": registries,
            "mode": if observe { "observe" } else { "enforce" },
            "scope": if opt_in { "optIn" } else { "cluster" },
        });
        let config = parse(&document.to_string()).unwrap().config;
        prop_assert_eq!(config.mode == Mode::Observe, observe);
        prop_assert_eq!(config.scope == Scope::OptIn, opt_in);
        prop_assert_eq!(config.entries().len(), names.len());
        for (entry, name) in config.entries().iter().zip(&names) {
            prop_assert_eq!(&*entry.name, name);
            let written = |patterns: &[pullpass::image::Pattern]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>();
            prop_assert_eq!(&written(&entry.images), &images);
            prop_assert_eq!(written(&entry.except_images), except.clone().unwrap_or_default());
            let expected = secrets.clone().unwrap_or_else(|| vec![name.clone()]);
            prop_assert_eq!(entry.pull_secrets.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
    }
}
