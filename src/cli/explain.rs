//! `pullpass explain`: why each pull secret is, or is not, injected.

use super::{
    config_file::ConfigArgs,
    credentials::credentials,
    explanation::{Explanation, PodExplanation},
    input,
    manifests::{Document, Manifests},
    namespace::NamespaceArgs,
    output::{Format, OutputArgs},
    sources::{Sourced, SourcesArgs},
    usage_error,
};
use crate::{
    config::Config,
    inject::{Namespace, decide, pod_templates},
};
use anyhow::{Context, Result};
use clap::Args;
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// Explain for each Pod which pull secrets it gets, and why.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass explain --config examples/config.yaml -f examples/deployment.yaml -n team-a
  pullpass explain --config config.yaml -f pod.yaml --namespace-labels tier=paid,team=web
  pullpass explain --config config.yaml --sources secrets.yaml -f pod.yaml
  kubectl get deployment web -o yaml | pullpass explain --config config.yaml -f - -o json")]
pub struct Explain {
    #[command(flatten)]
    config: ConfigArgs,
    /// Pods or workloads, as `inject` takes them; `-` reads standard input.
    #[arg(short, long, value_name = "FILE", env = "PULLPASS_FILENAME")]
    filename: PathBuf,
    #[command(flatten)]
    sources: SourcesArgs,
    #[command(flatten)]
    namespace: NamespaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Explain {
    /// Prints the explanation.
    pub fn run(&self) -> Result<()> {
        if self.config.is_stdin() && input::is_stdin(&self.filename) {
            return Err(usage_error(
                "explain",
                "--config and -f cannot both come from standard input",
            ));
        }
        let stdin = [("--config", self.config.is_stdin()), ("-f", input::is_stdin(&self.filename))];
        self.sources.refuse_stdin_twice("explain", &stdin)?;
        let config = self.config.load()?;
        let sourced = self.sources.load(&config)?;
        let config = sourced.as_ref().map_or(&config, |sourced| &sourced.config);
        let text = input::read_text(&self.filename, "the manifests", "-f")?;
        let explanation = self
            .explain(config, sourced.as_ref(), &text)
            .with_context(|| format!("failed to explain `{}`", input::name_of(&self.filename)))?;
        let what = "failed to write the explanation";
        match self.output.output {
            Format::Json => {
                let mut out = io::stdout().lock();
                serde_json::to_writer_pretty(&mut out, &explanation).context(what)?;
                writeln!(out).context(what)
            }
            Format::Text => write!(anstream::stdout().lock(), "{explanation}").context(what),
        }
    }

    fn explain(
        &self,
        config: &Config,
        sourced: Option<&Sourced>,
        text: &str,
    ) -> Result<Explanation> {
        let manifests = Manifests::read(text)?;
        let mut pods = Vec::new();
        for document in manifests.documents() {
            self.document(config, sourced, document, &mut pods)?;
        }
        Ok(Explanation { mode: config.mode, pods })
    }

    fn document(
        &self,
        config: &Config,
        sourced: Option<&Sourced>,
        document: &Document,
        pods: &mut Vec<PodExplanation>,
    ) -> Result<()> {
        for workload in pod_templates(&document.value) {
            let pod = workload
                .pod(&document.value)
                .with_context(|| format!("document {}", document.number))?;
            let name = workload.namespace_or(self.namespace.fallback());
            let decision =
                decide(config, &pod, Namespace { name, labels: self.namespace.labels() });
            let mut explanation = PodExplanation::new(config, &pod, &decision);
            explanation.document = document.number;
            explanation.credentials =
                sourced.map(|sourced| credentials(sourced, &pod, &decision)).unwrap_or_default();
            explanation.object.clone_from(&workload.title);
            name.clone_into(&mut explanation.namespace);
            explanation.namespace_source = self.namespace.source_of(&workload).to_string();
            pods.push(explanation);
        }
        Ok(())
    }
}
