//! What the tests of several files begin with.

#[cfg(test)]
impl super::state::State {
    /// The entry `a` grants a copy of the Secret `source` to the namespaces `team-*`; there are none yet.
    pub fn of_teams() -> Self {
        const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- {name: a, images: ["a.example/*"], namespaces: {names: ["team-*"]}, source: {secret: source}}
"#;
        let mut state = Self::new(&super::options::CopyOptions::plain());
        state.grants.set_written(crate::config::parse(CONFIG).unwrap().config);
        state.grants.set_source("source", crate::sources::Source::good("uid", b"{}"), None);
        state.grants.all_known();
        state
    }
}
