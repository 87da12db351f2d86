//! Patterns that an entry's credential is not for, where the settings alone say what it is for.

use super::Lint;
use crate::{
    config::schema::Registry,
    credentials::{DockerConfig, Keyring, SecretKind, Steps, compose},
};

/// For all patterns of all entries: a fraction of a second.
pub const MAX_STEPS: usize = 2_000_000;

impl Lint<'_> {
    pub(super) fn coverage(&mut self, registry: &Registry, steps: &mut Steps) {
        let entry = self.entry;
        let Some(made) = entry.source.as_ref().and_then(|source| source.made.as_ref()) else {
            return;
        };
        let Some(registries) = made.registries() else { return };
        let content = compose::placeholder(&registries);
        let Ok(config) = DockerConfig::parse(SecretKind::DockerConfigJson, &content) else {
            return;
        };
        let keyring = Keyring::new(&config);
        let (kind, settings) = made.kind();
        for (i, (written, pattern)) in registry.images.value.iter().zip(&entry.images).enumerate() {
            if steps.are_used_up() {
                return;
            }
            let coverage = keyring.coverage_within(pattern, steps);
            let (reason, hint) = match coverage.gap(pattern) {
                _ if steps.are_used_up() => (
                    format!(
                        "there are too many patterns, or too many wildcards in them, to tell which images the credentials of `{kind}` cover, from `{pattern}` on"
                    ),
                    "write fewer".to_owned(),
                ),
                Some(gap) => (
                    format!(
                        "the credentials of `{kind}` cover {gap}: the kubelet finds no credential for the rest"
                    ),
                    format!("correct {settings}, or the pattern"),
                ),
                None => continue,
            };
            self.warn(written, &format!("images[{i}]"), reason, hint);
        }
    }
}
