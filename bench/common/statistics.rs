//! What is told of many measured values. Pure.

/// Measured values, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// The value below or at which so many per cent of all lie (the nearest rank); none of no values.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let count = self.0.len();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank is from 0 to the number of values"
        )]
        let rank = (percent / 100.0 * count as f64).ceil() as usize;
        self.0.get(rank.clamp(1, count.max(1)) - 1).copied()
    }

    /// The one in the middle.
    pub fn median(&self) -> Option<f64> {
        self.percentile(50.0)
    }

    /// The least.
    pub fn least(&self) -> Option<f64> {
        self.0.first().copied()
    }

    /// The greatest.
    pub fn greatest(&self) -> Option<f64> {
        self.0.last().copied()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }
}

/// Seconds, in three digits or so.
pub fn seconds(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 1.0 => format!("{:.0} ms", value * 1_000.0),
        Some(value) if value < 10.0 => format!("{value:.2} s"),
        Some(value) => format!("{value:.1} s"),
    }
}

/// A whole number with its thousands set apart.
pub fn thousands(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
