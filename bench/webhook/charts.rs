//! The charts of what was measured.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    axes::{
        namespaces::FEW,
        rules::{KINDS, RULES},
    },
    base::SIZES,
    common::statistics::{Sample, thousands},
    figures::Figures,
    latency::SIDE_BY_SIDE,
    members::Member,
    oha::Seen,
    report::size,
    svg::{Chart, Line},
};

/// Draws all that there are figures for, into this folder; gives their names, each with what it shows.
pub fn draw(figures: &Figures, folder: &Path) -> Result<Vec<(String, String)>> {
    let charts = [
        ("cost-by-size.svg", cost_by_size(figures)),
        ("cost-by-rules.svg", cost_by_rules(figures)),
        ("latency.svg", latency(figures)),
    ];
    let mut drawn = Vec::new();
    fs::create_dir_all(folder)
        .with_context(|| format!("failed to make the folder {}", folder.display()))?;
    for (name, chart) in charts {
        let Some(chart) = chart else { continue };
        let file = folder.join(name);
        fs::write(&file, chart.svg())
            .with_context(|| format!("failed to write {}", file.display()))?;
        drawn.push((name.to_owned(), chart.title));
    }
    Ok(drawn)
}

fn cost_by_size(figures: &Figures) -> Option<Chart> {
    let base = figures.base.figures()?;
    let line = |member: Member| Line {
        name: member.to_string(),
        values: SIZES.iter().map(|size| median(&base.each(*size, member))).collect(),
    };
    Some(Chart {
        title: "What a review costs, by its size".into(),
        unit: "microseconds of processor time".into(),
        is_logarithmic: true,
        places: SIZES.map(size).into(),
        lines: Member::ALL.map(line).into(),
    })
}

fn cost_by_rules(figures: &Figures) -> Option<Chart> {
    let rules = figures.rules.figures()?;
    let mut lines: Vec<_> = KINDS
        .map(|kind| Line {
            name: kind.to_string(),
            values: RULES.iter().map(|number| median(rules.at(&(kind, *number)))).collect(),
        })
        .into();
    if let Some(seen) = figures.namespaces.figures() {
        let few = seen.few.0.values().flatten().copied().collect::<Sample>().median();
        let at = |number: &usize| match *number {
            FEW => few,
            number => median(seen.many.at(&number)),
        };
        let values = RULES.iter().map(at).collect();
        lines.push(Line { name: "namespaces".into(), values });
    }
    Some(Chart {
        title: "A review of 10 KiB, by the number of rules, and of namespaces".into(),
        unit: "microseconds of processor time".into(),
        is_logarithmic: false,
        places: RULES.map(thousands).into(),
        lines,
    })
}

fn latency(figures: &Figures) -> Option<Chart> {
    let latency = figures.latency.figures()?;
    let line = |member: Member| {
        let runs = latency.same.get(&member).map_or(&[][..], Vec::as_slice);
        Line { name: member.to_string(), values: percentiles(runs) }
    };
    Some(Chart {
        title: format!("Latency at {} reviews a second", thousands(whole(latency.same_rate))),
        unit: "milliseconds; half of what the controller-runtime webhook can do".into(),
        is_logarithmic: true,
        places: ["p50", "p99", "p99.9", "p99.99", "greatest"].map(Into::into).into(),
        lines: SIDE_BY_SIDE.map(line).into(),
    })
}

fn percentiles(runs: &[Seen]) -> Vec<Option<f64>> {
    let at =
        |at: usize| median(&runs.iter().map(|seen| seen.latencies[at] * 1e3).collect::<Vec<_>>());
    (0..5).map(at).collect()
}

fn median(values: &[f64]) -> Option<f64> {
    values.iter().copied().collect::<Sample>().median()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are not negative"
)]
fn whole(value: f64) -> usize {
    value.round() as usize
}
