//! Names of entries and Secrets.

use crate::image::{DOCKER_HUB, LEGACY_DOCKER_HUB};
use std::collections::HashSet;

/// Longest name before a number, in bytes. A name has at most 63.
const MAX_BYTES: usize = 56;

/// The names given so far.
#[derive(Debug, Default)]
pub struct Names(HashSet<String>);

impl Names {
    /// Takes a name that others have.
    pub fn take(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }

    /// This name, or with a number behind it that nobody has.
    pub fn unique(&mut self, wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
        let numbered = (2..).map(|number: usize| format!("{wanted}-{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        let free = names.find(|name| !self.0.contains(name) && !is_taken(name));
        let name = free.unwrap_or_else(|| wanted.to_owned());
        self.take(&name);
        name
    }
}

/// A name for an entry from that of a registry, `HOST[:PORT][/PATH]`, or of a Secret.
pub fn name_of(registry: &str) -> String {
    let (host, path) = registry.split_once('/').unwrap_or((registry, ""));
    let host = match host {
        DOCKER_HUB | LEGACY_DOCKER_HUB => "docker-hub",
        host => host,
    };
    let mut name = String::new();
    for c in host.chars().chain(['/']).chain(path.chars()) {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name.truncate(MAX_BYTES);
    let name = name.trim_end_matches('-');
    match name {
        "" => "registry".to_owned(),
        // Pullpass's own Secrets are called so.
        name if name.starts_with("pullpass") => {
            format!("registry-{name}").chars().take(MAX_BYTES).collect::<String>()
        }
        name => name.to_owned(),
    }
    .trim_end_matches('-')
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::is_dns_label;
    use rstest::rstest;

    #[rstest]
    #[case("gcr.io", "gcr-io")]
    #[case("registry.example.com:5000/Team/app", "registry-example-com-5000-team-app")]
    #[case("index.docker.io", "docker-hub")]
    #[case("docker.io/my-org", "docker-hub-my-org")]
    #[case("*.azurecr.io", "azurecr-io")]
    #[case("[::1]:5000", "1-5000")]
    #[case("pullpass.example.com", "registry-pullpass-example-com")]
    #[case("*", "registry")]
    #[case("ä", "registry")]
    fn a_registry_has_a_name(#[case] registry: &str, #[case] name: &str) {
        assert_eq!(name_of(registry), name);
    }

    #[test]
    fn every_name_is_one_that_an_entry_can_have_and_no_two_are_the_same() {
        let mut names = Names::default();
        for registry in [&*"a.".repeat(200), &*"pullpass.".repeat(40), "a_b", "a-b", "a.b"] {
            let name = names.unique(&name_of(registry), |name| name == "a-b");
            assert!(is_dns_label(&name), "{name}");
        }
        assert_eq!(names.0.len(), 5, "{names:?}");
        assert!(names.0.contains("a-b-4"), "{names:?}");
    }
}
