//! All that was measured, part by part; a part that failed has no figures but its error.

use anyhow::Result;

use crate::{
    axes::{Axis, connections, containers, handshakes, namespaces, rules, workers},
    base::{self, Base},
    bench::Bench,
    latency::{self, Latency},
    memory,
    reloads::{self, Reloads},
    startup::{self, Startup},
};

/// A part.
#[derive(Debug, Default)]
pub enum Part<T> {
    /// It was not asked for.
    #[default]
    LeftOut,
    /// It has no figures, for this reason.
    Failed(String),
    /// It has figures.
    Measured(T),
}

impl<T> Part<T> {
    /// The figures, if there are any.
    pub fn figures(&self) -> Option<&T> {
        match self {
            Self::Measured(figures) => Some(figures),
            Self::LeftOut | Self::Failed(_) => None,
        }
    }

    fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(error) => Some(error),
            Self::LeftOut | Self::Measured(_) => None,
        }
    }
}

/// All parts.
#[derive(Debug, Default)]
pub struct Figures {
    pub base: Part<Base>,
    pub containers: Part<containers::Containers>,
    pub rules: Part<rules::Rules>,
    pub namespaces: Part<namespaces::Seen>,
    pub connections: Part<Axis<usize>>,
    pub handshakes: Part<handshakes::Handshakes>,
    pub workers: Part<workers::Seen>,
    pub memory: Part<memory::Seen>,
    pub startup: Part<Startup>,
    pub latency: Part<Latency>,
    pub reloads: Part<Reloads>,
    /// The API server of the namespaces.
    pub api_server: Option<String>,
}

impl Figures {
    /// Measures what is asked for.
    pub async fn measure(bench: &Bench) -> Self {
        Self {
            base: part(bench, "base", base::measure(bench)).await,
            containers: part(bench, "containers", containers::measure(bench)).await,
            rules: part(bench, "rules", rules::measure(bench)).await,
            connections: part(bench, "connections", connections::measure(bench)).await,
            handshakes: part(bench, "handshakes", handshakes::measure(bench)).await,
            workers: part(bench, "workers", workers::measure(bench)).await,
            startup: part(bench, "startup", startup::measure(bench)).await,
            latency: part(bench, "latency", latency::measure(bench)).await,
            reloads: part(bench, "reloads", reloads::measure(bench)).await,
            ..Self::of_cluster(bench).await
        }
    }

    /// What takes an API server, after all else: it works too.
    async fn of_cluster(bench: &Bench) -> Self {
        let mut figures = Self::default();
        if !["namespaces", "memory"].iter().any(|name| bench.options.has(name)) {
            return figures;
        }
        let mut cluster = match namespaces::Cluster::start().await {
            Ok(cluster) => cluster,
            Err(error) => {
                let error = format!("the API server of the namespaces: {error:#}");
                return Self {
                    namespaces: Part::Failed(error.clone()),
                    memory: Part::Failed(error),
                    ..figures
                };
            }
        };
        figures.api_server = cluster.version().await.ok();
        figures.namespaces =
            part(bench, "namespaces", namespaces::measure(bench, &mut cluster)).await;
        let most = bench.options.namespaces.last().copied().unwrap_or_default();
        let memory = async {
            cluster.grow_to(most).await?;
            memory::measure(bench, Some((&cluster, most))).await
        };
        figures.memory = part(bench, "memory", memory).await;
        figures
    }

    /// The parts that failed, and why.
    pub fn failed(&self) -> Vec<&str> {
        let all = [
            self.base.error(),
            self.containers.error(),
            self.rules.error(),
            self.namespaces.error(),
            self.connections.error(),
            self.handshakes.error(),
            self.workers.error(),
            self.memory.error(),
            self.startup.error(),
            self.latency.error(),
            self.reloads.error(),
        ];
        all.into_iter().flatten().collect()
    }
}

async fn part<T>(bench: &Bench, name: &str, measured: impl Future<Output = Result<T>>) -> Part<T> {
    if !bench.options.has(name) {
        return Part::LeftOut;
    }
    eprintln!("{name}:");
    match Box::pin(measured).await {
        Ok(figures) => Part::Measured(figures),
        Err(error) => {
            eprintln!("no figures: {name}: {error:#}");
            Part::Failed(format!("{name}: {error:#}"))
        }
    }
}
