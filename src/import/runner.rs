//! How GitLab's runner reads the keys of a DOCKER_AUTH_CONFIG: `convertToRegistryPath` of its
//! `helpers/docker/auth/auth.go`.

use crate::image::{DOCKER_HUB, LEGACY_DOCKER_HUB};

/// What the runner takes a key for: it serves the images of this path and below, on `/`.
pub fn path_of(key: &str) -> String {
    let schemes = ["https://", "http://"];
    let after_scheme = schemes.iter().find_map(|scheme| {
        let (start, rest) = key.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    if let Some(rest) = after_scheme {
        let host = rest.split('/').next().unwrap_or_default().to_lowercase();
        return match &*host {
            LEGACY_DOCKER_HUB => DOCKER_HUB.to_owned(),
            _ => host,
        };
    }
    let path = key.strip_suffix('/').unwrap_or(key);
    let path = match (path.rfind('/'), path.rfind(':')) {
        (Some(slash), Some(colon)) if colon > slash => &path[..colon],
        _ => path,
    };
    match path.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.to_lowercase()),
        None => path.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("registry.example.com:5000", "registry.example.com:5000")]
    #[case("https://registry.example.com:5000/v1/", "registry.example.com:5000")]
    #[case("https://registry.example.com/team", "registry.example.com")]
    #[case("HTTP://Registry.example.com/Team", "registry.example.com")]
    #[case("https://index.docker.io/v1/", "docker.io")]
    #[case("index.docker.io", "index.docker.io")]
    #[case("Registry.example.com/Team/", "registry.example.com/Team")]
    #[case("registry.example.com/team:tag", "registry.example.com/team")]
    #[case("ä", "ä")]
    fn a_key_is_read_as_the_runner_does(#[case] key: &str, #[case] expected: &str) {
        assert_eq!(path_of(key), expected);
    }
}
