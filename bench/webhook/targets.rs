//! The targets, and whether they are held. Pure.

use crate::{
    axes::namespaces::FEW,
    base::Base,
    common::{results::row, statistics::Sample},
    figures::Figures,
    latency::is_kept,
    members::Member,
    memory::When,
    oha::Seen,
    tables::Kind,
};

/// A target: a figure, and what it must not be above.
#[derive(Debug)]
pub struct Target {
    what: String,
    target: String,
    figure: Figure,
}

/// The figure as it is written, and whether the target is held; none if it was not measured.
type Figure = Option<(String, bool)>;

impl Target {
    fn new(what: &str, target: &str, figure: Figure) -> Self {
        Self { what: what.to_owned(), target: target.to_owned(), figure }
    }
}

/// The table of all.
pub fn table(figures: &Figures) -> String {
    let mut text =
        String::from("\n### Targets\n\n| what | target | figure | held |\n|---|---|---|---|\n");
    for Target { what, target, figure } in all(figures) {
        let (figure, held) = match figure {
            Some((figure, true)) => (figure, "yes"),
            Some((figure, false)) => (figure, "**no**"),
            None => ("no figure".to_owned(), "-"),
        };
        text.push_str(&row(&[what, target, figure, held.to_owned()]));
    }
    text
}

fn all(figures: &Figures) -> Vec<Target> {
    let mut all = of_cost(figures);
    all.extend(of_axes(figures));
    all.extend(of_latency(figures));
    all.extend(of_process(figures));
    all.push(of_reloads(figures));
    all
}

fn of_cost(figures: &Figures) -> Vec<Target> {
    let against = |size, member| {
        let base: &Base = figures.base.figures()?;
        median(&base.ratios((size, member), (size, Member::Pullpass)))
    };
    let peer = |size, least: f64| {
        let ratio = against(size, Member::Peer)?;
        Some((format!("1/{ratio:.1}"), ratio >= least))
    };
    let floor = || {
        let base = figures.base.figures()?;
        let ratio = median(&base.ratios((10, Member::Pullpass), (10, Member::Floor)))?;
        Some((times(ratio), ratio <= 1.7))
    };
    vec![
        Target::new(
            "CPU per 10 KiB review, against the controller-runtime peer",
            "at most 1/28",
            peer(10, 28.0),
        ),
        Target::new("the same at 100 KiB", "at most 1/50", peer(100, 50.0)),
        Target::new(
            "CPU per 10 KiB review, against the constant answer of the floor",
            "at most 1.7 x",
            floor(),
        ),
    ]
}

fn of_axes(figures: &Figures) -> Vec<Target> {
    let bounded = |ratio: Option<f64>, most: f64| {
        let ratio = ratio?;
        Some((times(ratio), ratio <= most))
    };
    let rules = |kind: Kind| {
        let rules = figures.rules.figures()?;
        median(&rules.ratios(&(kind, 10_000), &(kind, 10)))
    };
    let mut all: Vec<_> = [Kind::Hosts, Kind::Projects, Kind::Wildcards]
        .map(|kind| {
            let what = format!("10 -> 10,000 rules: {kind}");
            Target::new(&what, "at most 1.15 x", bounded(rules(kind), 1.15))
        })
        .into();
    let namespaces = figures.namespaces.figures().and_then(|seen| {
        let (most, many) = seen.many.0.last_key_value()?;
        let ratios: Vec<_> = many.iter().zip(seen.few.at(most)).map(|(a, b)| a / b).collect();
        Some((most, median(&ratios)?))
    });
    let most = namespaces.map_or(10_000, |(most, _)| *most);
    let what = format!(
        "{FEW} -> {} namespaces, with label rules",
        crate::common::statistics::thousands(most)
    );
    let ratio = namespaces.map(|(_, ratio)| ratio);
    all.push(Target::new(&what, "at most 1.15 x", bounded(ratio, 1.15)));
    let bytes = figures.base.figures().and_then(|base| {
        let ratios = base.ratios((3_072, Member::Pullpass), (100, Member::Pullpass));
        median(&ratios).map(|ratio| ratio * 100.0 / 3_072.0)
    });
    all.push(Target::new(
        "cost per byte, 3 MiB against 100 KiB",
        "at most 1.2 x",
        bounded(bytes, 1.2),
    ));
    let containers = figures.containers.figures().and_then(|seen| {
        let ratios = seen.costs.ratios(&(Member::Pullpass, 1_000), &(Member::Pullpass, 10));
        median(&ratios).map(|ratio| ratio / 100.0)
    });
    all.push(Target::new(
        "cost per container, 1,000 against 10",
        "at most 1.2 x",
        bounded(containers, 1.2),
    ));
    all
}

fn of_latency(figures: &Figures) -> Vec<Target> {
    let latency = figures.latency.figures();
    let own = latency.and_then(|latency| {
        let p999 = median(&latency.own.iter().map(|seen| seen.latencies[2]).collect::<Vec<_>>())?;
        let is_kept = is_kept(latency.own_rate, &latency.own);
        Some(if_kept(is_kept, format!("{:.2} ms", p999 * 1e3), p999 < 0.002))
    });
    let same = latency.and_then(|latency| {
        let of = |member| Some(latency.same.get(&member)?.iter().map(|seen| seen.latencies[2]));
        let pairs = of(Member::Peer)?.zip(of(Member::Pullpass)?);
        let ratio = median(&pairs.map(|(peer, own)| peer / own).collect::<Vec<_>>())?;
        let is_kept = latency.same.values().all(|runs| is_kept(latency.same_rate, runs));
        Some(if_kept(is_kept, format!("1/{ratio:.1}"), ratio > 20.0))
    });
    vec![
        Target::new(
            "p99.9 at half of saturation, at a constant rate, both processors shared with the load",
            "under 2 ms",
            own,
        ),
        Target::new(
            "p99.9 against that of the peer, both at half of the peer's saturation",
            "under 1/20",
            same,
        ),
    ]
}

fn if_kept(is_kept: bool, figure: String, is_held: bool) -> (String, bool) {
    match is_kept {
        true => (figure, is_held),
        false => (format!("{figure}, but the rate was not kept"), false),
    }
}

fn of_process(figures: &Figures) -> Vec<Target> {
    let memory = |is_it: fn(When) -> bool, mebibytes: usize| {
        let (_, memory) = figures.memory.figures()?.iter().find(|(when, _)| is_it(*when))?;
        let written = format!("{:.1} MiB", crate::report::mebibytes(memory.resident));
        Some((written, memory.resident < mebibytes * 1_024))
    };
    let ready = figures.startup.figures().and_then(|seen| {
        let (_, times) = seen.iter().find(|(rules, _)| *rules == 1_000)?;
        let seconds = median(times)?;
        Some((format!("{:.1} ms", seconds * 1e3), seconds < 0.05))
    });
    vec![
        Target::new("resident memory, idle", "under 12 MiB", memory(|when| when == When::Idle, 12)),
        Target::new(
            "resident memory, 1,000 rules + 10,000 namespaces + 500 connections",
            "under 32 MiB",
            memory(|when| when == When::NamespacesAndConnections(10_000), 32),
        ),
        Target::new("ready after start, files on disk", "under 50 ms", ready),
    ]
}

fn of_reloads(figures: &Figures) -> Target {
    let seen = figures.reloads.figures().and_then(|seen| {
        let p99 =
            |of: &[Seen]| median(&of.iter().map(|seen| seen.latencies[1]).collect::<Vec<_>>());
        let moved = (p99(&seen.with)? - p99(&seen.without)?) * 1e3;
        let written = format!("0 failed in {}; p99 moves by {moved:.2} ms", seen.count);
        Some((written, moved < 1.0 && seen.count >= 1_000))
    });
    let what = "1,000 configuration reloads of 10,000 rules under load";
    Target::new(what, "0 failed; p99 moves by under 1 ms", seen)
}

fn median(values: &[f64]) -> Option<f64> {
    values.iter().copied().collect::<Sample>().median()
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2} x")
}
