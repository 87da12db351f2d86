//! What is measured, stage by stage, on one cluster that grows.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{
    cluster::{self, Cluster, ENTRIES},
    common::machine,
    controller::Controller,
    eventually::eventually,
    observer::Observer,
    options::Options,
    report::{Figures, MemoryFigure, NewcomerFigure, RestartFigure, RotationFigure},
    requests::{Requests, Window},
};

/// For anything but the growth.
const SOON: Duration = Duration::from_mins(3);
/// One new namespace after another: half of the pace that the controller keeps.
const BETWEEN: Duration = Duration::from_millis(100);
/// The same during a rotation, for so many.
const BETWEEN_ROTATED: Duration = Duration::from_millis(250);
const ROTATED: usize = 20;
/// After so long the controller may begin its full burst again.
const REST: Duration = Duration::from_secs(3);
/// By when the audit log has what was answered.
const WRITTEN: Duration = Duration::from_secs(10);

/// The cluster, its controller, and who watches both.
pub struct Bench {
    cluster: Cluster,
    controller: Controller,
    observer: Observer,
    kubeconfig: PathBuf,
    version: usize,
    bystanders: usize,
}

impl Bench {
    /// Starts them.
    pub async fn start(options: &Options) -> Result<Self> {
        eprintln!("namespaces: {:?}", options.sizes);
        let cluster = Cluster::start().await?;
        let observer = Observer::start(cluster.client());
        let kubeconfig = cluster.controllers_kubeconfig().await?;
        let controller = Controller::start(cluster.folder(), &kubeconfig);
        controller.has_in_place(0).await;
        Ok(Self { cluster, controller, observer, kubeconfig, version: 0, bystanders: 0 })
    }

    /// Makes namespaces until there are that many, waits until they have their copies, and measures the
    /// memory of the process that has made them.
    pub async fn grow_to(&mut self, namespaces: usize, figures: &mut Figures) -> Result<()> {
        let count = namespaces.saturating_sub(self.cluster.namespaces);
        let began = Instant::now();
        self.cluster.create_namespaces(count).await?;
        let new = u32::try_from(count * ENTRIES)?;
        let deadline = SOON + Duration::from_millis(50) * new;
        self.observer.copies(self.copies(), deadline).await?;
        eprintln!("{namespaces} namespaces have their copies after {:?}", began.elapsed());
        self.controller.has_in_place(self.copies()).await;
        self.remember_memory("that made the copies", figures)
    }

    /// Restarts the controller with nothing to do, then with one namespace that was made meanwhile; and
    /// measures the memory of a fresh process.
    pub async fn restarts(&mut self, count: usize, figures: &mut Figures) -> Result<()> {
        let namespaces = self.cluster.namespaces;
        let mut idle = Vec::new();
        for _ in 0..count {
            idle.push(self.restart().await?);
        }
        self.remember_memory("just started", figures)?;
        let mut times = Vec::new();
        for _ in 0..count {
            times.push(self.restart_with_a_namespace_more().await?);
        }
        let bystanders = self.bystanders;
        figures.restarts.push(RestartFigure { namespaces, bystanders, idle, times });
        Ok(())
    }

    async fn restart(&mut self) -> Result<Requests> {
        self.controller.end().await?;
        let window = self.window();
        self.start_controller();
        self.controller.has_in_place(self.copies()).await;
        let requests = window.requests();
        eprintln!("restart at {} namespaces: {requests}", self.cluster.namespaces);
        Ok(requests)
    }

    async fn restart_with_a_namespace_more(&mut self) -> Result<f64> {
        self.controller.end().await?;
        let name = self.cluster.next_namespace();
        cluster::create(self.cluster.client(), name.clone()).await?;
        self.start_controller();
        let complete = self.observer.complete(&name, ENTRIES, SOON).await?;
        self.controller.has_in_place(self.copies()).await;
        Ok(since(self.controller.started, complete))
    }

    fn start_controller(&mut self) {
        self.controller = Controller::start(self.cluster.folder(), &self.kubeconfig);
    }

    /// Changes one source so many times, and waits each time until its copies are new.
    pub async fn rotations(&mut self, count: usize, figures: &mut Figures) -> Result<()> {
        let namespaces = self.cluster.namespaces;
        let mut figure = RotationFigure { namespaces, ..Default::default() };
        for _ in 0..count {
            sleep(REST).await;
            self.version += 1;
            let window = self.window();
            let mark = self.cluster.write_source(0, self.version).await?;
            let began = Instant::now();
            let last = self.observer.marked(&mark, namespaces, SOON).await?;
            figure.times.push(since(began, last));
            // A write too many would be due at once.
            self.controller.has_in_place(self.copies()).await;
            let requests = window.requests();
            eprintln!("rotation over {namespaces} namespaces: {:?}; {requests}", last - began);
            figure.requests.push(requests);
        }
        figures.rotations.push(figure);
        Ok(())
    }

    /// Makes namespaces one after another, then many at once, and measures when each has its copies.
    pub async fn newcomers(&mut self, options: &Options, figures: &mut Figures) -> Result<()> {
        let present = self.cluster.namespaces;
        sleep(REST).await;
        let window = self.window();
        let one_by_one = self.newcomers_every(BETWEEN, options.one_by_one).await?;
        let requests = self.settled(&window, options.one_by_one).await;
        sleep(REST).await;
        let at_once = self.newcomers_at_once(options.at_once).await?;
        eprintln!("{} new namespaces: {requests}", one_by_one.len());
        self.controller.has_in_place(self.copies()).await;
        let bystanders = self.bystanders;
        for (how, times, requests) in
            [("one by one", one_by_one, Some(requests)), ("at once", at_once, None)]
        {
            figures.newcomers.push(NewcomerFigure { present, bystanders, how, times, requests });
        }
        Ok(())
    }

    /// The same while a source is rotated.
    pub async fn newcomers_during_rotation(&mut self, figures: &mut Figures) -> Result<()> {
        let (present, bystanders) = (self.cluster.namespaces, self.bystanders);
        self.version += 1;
        let mark = self.cluster.write_source(1, self.version).await?;
        let times = self.newcomers_every(BETWEEN_ROTATED, ROTATED).await?;
        let has_ended = self.observer.count(&mark) == self.cluster.namespaces;
        ensure!(!has_ended, "the rotation has ended before the last new namespace");
        self.observer.marked(&mark, self.cluster.namespaces, SOON).await?;
        self.controller.has_in_place(self.copies()).await;
        eprintln!("new namespaces during a rotation: {times:?}");
        let how = "during a rotation";
        figures.newcomers.push(NewcomerFigure { present, bystanders, how, times, requests: None });
        Ok(())
    }

    async fn newcomers_every(&mut self, pause: Duration, count: usize) -> Result<Vec<f64>> {
        let mut tick = interval(pause);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut times = Vec::new();
        for _ in 0..count {
            tick.tick().await;
            times.push(self.newcomer().await?);
        }
        Ok(times)
    }

    async fn newcomer(&mut self) -> Result<f64> {
        let name = self.cluster.next_namespace();
        cluster::create(self.cluster.client(), name.clone()).await?;
        let created = Instant::now();
        Ok(since(created, self.observer.complete(&name, ENTRIES, SOON).await?))
    }

    async fn newcomers_at_once(&mut self, count: usize) -> Result<Vec<f64>> {
        let names: Vec<_> = (0..count).map(|_| self.cluster.next_namespace()).collect();
        let created = names.iter().map(async |name| {
            cluster::create(self.cluster.client(), name.clone()).await?;
            anyhow::Ok(Instant::now())
        });
        let created = try_join_all(created).await?;
        let mut times = Vec::new();
        for (name, created) in names.iter().zip(created) {
            times.push(since(created, self.observer.complete(name, ENTRIES, SOON).await?));
        }
        Ok(times)
    }

    /// Waits until the audit log has the writes for so many new namespaces.
    async fn settled(&self, window: &Window, namespaces: usize) -> Requests {
        let what = format!("the writes for {namespaces} namespaces in the audit log");
        eventually(&what, WRITTEN, async || {
            let requests = window.requests();
            let is_all = requests.writes_of_secrets() >= namespaces * ENTRIES;
            is_all.then_some(requests.clone()).ok_or(requests.to_string())
        })
        .await
    }

    /// Adds Secrets that are not ours, and measures the memory of a fresh process before and after, and
    /// of the one that went on.
    pub async fn bystanders(&mut self, count: usize, figures: &mut Figures) -> Result<()> {
        self.restart().await?;
        self.remember_memory("just started", figures)?;
        let began = Instant::now();
        self.cluster.create_bystanders(count).await?;
        self.bystanders = count;
        eprintln!("{count} Secrets of others after {:?}", began.elapsed());
        self.remember_memory("that went on", figures)?;
        let requests = self.restart().await?;
        ensure!(requests.writes_of_secrets() == 0, "a restart wrote Secrets: {requests}");
        self.remember_memory("just started", figures)
    }

    /// What it was measured with.
    pub async fn versions(&self) -> Result<String> {
        let built =
            if cfg!(debug_assertions) { "a DEVELOPMENT build" } else { "the release build" };
        let on = format!("kube-apiserver {}", self.cluster.version().await?);
        Ok(machine::versions(built, &on))
    }

    /// Ends the controller as a rolling update does.
    pub async fn end(mut self) -> Result<()> {
        self.controller.end().await.context("failed to end the controller")
    }

    fn remember_memory(&self, process: &'static str, figures: &mut Figures) -> Result<()> {
        let memory = self.controller.memory()?;
        let (namespaces, bystanders) = (self.cluster.namespaces, self.bystanders);
        eprintln!(
            "memory at {namespaces} namespaces, {bystanders} Secrets of others, of the process {process}: {memory:?}"
        );
        figures.memory.push(MemoryFigure { namespaces, bystanders, process, memory });
        Ok(())
    }

    fn window(&self) -> Window {
        Window::open(self.cluster.audit_log())
    }

    fn copies(&self) -> usize {
        self.cluster.namespaces * ENTRIES
    }
}

fn since(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}
