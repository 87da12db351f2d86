//! The figures as a section of `bench/RESULTS.md`.

use anyhow::Result;

use crate::{
    axes::{connections, containers, namespaces::FEW, rules},
    base::{SIZES, connections as connections_of},
    bench::Bench,
    common::{
        machine::{self, Machine},
        results::{row, spread},
        statistics::thousands,
    },
    figures::Figures,
    latency::{Latency, SIDE_BY_SIDE},
    members::Member,
    memory::{HELD, When},
    oha::Seen,
    targets,
};

/// Under this title it stands.
pub const TITLE: &str = "## The webhook's speed";

/// The whole section; the charts lie in `charts` beside the file.
pub fn section(
    bench: &Bench,
    machine: &Machine,
    figures: &Figures,
    charts: &[(String, String)],
) -> Result<String> {
    let failed = figures.failed().into_iter().map(|error| format!("- No figures: {error}\n"));
    let failed = failed.collect::<Vec<_>>().concat();
    let charts = charts.iter().map(|(name, title)| format!("\n![{title}](charts/{name})\n"));
    let charts = charts.collect::<Vec<_>>().concat();
    Ok([
        head(bench, machine, figures)?,
        failed,
        targets::table(figures),
        charts,
        base(figures),
        containers_of(figures),
        rules_of(figures),
        namespaces_of(figures),
        connections_and_workers(figures),
        handshakes(figures),
        figures.latency.figures().map(latency).unwrap_or_default(),
        reloads(figures),
        memory(figures),
        startup(figures),
    ]
    .concat())
}

fn head(bench: &Bench, machine: &Machine, figures: &Figures) -> Result<String> {
    let options = &bench.options;
    let built = bench.programs.built;
    let versions = match &figures.api_server {
        Some(version) => {
            machine::versions(built, &format!("the namespaces are of a kube-apiserver {version}"))
        }
        None => format!("- {}.\n", machine::pullpass(built)),
    };
    Ok(format!(
        "{TITLE}\n\n`{}`\n\n{}{versions}- {}.\n\
         - TLS 1.3, HTTP/1.1, P-256 certificate. Pullpass has all that it has by default: metrics, logs at level info, limits. Where nothing \
         else is said: 1,000 rules (a third by host, a third by project of one registry, a third with wildcards), {} connections that are \
         kept, reviews as of the Pods of a Deployment, one of several by chance.\n\
         - Cost is the processor time of the server's process, of all its threads, for each review, in a closed loop, the server on one \
         processor and the load on the other. Figures are the median (least to greatest) of {} rounds, and of {} where Pullpass is measured \
         against itself; a run takes {:?}. Ratios are the median of those within a round. The order alternates.\n\
         - Every answer of every run was 200. Each review was also posted once to each server, but for the floor: the patch gave the Pod the \
         pull secrets that are due, and nothing else.\n",
        options.command,
        machine.text(),
        bench.programs.versions()?,
        crate::cost::CONNECTIONS,
        options.rounds,
        options.axis_rounds,
        options.run,
    ))
}

fn base(figures: &Figures) -> String {
    let Some(base) = figures.base.figures() else { return String::new() };
    let mut text = String::from(
        "\n### Cost by the size of a review\n\nIn microseconds of processor time. The floor is axum and rustls, which read the body and answer \
         the same to all.\n\n| review | connections | Pullpass | Go, controller-runtime | Go, lean | floor | controller-runtime / Pullpass | \
         lean / Pullpass | Pullpass / floor |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for place in SIZES {
        let each = |member| spread(&base.each(place, member), micros);
        let ratio = |over, under| spread(&base.ratios((place, over), (place, under)), times);
        text.push_str(&row(&[
            size(place),
            connections_of(place).to_string(),
            each(Member::Pullpass),
            each(Member::Peer),
            each(Member::Lean),
            each(Member::Floor),
            ratio(Member::Peer, Member::Pullpass),
            ratio(Member::Lean, Member::Pullpass),
            ratio(Member::Pullpass, Member::Floor),
        ]));
    }
    text
}

fn containers_of(figures: &Figures) -> String {
    let Some(seen) = figures.containers.figures() else { return String::new() };
    let mut text = String::from(
        "\n### Containers of a Pod\n\nIn microseconds of processor time. Two of three have an image that a rule matches.\n\n\
         | containers | KiB | Pullpass | floor | Pullpass, each container |\n|---|---|---|---|---|\n",
    );
    for number in containers::CONTAINERS {
        #[allow(clippy::cast_precision_loss, reason = "containers are few")]
        let each = |value: &f64| value / number as f64;
        let costs = seen.costs.at(&(Member::Pullpass, number));
        let kib = seen.bytes.at(&number).first().map_or(0.0, |bytes| bytes / 1_024.0);
        text.push_str(&row(&[
            thousands(number),
            format!("{kib:.1}"),
            spread(costs, micros),
            spread(seen.costs.at(&(Member::Floor, number)), micros),
            spread(&costs.iter().map(each).collect::<Vec<_>>(), micros),
        ]));
    }
    text
}

fn rules_of(figures: &Figures) -> String {
    let Some(seen) = figures.rules.figures() else { return String::new() };
    let mut text = String::from(
        "\n### Rules\n\nIn microseconds of processor time, for a review of 10 KiB, one of 500 that ask for different rules.\n\n\
         | rules | 10 | 100 | 1,000 | 10,000 | 10,000 / 10 |\n|---|---|---|---|---|---|\n",
    );
    for kind in rules::KINDS {
        let mut cells = vec![kind.to_string()];
        cells.extend(rules::RULES.map(|number| spread(seen.at(&(kind, number)), micros)));
        cells.push(spread(&seen.ratios(&(kind, 10_000), &(kind, 10)), times));
        text.push_str(&row(&cells));
    }
    text
}

fn namespaces_of(figures: &Figures) -> String {
    let Some(seen) = figures.namespaces.figures() else { return String::new() };
    let mut text = format!(
        "\n### Namespaces\n\nIn microseconds of processor time, for a review of 10 KiB, one of 500 of different namespaces, with 1,000 rules that \
         all need the labels of the namespace; no label was fetched. Beside it the same at {FEW} namespaces, in the same rounds.\n\n\
         | namespaces | cost | at {FEW} | ratio |\n|---|---|---|---|\n"
    );
    for (number, many) in &seen.many.0 {
        let few = seen.few.at(number);
        let ratios: Vec<_> = many.iter().zip(few).map(|(many, few)| many / few).collect();
        text.push_str(&row(&[
            thousands(*number),
            spread(many, micros),
            spread(few, micros),
            spread(&ratios, times),
        ]));
    }
    text
}

fn connections_and_workers(figures: &Figures) -> String {
    let mut text = String::new();
    if let Some(seen) = figures.connections.figures() {
        text.push_str(
            "\n### Connections\n\nIn microseconds of processor time, for a review of 10 KiB.\n\n| connections | cost |\n|---|---|\n",
        );
        for number in connections::CONNECTIONS {
            text.push_str(&row(&[thousands(number), spread(seen.at(&number), micros)]));
        }
    }
    if let Some(seen) = figures.workers.figures() {
        text.push_str(
            "\n### Worker threads\n\nFor a review of 10 KiB.\n\n| worker threads | cost in microseconds | reviews a second |\n|---|---|---|\n",
        );
        for (workers, costs) in &seen.costs.0 {
            let rates = spread(seen.rates.at(workers), whole);
            text.push_str(&row(&[workers.to_string(), spread(costs, micros), rates]));
        }
    }
    text
}

fn handshakes(figures: &Figures) -> String {
    let Some(seen) = figures.handshakes.figures() else { return String::new() };
    let mut text = String::from(
        "\n### Fresh connections\n\nIn microseconds of processor time, for a connection with one review of 10 KiB. The key exchange is the one \
         that client and server like best.\n\n| server | new session | session resumed |\n|---|---|---|\n",
    );
    for member in Member::ALL {
        let of = |is_resumed| spread(seen.at(&(member, is_resumed)), micros);
        text.push_str(&row(&[member.to_string(), of(false), of(true)]));
    }
    text
}

fn latency(latency: &Latency) -> String {
    let mut text = String::from(
        "\n### Latency\n\nReviews of 10 KiB at a constant rate, over 10 connections, server and load on both processors. In milliseconds from when a \
         request was due, so that none is left out because others were slow; the tool sends what is due in a millisecond at once. Among the \
         greatest are the requests that open the connections. Saturation is measured in a closed loop.\n\n\
         | server | saturation | rate | sent | p50 | p99 | p99.9 | p99.99 | greatest |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut add = |member: Member, rate: f64, runs: &[Seen]| {
        let saturation = latency.saturation.get(&member).copied();
        let mut cells = vec![member.to_string(), whole(saturation), whole(Some(rate))];
        cells.push(spread(&runs.iter().map(|seen| seen.rate).collect::<Vec<_>>(), whole));
        cells.extend((0..5).map(|at| {
            let values: Vec<_> = runs.iter().map(|seen| seen.latencies[at] * 1e3).collect();
            spread(&values, millis)
        }));
        text.push_str(&row(&cells));
    };
    add(Member::Pullpass, latency.own_rate, &latency.own);
    for member in SIDE_BY_SIDE {
        add(member, latency.same_rate, latency.same.get(&member).map_or(&[], Vec::as_slice));
    }
    text
}

fn reloads(figures: &Figures) -> String {
    let Some(seen) = figures.reloads.figures() else { return String::new() };
    let mut text = format!(
        "\n### Reloads\n\nThe file of the configuration, 10,000 rules, was replaced {} times, each time when the one before was in force, while \
         {:.0} reviews a second were sent; all {} were answered. In milliseconds, stretches with reloads and without in turn.\n\n\
         | | stretches | p50 | p99 | p99.9 | greatest |\n|---|---|---|---|---|---|\n",
        thousands(seen.count),
        seen.rate,
        thousands(seen.answered)
    );
    for (name, runs) in [("with reloads", &seen.with), ("without", &seen.without)] {
        let mut cells = vec![name.to_owned(), runs.len().to_string()];
        cells.extend([0, 1, 2, 4].map(|at| {
            let values: Vec<_> = runs.iter().map(|seen| seen.latencies[at] * 1e3).collect();
            spread(&values, millis)
        }));
        text.push_str(&row(&cells));
    }
    text
}

fn memory(figures: &Figures) -> String {
    let Some(seen) = figures.memory.figures() else { return String::new() };
    let mut text = String::from(
        "\n### Memory of a webhook\n\nIn MiB, of `/proc/PID/status`: what is resident, and the most that ever was.\n\n\
         | when | resident | peak |\n|---|---|---|\n",
    );
    for (when, memory) in seen {
        let when = match when {
            When::FewRules => "idle, 10 rules".to_owned(),
            When::Idle => "idle, 1,000 rules".to_owned(),
            When::AfterReviews => {
                "1,000 rules, after reviews of 10 KiB from 25 connections".to_owned()
            }
            When::Connections => {
                format!("1,000 rules, {HELD} connections held, each after one review of 10 KiB")
            }
            When::Namespaces(many) => {
                format!("1,000 rules by labels, {} namespaces", thousands(*many))
            }
            When::NamespacesAndConnections(many) => format!(
                "1,000 rules by labels, {} namespaces, {HELD} connections held, each after one review of 10 KiB",
                thousands(*many)
            ),
        };
        let [resident, peak] =
            [memory.resident, memory.peak].map(|kib| format!("{:.1}", mebibytes(kib)));
        text.push_str(&row(&[when, resident, peak]));
    }
    text
}

fn startup(figures: &Figures) -> String {
    let Some(seen) = figures.startup.figures() else { return String::new() };
    let mut text = String::from(
        "\n### Start\n\nFrom the start of the process until `/readyz` says 200, with certificate and configuration on disk; asked every millisecond.\n\n\
         | rules | starts | ms |\n|---|---|---|\n",
    );
    for (rules, times) in seen {
        let millis_of: Vec<_> = times.iter().map(|seconds| seconds * 1e3).collect();
        let cells = [thousands(*rules), times.len().to_string(), spread(&millis_of, micros)];
        text.push_str(&row(&cells));
    }
    text
}

/// A size in KiB, written.
pub fn size(kib: usize) -> String {
    match kib {
        0..1_024 => format!("{kib} KiB"),
        _ => format!("{} MiB", kib / 1_024),
    }
}

/// MiB of KiB.
#[allow(clippy::cast_precision_loss, reason = "memory is small")]
pub fn mebibytes(kib: usize) -> f64 {
    kib as f64 / 1_024.0
}

fn micros(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 1_000.0 => format!("{value:.1}"),
        Some(value) => whole(Some(value)),
    }
}

fn times(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn millis(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are not negative"
)]
fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| thousands(value.round() as usize))
}
