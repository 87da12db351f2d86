//! Docker configs, which the Secrets of tenants and admins hold: what the kubelet takes is taken, and everything else is
//! refused in words.

use pullpass::{
    credentials::{DockerConfig, EachEntry, Entry, Keyring, SecretKind, derive},
    image::Reference,
    import::{Grant, Hiding, config_text, from_docker_config, secret_manifest, to_yaml},
};

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;

/// Checks one content, as either type of Secret has it and as a file.
pub fn check(content: &[u8]) {
    for kind in [SecretKind::DockerConfigJson, SecretKind::Dockercfg] {
        match DockerConfig::parse(kind, content) {
            Ok(config) => read(&config, content),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let whole = DockerConfig::parse(SecretKind::DockerConfigJson, content);
    let each = DockerConfig::parse_each(content);
    match (&whole, &each) {
        (Ok(whole), Ok(each)) => {
            assert!(each.broken.is_empty());
            assert_eq!(shown(whole.entries()), shown(each.config.entries()));
        }
        (Ok(_), Err(error)) => panic!("read as a whole, and not each by itself: {error}"),
        (Err(_), Ok(EachEntry { broken, .. })) => assert!(!broken.is_empty()),
        (Err(_), Err(_)) => {}
    }
    imported(content);
}

fn read(config: &DockerConfig, content: &[u8]) {
    config.warnings().iter().for_each(|warning| assert!(!warning.to_string().is_empty()));
    let joined = config.to_dockerconfigjson(content);
    let again = DockerConfig::parse(SecretKind::DockerConfigJson, &joined).unwrap();
    assert_eq!(shown(again.entries()), shown(config.entries()));
    let keyring = Keyring::new(config);
    for image in ["nginx", "gcr.io/p/a:1", "a.b.example.com:5000/team/app", "localhost/x"] {
        let reference = Reference::parse(image).unwrap();
        let found = keyring.lookup(&reference);
        assert_eq!(keyring.serves(&reference), found.iter().any(|entry| entry.is_usable()));
    }
    let derived = derive(config);
    for pattern in &derived.patterns {
        for filling in ["x", "a/b", "1"] {
            let image = pattern.as_str().replace('*', filling);
            let Ok(reference) = Reference::parse(&image) else { continue };
            assert!(
                !pattern.matches(&reference) || keyring.serves(&reference),
                "{pattern} was derived, and the kubelet has nothing for {image}"
            );
        }
    }
}

/// What is imported is a table in order, and manifests that can be written.
fn imported(content: &[u8]) {
    let grant = Grant::new(vec!["team-*".into()], [], vec![]);
    let Ok(plan) = from_docker_config(content, &grant, NOW) else { return };
    if !plan.entries.is_empty() {
        config_text(&plan.entries).unwrap_or_else(|error| panic!("{:?}: {error}", plan.entries));
    }
    for secret in &plan.secrets {
        to_yaml(&secret_manifest(secret, Hiding::Shown).unwrap()).unwrap();
        DockerConfig::parse(SecretKind::DockerConfigJson, &secret.content).unwrap();
    }
}

fn shown(entries: &[Entry]) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let of = |entry: &Entry| {
        let (user, password) = (entry.username().expose(), entry.password().expose());
        (entry.key().to_string(), user.to_vec(), password.to_vec())
    };
    entries.iter().map(of).collect()
}
