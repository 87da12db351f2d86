//! The domain of a pattern: `host[:port]`, in which `*` stands for characters of one label.

use super::{DOCKER_HUB, LEGACY_DOCKER_HUB, PatternError, grammar};
use crate::glob::Glob;
use std::{fmt, net::Ipv6Addr};

/// A checked domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// `host[:port]` to the letter.
    Exact(Box<str>),
    /// Dot-separated labels of which at least one has a wildcard, and the port as written.
    Labels { labels: Box<[Glob]>, port: Option<Box<str>> },
}

impl Domain {
    /// Checks and compiles the domain of `pattern`.
    pub fn parse(domain: &str, pattern: &str) -> Result<Self, PatternError> {
        let (host, port) = grammar::split_port(domain);
        if host.starts_with('[') {
            return parse_ipv6(domain, host, port);
        }
        if !host.contains('.') && port.is_none() && host != "localhost" {
            return Err(PatternError::NoRegistry { pattern: pattern.into() });
        }
        check_host(host)?;
        port.map(check_port).transpose()?;
        if domain == LEGACY_DOCKER_HUB {
            return Ok(Self::Exact(DOCKER_HUB.into()));
        }
        if !host.contains('*') {
            return Ok(Self::Exact(domain.into()));
        }
        Ok(Self::Labels {
            labels: host.split('.').map(Glob::new).collect(),
            port: port.map(Into::into),
        })
    }

    /// The domain to the letter, if it has no wildcard.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Self::Exact(domain) => Some(domain),
            Self::Labels { .. } => None,
        }
    }

    /// Whether this matches all that `inner` matches, as far as the texts tell.
    pub fn covers(&self, inner: &Self) -> bool {
        let (labels, port) = match inner {
            Self::Exact(domain) => return self.matches(domain),
            Self::Labels { labels, port } => (labels, port),
        };
        let Self::Labels { labels: outer, port: outer_port } = self else { return false };
        outer_port == port
            && outer.len() == labels.len()
            && outer.iter().zip(labels).all(|(outer, inner)| outer.matches(inner.as_str()))
    }

    /// Whether a reference's domain matches.
    pub fn matches(&self, domain: &str) -> bool {
        let (labels, port) = match self {
            Self::Exact(exact) => return **exact == *domain,
            Self::Labels { labels, port } => (labels, port),
        };
        let (host, actual_port) = grammar::split_port(domain);
        let mut actual = host.split('.');
        actual_port == port.as_deref()
            && labels.iter().all(|label| actual.next().is_some_and(|text| label.matches(text)))
            && actual.next().is_none()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (labels, port) = match self {
            Self::Exact(domain) => return f.write_str(domain),
            Self::Labels { labels, port } => (labels, port),
        };
        let host: Vec<_> = labels.iter().map(Glob::as_str).collect();
        f.write_str(&host.join("."))?;
        match port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

fn parse_ipv6(domain: &str, host: &str, port: Option<&str>) -> Result<Domain, PatternError> {
    let address = grammar::bracketed(host).ok_or(PatternError::Ipv6)?;
    // An IPv4-mapped address in dotted form stands in no valid reference.
    if address.contains('.') || address.parse::<Ipv6Addr>().is_err() {
        return Err(PatternError::Ipv6);
    }
    port.map(check_port).transpose()?;
    Ok(Domain::Exact(domain.into()))
}

fn check_host(host: &str) -> Result<(), PatternError> {
    if host.contains('_') {
        return Err(PatternError::HostUnderscore);
    }
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '*');
    if let Some(found) = host.chars().find(|c| !allowed(c)) {
        return Err(PatternError::HostCharacter { found });
    }
    if host.split('.').any(str::is_empty) {
        return Err(PatternError::HostLabelEmpty);
    }
    let hyphen_at_end = |l: &str| !l.contains('*') && (l.starts_with('-') || l.ends_with('-'));
    if let Some(label) = host.split('.').find(|l| hyphen_at_end(l)) {
        return Err(PatternError::HostLabelHyphen { label: label.into() });
    }
    if host.split('.').all(|label| label.contains('*')) {
        return Err(PatternError::HostAllWild);
    }
    Ok(())
}

fn check_port(port: &str) -> Result<(), PatternError> {
    if port.contains('*') {
        return Err(PatternError::PortWildcard);
    }
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(1..) if digits => Ok(()),
        _ => Err(PatternError::Port { port: port.into() }),
    }
}
