//! What is measured is told by variables of the environment, which `make` passes on.

use std::{env, path::PathBuf};

/// The value of one that is set, and not to nothing.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

/// Whether `QUICK` asks for a look, and not for the record.
pub fn is_quick() -> bool {
    variable("QUICK").is_some()
}

/// The file of the results.
pub fn results(target: &str) -> PathBuf {
    match variable("RESULTS") {
        Some(file) => file.into(),
        None if is_quick() => format!("target/{target}.md").into(),
        None => "bench/RESULTS.md".into(),
    }
}

/// By what this can be measured again: a target of `make`, with those of these variables that are set.
pub fn command(target: &str, names: &[&str]) -> String {
    let given = names.iter().filter_map(|name| {
        let value = variable(name)?;
        Some(match value.contains(' ') {
            true => format!(" {name}=\"{value}\""),
            false => format!(" {name}={value}"),
        })
    });
    format!("make {target}{}", given.collect::<String>())
}
