//! Tables of rules, by kind and number.

use std::fmt::{self, Write};

/// What the rules are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Each has a registry of its own.
    Hosts,
    /// All are projects of one registry.
    Projects,
    /// Wildcards in the host, in the path and in the tag.
    Wildcards,
    /// A third of each, as clusters have them.
    Mixed,
}

/// Rules of one kind, so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table {
    pub kind: Kind,
    pub rules: usize,
    /// Whether it takes the labels of a namespace to know whether a rule is granted.
    pub by_labels: bool,
}

/// The table wherever nothing else is said.
pub const USUAL: Table = Table { kind: Kind::Mixed, rules: 1_000, by_labels: false };

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hosts => "distinct hosts",
            Self::Projects => "one host, many projects",
            Self::Wildcards => "wildcards in every place",
            Self::Mixed => "a third of each",
        })
    }
}

impl Kind {
    fn of_rule(self, rule: usize) -> Self {
        match self {
            Self::Mixed => [Self::Hosts, Self::Projects, Self::Wildcards][rule % 3],
            pure => pure,
        }
    }
}

impl Table {
    /// The name of a rule, which is that of its pull secret.
    pub fn name(rule: usize) -> String {
        format!("r{rule:05}")
    }

    /// An image that this rule matches, and no other.
    pub fn image(self, rule: usize, app: usize) -> String {
        let name = Self::name(rule);
        match self.kind.of_rule(rule) {
            Kind::Hosts => format!("{name}.registry.example.com/shop/app-{app}:v1.2.3"),
            Kind::Wildcards => format!("eu.{name}.example.net/mirror/team-a/app-{app}:v1.2.3"),
            _ => format!("registry.example.com/{name}/app-{app}:v1.2.3"),
        }
    }

    /// Whether this rule is granted to the namespace of this number.
    pub fn grants(self, rule: usize, namespace: usize) -> bool {
        !self.by_labels || rule % 2 == namespace % 2
    }

    /// The configuration; the `version` makes it differ from others.
    pub fn yaml(self, version: usize) -> String {
        let mut text = String::from("apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n");
        for rule in 0..self.rules {
            let name = Self::name(rule);
            let image = match self.kind.of_rule(rule) {
                Kind::Hosts => format!("{name}.registry.example.com/*"),
                Kind::Wildcards => format!("*.{name}.example.net/*/team-*/app-*:v*"),
                _ => format!("registry.example.com/{name}/*"),
            };
            let namespaces = match self.by_labels {
                true => format!("{{selector: {{matchLabels: {{tier: t{}}}}}}}", rule % 2),
                false => "{names: [\"team-*\"]}".to_owned(),
            };
            // Writing to a text does not fail.
            let _ = writeln!(
                text,
                "  - name: {name}\n    images: [\"{image}\"]\n    namespaces: {namespaces}"
            );
        }
        let _ = writeln!(text, "# {version}");
        text
    }
}

/// The labels of the namespace of this number.
pub fn labels(namespace: usize) -> [(&'static str, String); 3] {
    [
        ("tier", format!("t{}", namespace % 2)),
        ("team", format!("team-{}", namespace % 50)),
        ("pod-security.kubernetes.io/enforce", "baseline".to_owned()),
    ]
}

/// The name of the namespace of this number.
pub fn namespace(number: usize) -> String {
    format!("team-{number:05}")
}
