//! Pull secrets are read, and images looked up in them, exactly as the kubelet does it: the same
//! answers to thousands of docker configs.

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use pullpass::{
    credentials::{Coverage, DockerConfig, DockerConfigError, Entry, Keyring, SecretKind, derive},
    image::{Pattern, Reference},
};
use serde_json::{Value, json};

use crate::oracle::{self, Credential, Pulls};

const SAMPLES: usize = 3_000;

/// Keys near the edges of what Go's `url.Parse` and `filepath.Match` take.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "", "/", "//", "*", "*.*", "**", "?", "gcr.io", "gcr.io/", "gcr.io//", "gcr.io/p", "gcr.io/p/",
    "gcr.io/p/a", "gcr.io/pp", "gcr.io/P", "GCR.io", "Gcr.IO/p", "https://gcr.io", "http://gcr.io",
    "HTTPS://gcr.io", "ftp://gcr.io", "https://https://gcr.io", "http:/gcr.io", "gcr.io/v1/",
    "gcr.io/v2/", "gcr.io/v1/p", "gcr.io/v2/p/", "gcr.io/v1", "gcr.io/v3/p", "gcr.io/v2/v1/p",
    "gcr.io:443", "gcr.io:443/p", "gcr.io:", "gcr.io:abc", "gcr.io:4:3", "gcr.io::443", ":443",
    "*:443", "*.io:443", "gcr.io?x", "gcr.io?x=/p", "gcr.io/p?x#y", "gcr.io#x", "gcr.io#%zz",
    "user@gcr.io", "user:pw@gcr.io/p", "us er@gcr.io", "u@v@gcr.io", "us%zz@gcr.io", "@gcr.io",
    "gcr.io/%70", "gcr.io/%2570", "gcr.io/%252570", "gcr.io/%7", "gcr.io/%3fx", "gcr.io/%253fx",
    "gcr.io/%23", "gcr.io%2fp", "gcr%2eio", "%67cr.io", "gcr.io/%2f", "gcr.io/%00", "gcr.io/%2500",
    "gcr.io/ p", "gcr .io", " gcr.io", "gcr.io ", "gcr.io\n", "gcr.io/p\t", "gcr.io/\u{7f}",
    "*.io", "*cr.io", "g*r.io", "*g*r*.i*o*", "gcr.*", "*.gcr.io", "g?r.io", "[g]cr.io", "gcr.io]",
    "gcr\\.io", "gcr.io/*", "gcr.io/p*", "gcr.io.", ".gcr.io", "gcr..io", "gcr_x.io", "a_b.io",
    "a_b.io/c", "*_b.io", "[::1]", "[::1]:5000", "[::1]:5000/a", "[::2]:5000", "::1:5000", "[::g]",
    "[A::1]", "[^::1]", "[A-C::1]", "[::1%25eth0]", "[::1%2525eth0]:5000", "[::1%25A-Z]",
    "[::1%2525A-Z]", "[::1%2525-A]", "[::1%2525*]", "[::1%2525.x]", "[127.0.0.1]", "[::1.2.3.4]",
    "[::1]x", "x[::1]", "[::1", "::1]", "[]", "*]", "localhost", "localhost:5000", "LOCALHOST", "A",
    "docker.io", "docker.io/", "docker.io/library", "docker.io/library/nginx", "docker.io/nginx",
    "docker.io/team", "index.docker.io", "index.docker.io/", "https://index.docker.io/v1/",
    "https://index.docker.io/v2/", "https://index.docker.io/v1", "index.docker.io/v1/team",
    "http://index.docker.io/v1/?x", "user@index.docker.io", "index.docker.io:", "INDEX.docker.io",
    "*.docker.io", "registry-1.docker.io", "ɢcr.io", "gcr.io/ä", "*ä.io", "127.0.0.1:5000", "gcr.io/%61%2f",
    "null", "auths", "gcr.io&x", "gcr.io;x", "gcr.io,quay.io", "{gcr,quay}.io", "gcr.io|x", "`", "\"", "'",
    "gcr.io!", "~", "gcr.io/%C3%A4", "g%C3%A4.io", "g%25.io", "gcr.io/a+b", "gcr.io/a%20b", "*.*.*",
];

#[rustfmt::skip]
const IMAGES: &[&str] = &[
    "nginx", "nginx:1.27", "docker.io/nginx", "index.docker.io/nginx", "team/a", "docker.io/team/a",
    "library/nginx", "gcr.io/p", "gcr.io/p/a", "gcr.io/p/a:1", "gcr.io/pp/a", "gcr.io/v1/p", "gcr.io/v2/v1/p",
    "gcr.io/ppp", "gcr.io:443/p/a", "gcr.io:80/p/a", "GCR.io/p", "Gcr.IO/p/a", "eu.gcr.io/p/a",
    "a.b.gcr.io/p", "xgcr.io/p", "gcr.io.evil.com/p", "localhost/a", "localhost:5000/a",
    "LOCALHOST/a", "A/a", "F/a", "B/p", "[::1]/a", "[::1]:5000/a", "[::1]:5000/b", "[0::1]:5000/a",
    "[::::]:5000/a", "[::1]:443/a", "a:443/x", "127.0.0.1:5000/a", "a_b.io/c", "a.b/c", "quay.io/p/a",
    "gcr.io/p/a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "registry-1.docker.io/nginx", "INDEX.docker.io/nginx", "docker.io:443/nginx", "gcr.io/a/b",
];

#[test]
fn every_odd_key_alone_is_looked_up_as_the_kubelet_does() {
    let of = |key: &&str| json!({ "auths": { *key: {"username": key, "password": "p"} } });
    let contents: Vec<_> = KEYS.iter().map(of).map(|content| content.to_string()).collect();
    let found = is_looked_up_as_the_kubelet_does(SecretKind::DockerConfigJson, &contents);
    assert!(found > KEYS.len(), "{found} credentials");
}

#[test]
fn generated_keys_are_looked_up_as_the_kubelet_does() {
    let generated = prop_oneof![
        3 => prop::sample::select(KEYS).prop_map(String::from),
        2 => "(https?://)?(\\*|gcr|g\\*|\\*r|docker|index\\.docker|a)\\.(io|\\*|i\\*)(:443)?(/v[12])?(/p|/pp|/p/a|/)?/?",
        2 => "[a-zA-Z0-9*.:/%@?#_\\[\\]-]{0,14}",
        1 => "[A:1\\[\\]%25*.-]{0,10}",
        1 => "\\PC{0,8}",
    ];
    let auths = prop::collection::vec((generated, any::<bool>()), 0..5).prop_map(|entries| {
        let entries = entries.into_iter().enumerate().map(|(i, (key, has_password))| {
            let password = if has_password { "p" } else { "" };
            (key, json!({"username": format!("u{i}"), "password": password}))
        });
        entries.collect::<serde_json::Map<_, _>>()
    });
    let contents: Vec<_> =
        samples(&auths, SAMPLES).into_iter().map(|auths| Value::from(auths).to_string()).collect();
    let found = is_looked_up_as_the_kubelet_does(SecretKind::Dockercfg, &contents);
    assert!(found > SAMPLES, "{found} credentials");
}

#[test]
fn keys_are_tried_in_the_kubelet_s_order() {
    const DISTINCT: &[&str] = &[
        "gcr.io",
        "gcr.io/p",
        "gcr.io/p/",
        "gcr.io/p/a",
        "*.io",
        "*cr.io",
        "g*.io",
        "*.*",
        "gcr.i*",
        "gcr.io:443",
        "*:443",
        "docker.io",
        "docker.io/library",
        "index.docker.io",
        "quay.io",
    ];
    let auths = prop::sample::subsequence(DISTINCT, 2..8).prop_shuffle().prop_map(|keys| {
        let entry = |key| (String::from(key), json!({"username": key, "password": "p"}));
        Value::from(keys.into_iter().map(entry).collect::<serde_json::Map<_, _>>()).to_string()
    });
    let contents = samples(&auths, SAMPLES / 10);
    for (content, theirs) in
        contents.iter().zip(oracle::look_up(&pulls(SecretKind::Dockercfg, &contents)))
    {
        let config = parse(SecretKind::Dockercfg, content).expect("the content is valid");
        assert_eq!(Ok(tried(&config)), theirs, "{content}");
    }
}

#[test]
fn fault_45_what_fails_every_pull_is_refused_and_nothing_else() {
    for kind in [SecretKind::DockerConfigJson, SecretKind::Dockercfg] {
        let contents = samples(&content(), SAMPLES);
        is_looked_up_as_the_kubelet_does(kind, &contents);
        let is_refused = |content: &&String| DockerConfig::parse(kind, content.as_bytes()).is_err();
        let refused = contents.iter().filter(is_refused).count();
        let wanted = SAMPLES / 10;
        assert!(refused > wanted && SAMPLES - refused > wanted, "{refused} of {SAMPLES}");
    }
}

/// Copies of a dockercfg Secret serve what their source does.
#[test]
fn a_converted_dockercfg_serves_the_same() {
    let contents = samples(&content(), SAMPLES);
    let copies: Vec<_> = contents
        .iter()
        .filter_map(|content| {
            let config = DockerConfig::parse(SecretKind::Dockercfg, content.as_bytes()).ok()?;
            let copy = config.to_dockerconfigjson(content.as_bytes());
            Some((content.clone(), String::from_utf8(copy).expect("the content is a text")))
        })
        .collect();
    assert!(copies.len() > SAMPLES / 10, "{} of {SAMPLES}", copies.len());
    let (sources, copies): (Vec<_>, Vec<_>) = copies.into_iter().unzip();
    let of_sources = oracle::look_up(&pulls(SecretKind::Dockercfg, &sources));
    let of_copies = oracle::look_up(&pulls(SecretKind::DockerConfigJson, &copies));
    for ((source, expected), actual) in sources.iter().zip(of_sources).zip(of_copies) {
        let sorted = |credentials: Result<Vec<Vec<Credential>>, String>| {
            credentials.map(|images| images.into_iter().map(in_order).collect::<Vec<_>>())
        };
        assert_eq!(sorted(actual), sorted(expected), "{source}");
    }
}

/// Coverage and derived patterns, held against the kubelet's own keyring.
#[test]
fn what_is_covered_is_found_by_the_kubelet() {
    let of = |key: &&str| json!({ "auths": { *key: {"auth": "dTpw"} } }).to_string();
    let contents: Vec<_> = KEYS.iter().map(of).collect();
    let answers = oracle::look_up(&pulls(SecretKind::DockerConfigJson, &contents));
    for (content, answer) in contents.iter().zip(answers) {
        let config = parse(SecretKind::DockerConfigJson, content).expect("the content is valid");
        let keyring = Keyring::new(&config);
        let answer = answer.expect("the content is valid");
        for written in ["*", "gcr.io/*", "gcr.io/p/*", "*.io/*", "docker.io/*", "[::1]:5000/*"] {
            let pattern = Pattern::parse(written).expect("a pattern");
            let coverage = keyring.coverage(&pattern);
            for found in found_for(&pattern, &answer) {
                assert!(coverage != Coverage::Covered || found, "{written} by {content}");
                let none = matches!(coverage, Coverage::Uncovered { .. });
                assert!(!none || !found, "{written} by {content}");
            }
        }
        for pattern in derive(&config).patterns {
            assert!(found_for(&pattern, &answer).all(|found| found), "{pattern} of {content}");
        }
    }
}

/// For each image that the pattern matches, whether the kubelet has something to try.
fn found_for(pattern: &Pattern, answer: &[Vec<Credential>]) -> impl Iterator<Item = bool> {
    let images = IMAGES
        .iter()
        .zip(answer)
        .filter(|(image, _)| Reference::parse(image).is_ok_and(|image| pattern.matches(&image)));
    images.map(|(_, tried)| !tried.is_empty())
}

/// Compares what is tried for every image, and says how many credentials there are.
fn is_looked_up_as_the_kubelet_does(kind: SecretKind, contents: &[String]) -> usize {
    let answers = oracle::look_up(&pulls(kind, contents));
    let mut differences = Vec::new();
    let mut count = 0;
    for (content, theirs) in contents.iter().zip(answers) {
        let ours = match parse(kind, content) {
            Ok(config) => Ok(tried(&config).into_iter().map(in_order).collect::<Vec<_>>()),
            // The kubelet passes an empty Secret over, which helps no pull either.
            Err(DockerConfigError::Empty) => Ok(vec![Vec::new(); IMAGES.len()]),
            Err(error) => Err(error.to_string()),
        };
        let theirs = theirs.map(|images| images.into_iter().map(in_order).collect::<Vec<_>>());
        count += theirs.iter().flatten().map(Vec::len).sum::<usize>();
        match (&ours, &theirs) {
            (Err(_), Err(_)) => {}
            (Ok(ours), Ok(theirs)) if ours == theirs => {}
            _ => differences.push(format!("{content}: ours {ours:?}, the kubelet's {theirs:?}")),
        }
    }
    let shown = &differences[..differences.len().min(10)];
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), shown.join("\n"));
    count
}

fn parse(kind: SecretKind, content: &str) -> Result<DockerConfig, DockerConfigError> {
    DockerConfig::parse(kind, content.as_bytes())
}

fn pulls(kind: SecretKind, contents: &[String]) -> Vec<Pulls> {
    let of = |content: &String| Pulls {
        secret_type: kind.secret_type(),
        content: content.clone(),
        images: IMAGES.iter().copied().map(String::from).collect(),
    };
    contents.iter().map(of).collect()
}

fn tried(config: &DockerConfig) -> Vec<Vec<Credential>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let credential =
        |entry: &Entry| (text(entry.username().expose()), text(entry.password().expose()));
    let keyring = Keyring::new(config);
    let of_image = |image: &&str| {
        let image = Reference::parse(image).expect("an image");
        keyring.lookup(&image).into_iter().map(credential).collect()
    };
    IMAGES.iter().map(of_image).collect()
}

/// Two spellings of one registry come in any order from the kubelet: Go's maps have none. What is no
/// Unicode is replaced by Go and by us in different numbers.
fn in_order(mut credentials: Vec<Credential>) -> Vec<Credential> {
    for (username, password) in &mut credentials {
        for text in [username, password] {
            *text = text.replace("\u{fffd}\u{fffd}\u{fffd}", "\u{fffd}");
        }
    }
    credentials.sort();
    credentials
}

/// Contents with every slip that matters, as texts: what is no JSON among them.
fn content() -> impl Strategy<Value = String> {
    let auth = prop_oneof![
        3 => "(dTpw|dTpwdw==|dTpwdw|djpxOg==|dTpwdx==|Og==|dQ==|)",
        1 => "[dTpwQ=:\\\\n -]{0,8}",
        1 => "(dTpw\\\\r\\\\ndw==\\\\n|dTpw\\\\u003d| dTpw|dTpw |dTpw_-__|dTpwdw=\\\\n=|dTpw\\\\/\\\\/)",
    ];
    let text = "(u|p|e|\\\\u00e4|\\\\\\\\|\\\\t)?";
    let value = prop_oneof![
        8 => text.prop_map(|text| format!("\"{text}\"")),
        1 => "(null|true|1|-0.5e+9|1e999|\\[\\]|\\{\\}|\"\\\\ud800\"|\"\t\"|01|nul|\\[\\{\"a\":1\\}\\])",
    ];
    let field = prop_oneof![
        4 => auth.prop_map(|auth| format!("\"auth\":\"{auth}\"")),
        3 => ("(username|password|email|USERNAME|pa\u{17f}sword|identitytoken|registrytoken|x)", value.clone())
            .prop_map(|(name, value)| format!("\"{name}\":{value}")),
        1 => value.clone().prop_map(|value| format!("\"auth\":{value}")),
    ];
    let object = |fields: Vec<String>| format!("{{{}}}", fields.join(","));
    let entry = prop_oneof![
        12 => prop::collection::vec(field, 0..4).prop_map(object),
        1 => value.clone(),
    ];
    let key = "(gcr\\.io|gcr\\.io/p|\\*\\.io|index\\.docker\\.io|auths|\\\\u0067cr\\.io|GCR\\.io)";
    let auths = prop::collection::vec((key, entry), 0..3).prop_map(move |entries| {
        object(entries.into_iter().map(|(key, entry)| format!("\"{key}\":{entry}")).collect())
    });
    let other = prop_oneof![
        3 => ("(credHelpers|credsStore|HttpHeaders|httpheaders|x)", value.clone())
            .prop_map(|(name, value)| format!("\"{name}\":{value}")),
        1 => value.clone().prop_map(|value| format!("\"HttpHeaders\":{{\"x\":{value}}}")),
    ];
    let name = "(auths|auths|auths|AUTHS|auth\u{17f}|Auths )";
    let top = prop_oneof![
        6 => (name, auths.clone()).prop_map(|(name, auths)| format!("\"{name}\":{auths}")),
        1 => (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}")),
        2 => other,
    ];
    let whole = prop_oneof![
        6 => auths,
        6 => prop::collection::vec(top, 0..3).prop_map(object),
        1 => "(null|\\{\\}|\\[\\]|1|\"x\"|true| |\\{\\}\\{\\}|\\{,\\}|\\{\"a\":1,\\}|\u{feff}\\{\\})?",
    ];
    ("[ \n\t\r]?", whole, "[ \n\t\r,]?").prop_map(|(before, whole, after)| before + &whole + &after)
}

/// The same samples in every run.
fn samples<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let mut next = || strategy.new_tree(&mut runner).expect("a sample is generated").current();
    (0..count).map(|_| next()).collect()
}
