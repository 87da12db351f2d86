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
        self.take_leaving(0, amount)
    }

    /// Takes `amount`, or nothing if less than `rest` would then be left.
    pub fn take_leaving(&self, rest: usize, amount: usize) -> Option<Share> {
        let mut share = Share { budget: self.clone(), amount: 0 };
        share.grow_leaving(rest, amount).then_some(share)
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
    /// What has been taken.
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Takes `more` in addition; false, and unchanged, if less than `rest` would then be left.
    pub fn grow_leaving(&mut self, rest: usize, more: usize) -> bool {
        let less = |left: usize| left.checked_sub(more).filter(|less| more == 0 || *less >= rest);
        let taken = self.budget.left.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
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
        assert!(!first.grow_leaving(1, 6), "one is to be left");
        assert!(first.grow_leaving(0, 6) && !first.grow_leaving(0, 1));
        assert_eq!((budget.left(), first.amount()), (0, 10));
        drop(first);
        assert_eq!(budget.left(), 10);
        assert!(budget.take_leaving(4, 7).is_none() && budget.take_leaving(4, 6).is_some());
    }
}
