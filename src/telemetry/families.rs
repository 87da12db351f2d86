//! Metric families whose label values are closed sets, known when they are registered.
//!
//! That bounds the number of series whatever clients send, and lets a request count with one atomic
//! addition: no map, no lock.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The content type of what [`Metrics::encode`](super::Metrics::encode) writes.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A closed set of values of one label. Declare one with [`label!`](crate::telemetry::label).
pub trait Label: Copy + fmt::Debug + Send + Sync + 'static {
    /// The label's name.
    const KEY: &'static str;
    /// Every value, in the order of [`index`](Label::index).
    const ALL: &'static [Self];
    /// The value as it is exposed.
    fn as_str(self) -> &'static str;
    /// The position in [`ALL`](Label::ALL).
    fn index(self) -> usize;
}

/// Declares an enum that is a [`Label`]: `label! { /// doc
/// pub enum Outcome: "outcome" { /// doc
/// Allowed = "allowed" } }`.
#[macro_export]
macro_rules! label {
    ($(#[$doc:meta])* pub enum $name:ident : $key:literal { $($(#[$vdoc:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $crate::telemetry::Label for $name {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $value),+ }
            }
            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub use crate::label;

/// One counter for each value of `L`, all exposed from the start.
#[derive(Clone, Debug)]
pub struct Counters<L> {
    cells: Arc<[Counter]>,
    label: PhantomData<L>,
}

impl<L: Label> Counters<L> {
    /// Registers the family; `_total` is appended to `name` on exposition.
    pub fn register(registry: &mut Registry, name: &str, help: &str) -> Self {
        let cells = L::ALL.iter().map(|_| Counter::default()).collect();
        let family = Self { cells, label: PhantomData };
        registry.register(name, help, family.clone());
        family
    }

    /// Counts one.
    pub fn inc(&self, value: L) {
        if let Some(cell) = self.cells.get(value.index()) {
            cell.inc();
        }
    }

    /// The count so far.
    pub fn get(&self, value: L) -> u64 {
        self.cells.get(value.index()).map_or(0, Counter::get)
    }
}

impl<L: Label> EncodeMetric for Counters<L> {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        for (value, cell) in L::ALL.iter().zip(self.cells.iter()) {
            let labels = [(L::KEY, value.as_str())];
            cell.encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

/// One gauge for each value of `L`, all exposed from the start.
#[derive(Clone, Debug)]
pub struct Gauges<L> {
    cells: Arc<[Gauge]>,
    label: PhantomData<L>,
}

impl<L: Label> Gauges<L> {
    /// Registers the family.
    pub fn register(registry: &mut Registry, name: &str, help: &str) -> Self {
        let cells = L::ALL.iter().map(|_| Gauge::default()).collect();
        let family = Self { cells, label: PhantomData };
        registry.register(name, help, family.clone());
        family
    }

    /// The gauge of one value.
    pub fn of(&self, value: L) -> Gauge {
        self.cells.get(value.index()).cloned().unwrap_or_default()
    }
}

impl<L: Label> EncodeMetric for Gauges<L> {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        for (value, cell) in L::ALL.iter().zip(self.cells.iter()) {
            let labels = [(L::KEY, value.as_str())];
            cell.encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// One counter for each pair of values; a pair is exposed once it has been counted.
#[derive(Clone, Debug)]
pub struct CounterGrid<A, B> {
    cells: Arc<[Counter]>,
    labels: PhantomData<(A, B)>,
}

impl<A: Label, B: Label> CounterGrid<A, B> {
    /// Registers the family; `_total` is appended to `name` on exposition.
    pub fn register(registry: &mut Registry, name: &str, help: &str) -> Self {
        let size = A::ALL.len() * B::ALL.len();
        let family =
            Self { cells: (0..size).map(|_| Counter::default()).collect(), labels: PhantomData };
        registry.register(name, help, family.clone());
        family
    }

    /// Counts one.
    pub fn inc(&self, a: A, b: B) {
        if let Some(cell) = self.cells.get(Self::position(a, b)) {
            cell.inc();
        }
    }

    /// The count so far.
    pub fn get(&self, a: A, b: B) -> u64 {
        self.cells.get(Self::position(a, b)).map_or(0, Counter::get)
    }

    fn position(a: A, b: B) -> usize {
        a.index() * B::ALL.len() + b.index()
    }
}

impl<A: Label, B: Label> EncodeMetric for CounterGrid<A, B> {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        for (a, row) in A::ALL.iter().zip(self.cells.chunks(B::ALL.len())) {
            for (b, cell) in B::ALL.iter().zip(row).filter(|(_, cell)| cell.get() > 0) {
                let labels = [(A::KEY, a.as_str()), (B::KEY, b.as_str())];
                cell.encode(encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

/// A histogram of durations, in seconds, that is observed without a lock.
///
/// The crate's own histogram takes a mutex at each observation. Here a scrape that runs beside an
/// observation may see it in the sum and not yet in the count; the next scrape is right again.
#[derive(Clone, Debug)]
pub struct Latencies(Arc<LatencyCells>);

#[derive(Debug)]
struct LatencyCells {
    bounds: &'static [Duration],
    counts: Box<[AtomicU64]>,
    nanoseconds: AtomicU64,
}

impl Latencies {
    /// Registers a histogram with these ascending upper bounds; a bucket without bound is added.
    pub fn register(
        registry: &mut Registry,
        name: &str,
        help: &str,
        bounds: &'static [Duration],
    ) -> Self {
        let latencies = Self(Arc::new(LatencyCells {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            nanoseconds: AtomicU64::new(0),
        }));
        registry.register(name, help, latencies.clone());
        latencies
    }

    /// Adds one duration.
    pub fn observe(&self, duration: Duration) {
        let cells = &*self.0;
        let bucket = cells.bounds.partition_point(|bound| *bound < duration);
        if let Some(count) = cells.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        cells.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl EncodeMetric for Latencies {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        let cells = &*self.0;
        let bounds = cells.bounds.iter().map(Duration::as_secs_f64);
        let counts = cells.counts.iter().map(|n| n.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let count = buckets.iter().map(|(_, n)| n).sum();
        let sum = Duration::from_nanos(cells.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    label! {
        /// A side.
        pub enum Side: "side" { /// L
            Left = "left", /// R
            Right = "right" }
    }

    fn exposed(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text
    }

    #[test]
    fn every_value_of_a_counter_is_exposed_from_the_start() {
        let mut registry = Registry::default();
        let turns = Counters::<Side>::register(&mut registry, "turns", "Turns taken");
        turns.inc(Side::Right);
        let text = exposed(&registry);
        assert!(text.contains("turns_total{side=\"left\"} 0\n"), "{text}");
        assert!(text.contains("turns_total{side=\"right\"} 1\n"), "{text}");
    }

    #[test]
    fn a_grid_exposes_the_pairs_that_were_counted() {
        let mut registry = Registry::default();
        let moves = CounterGrid::<Side, Side>::register(&mut registry, "moves", "Moves made");
        moves.inc(Side::Right, Side::Left);
        assert_eq!(moves.get(Side::Right, Side::Left), 1);
        assert_eq!(moves.get(Side::Left, Side::Right), 0);
        assert_eq!(exposed(&registry).matches("moves_total{").count(), 1);
    }

    #[test]
    fn latencies_are_a_cumulative_histogram_in_seconds() {
        const BOUNDS: &[Duration] = &[Duration::from_millis(1), Duration::from_millis(10)];
        let mut registry = Registry::default();
        let waits = Latencies::register(&mut registry, "wait_seconds", "Time waited", BOUNDS);
        for millis in [1, 5, 5, 20] {
            waits.observe(Duration::from_millis(millis));
        }
        let text = exposed(&registry);
        for line in [
            "wait_seconds_bucket{le=\"0.001\"} 1\n",
            "wait_seconds_bucket{le=\"0.01\"} 3\n",
            "wait_seconds_bucket{le=\"+Inf\"} 4\n",
            "wait_seconds_count 4\n",
            "wait_seconds_sum 0.031\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
