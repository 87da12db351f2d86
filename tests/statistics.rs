//! The statistics of `bench/`.

#[path = "../bench/common/statistics.rs"]
mod statistics;

use statistics::{Sample, seconds, thousands};

#[test]
fn a_percentile_is_a_value_that_was_measured() {
    let sample: Sample = (1..=200).rev().map(f64::from).collect();
    assert_eq!(sample.count(), 200);
    assert_eq!((sample.least(), sample.greatest()), (Some(1.0), Some(200.0)));
    assert_eq!((sample.median(), sample.percentile(99.0)), (Some(100.0), Some(198.0)));
    assert_eq!((sample.percentile(0.0), sample.percentile(100.0)), (Some(1.0), Some(200.0)));

    let few: Sample = [3.0, 1.0, 2.0].into_iter().collect();
    assert_eq!((few.median(), few.percentile(99.0)), (Some(2.0), Some(3.0)));
    let one: Sample = [7.0].into_iter().collect();
    assert_eq!((one.median(), one.percentile(1.0)), (Some(7.0), Some(7.0)));
    let none = Sample::default();
    assert_eq!((none.median(), none.least(), none.greatest()), (None, None, None));
}

#[test]
fn figures_are_written_with_their_unit() {
    assert_eq!(seconds(Some(0.0124)), "12 ms");
    assert_eq!(seconds(Some(1.236)), "1.24 s");
    assert_eq!(seconds(Some(48.04)), "48.0 s");
    assert_eq!(seconds(None), "-");
    assert_eq!(
        [0, 999, 1_000, 50_000, 1_234_567].map(thousands),
        ["0", "999", "1,000", "50,000", "1,234,567"]
    );
}
