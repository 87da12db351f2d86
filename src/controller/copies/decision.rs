//! What was decided about a copy, so that what has failed is recognised. Pure.

use super::copy::Wanted;
use super::job::{Grant, Job};

/// A job, without what it is written by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// To be made, with this content.
    Create(Wanted, Box<str>),
    /// To be put right.
    Update(Wanted, Box<str>),
    /// To be deleted.
    Delete,
}

impl Decision {
    /// That of a job.
    pub fn of(job: &Job) -> Self {
        let parts = |grant: &Grant| (grant.wanted.clone(), grant.content.mark().into());
        match job {
            Job::Create(grant) => {
                let (wanted, mark) = parts(grant);
                Self::Create(wanted, mark)
            }
            Job::Update(grant) => {
                let (wanted, mark) = parts(grant);
                Self::Update(wanted, mark)
            }
            Job::Delete(_) => Self::Delete,
        }
    }
}
