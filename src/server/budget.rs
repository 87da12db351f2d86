//! A fixed amount that is shared out without a lock: connections, requests, bytes of bodies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An amount of which shares are taken, never waited for.
#[derive(Clone, Debug)]
pub struct Budget {
    left: Arc<AtomicUsize>,
}

impl Budget {
    /// A budget of `amount`, all of it left.
    pub fn new(amount: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(amount)) }
    }

    /// Takes `amount`, or nothing if less is left.
    pub fn take(&self, amount: usize) -> Option<Share> {
        let mut share = Share { budget: self.clone(), amount: 0 };
        share.grow(amount).then_some(share)
    }

    /// What is left.
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }
}

/// A part of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    amount: usize,
}

impl Share {
    /// Takes `more` in addition; false, and unchanged, if less is left.
    pub fn grow(&mut self, more: usize) -> bool {
        let taken = self
            .budget
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |left| left.checked_sub(more));
        if taken.is_ok() {
            self.amount += more;
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.amount, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget_and_come_back() {
        let budget = Budget::new(10);
        let mut first = budget.take(4).unwrap();
        assert!(budget.take(7).is_none());
        assert!(first.grow(6) && !first.grow(1));
        assert_eq!(budget.left(), 0);
        drop(first);
        assert_eq!(budget.left(), 10);
    }
}
