//! Pullpass along one axis at a time.

pub mod connections;
pub mod containers;
pub mod handshakes;
pub mod namespaces;
pub mod rules;
pub mod workers;

use std::collections::BTreeMap;

/// A cost in each round, by a place on an axis. Rounds go along the whole axis, and every other one
/// backwards.
#[derive(Debug)]
pub struct Axis<K>(pub BTreeMap<K, Vec<f64>>);

impl<K: Ord> Default for Axis<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Axis<K> {
    /// Adds what was seen in one round.
    pub fn add(&mut self, place: K, value: f64) {
        self.0.entry(place).or_default().push(value);
    }

    /// The values at a place, a round each.
    pub fn at(&self, place: &K) -> &[f64] {
        self.0.get(place).map_or(&[], Vec::as_slice)
    }

    /// How often the one has the other in it, round by round.
    pub fn ratios(&self, over: &K, under: &K) -> Vec<f64> {
        self.at(over).iter().zip(self.at(under)).map(|(over, under)| over / under).collect()
    }
}

/// The places in the order of a round.
pub fn in_order<T>(mut places: Vec<T>, round: usize) -> Vec<T> {
    if round % 2 == 1 {
        places.reverse();
    }
    places
}
