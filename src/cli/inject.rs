//! `pullpass inject`: manifests in, the same manifests with their pull secrets out.

use super::{
    config_file::ConfigArgs,
    input,
    manifests::{Document, Manifests},
    namespace::NamespaceArgs,
    output::WARNING,
    usage_error,
};
use crate::{
    config::{Config, Mode},
    inject::{Namespace, decide, pod_templates},
};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// Add the pull secrets to Pods and workloads, as the webhook would.
///
/// Takes Pod, PodTemplate, Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController,
/// Job, CronJob and Lists of them, in YAML or JSON, several documents too. What needs no change is
/// printed byte for byte; a document that changes is written anew as YAML, without its comments.
/// If anything cannot be read, nothing is printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass inject --config examples/config.yaml -f examples/deployment.yaml
  kustomize build . | pullpass inject --config config.yaml -f - -n team-a | kubectl apply -f -
  pullpass inject --config config.yaml -f pod.yaml -n web --namespace-labels tier=paid")]
pub struct Inject {
    #[command(flatten)]
    config: ConfigArgs,
    /// The manifests; `-` reads standard input.
    #[arg(short, long, value_name = "FILE", env = "PULLPASS_FILENAME")]
    filename: PathBuf,
    #[command(flatten)]
    namespace: NamespaceArgs,
}

impl Inject {
    /// Prints the manifests.
    pub fn run(&self) -> Result<()> {
        if self.config.is_stdin() && input::is_stdin(&self.filename) {
            return Err(usage_error(
                "inject",
                "--config and -f cannot both come from standard input",
            ));
        }
        let config = self.config.load()?;
        let text = input::read_text(&self.filename, "the manifests", "-f")?;
        let injected = self.inject(&config, &text).with_context(|| {
            format!("failed to inject into `{}`", input::name_of(&self.filename))
        })?;
        let mut out = io::stdout().lock();
        out.write_all(injected.as_bytes())
            .and_then(|()| out.flush())
            .context("failed to write the manifests")
    }

    fn inject(&self, config: &Config, text: &str) -> Result<String> {
        let manifests = Manifests::read(text)?;
        let mut changes = Vec::new();
        for (position, document) in manifests.documents().iter().enumerate() {
            if let Some(changed) = self.document(config, document)? {
                changes.push((position, changed));
            }
        }
        if config.mode == Mode::Observe {
            note("the configuration has `mode: observe`, so nothing was changed");
            return Ok(text.to_owned());
        }
        Ok(manifests.with(&changes)?)
    }

    /// The document with its pull secrets, if there are any to add.
    fn document(&self, config: &Config, document: &Document) -> Result<Option<Value>> {
        let (fallback, labels) = (self.namespace.fallback(), self.namespace.labels());
        let mut manifest = document.value.clone();
        let mut changed = false;
        for workload in pod_templates(&document.value) {
            let at = || format!("document {}", document.number);
            let pod = workload.pod(&manifest).with_context(at)?;
            let name = workload.namespace_or(fallback);
            if decide(config, &pod, Namespace { name, labels }).lacks_labels() {
                note(&format!(
                    "{}: an entry needs the labels of namespace `{name}`; give them with --namespace-labels",
                    workload.title
                ));
            }
            changed |= workload.inject(&mut manifest, config, fallback, labels).with_context(at)?;
        }
        Ok(changed.then_some(manifest))
    }
}

fn note(text: &str) {
    anstream::eprintln!("{WARNING}note{WARNING:#}: {}", super::output::printable(text));
}
