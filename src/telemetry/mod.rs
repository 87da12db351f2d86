//! Logs and metrics: what an operator sees from outside.

pub mod admission;
pub mod certificates;
pub mod controller;
pub mod copies;
pub mod credentials;
pub mod families;
pub mod logs;
pub mod metrics;
pub mod throttle;
pub mod tls;

pub use families::{CounterGrid, Counters, Gauges, Label, Latencies, OPENMETRICS, label};
pub use metrics::{Component, Metrics};
pub use throttle::Throttle;
