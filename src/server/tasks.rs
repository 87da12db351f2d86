//! The process's long tasks: each has an owner and a name, and is joined.

use std::collections::HashMap;
use std::future::Future;

use thiserror::Error;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::debug;

use super::shutdown::{Aborted, Shutdown};

/// Any error, as tasks return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the process stops other than in good order.
#[derive(Debug, Error)]
pub enum TaskError {
    /// A task that should run for the life of the process came to an end.
    #[error("the task `{name}` ended unexpectedly")]
    Ended {
        /// Which task.
        name: &'static str,
    },
    /// A task failed.
    #[error("the task `{name}` failed: {source}")]
    Failed {
        /// Which task.
        name: &'static str,
        /// Why.
        source: BoxError,
    },
    /// A task panicked; the log has the place.
    #[error("the task `{name}` failed by an internal error; the log names the place")]
    Panicked {
        /// Which task.
        name: &'static str,
    },
    /// A second signal came.
    #[error(transparent)]
    Aborted(#[from] Aborted),
}

/// What a task may come back with: nothing, or a result.
pub trait Outcome {
    /// The same as a result.
    fn into_result(self) -> Result<(), BoxError>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Runs until it is aborted when the draining tasks have ended.
    Background,
    /// Ends by itself once draining has begun.
    Draining,
}

/// Owns every long task.
#[derive(Default)]
pub struct Tasks {
    set: JoinSet<Result<(), BoxError>>,
    names: HashMap<Id, (&'static str, Kind)>,
}

impl Tasks {
    /// Owns nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that runs for the life of the process: a watch, a reload loop. It is aborted
    /// when the draining tasks have ended; its end before that stops the process.
    pub fn spawn<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output: Outcome> + Send + 'static,
    {
        self.start(name, Kind::Background, task);
    }

    /// Starts a task that ends by itself once draining has begun, and in its own time: a listener, an
    /// election.
    pub fn spawn_draining<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output: Outcome> + Send + 'static,
    {
        self.start(name, Kind::Draining, task);
    }

    fn start<F>(&mut self, name: &'static str, kind: Kind, task: F)
    where
        F: Future<Output: Outcome> + Send + 'static,
    {
        let handle = self.set.spawn(async { task.await.into_result() });
        self.names.insert(handle.id(), (name, kind));
    }

    /// Runs until all draining tasks have ended, then ends the other tasks and joins them.
    ///
    /// `orderly` is [`shut_down_on`](super::shut_down_on) or alike: it returns only if the end is to
    /// be at once.
    ///
    /// # Errors
    /// The first task that ended out of turn, or the second signal. All tasks are ended then too.
    pub async fn run_until(
        mut self,
        shutdown: &Shutdown,
        orderly: impl Future<Output = Aborted>,
    ) -> Result<(), TaskError> {
        let outcome = tokio::select! {
            outcome = self.drained(shutdown) => outcome,
            aborted = orderly => Err(aborted.into()),
        };
        self.set.shutdown().await;
        outcome
    }

    async fn drained(&mut self, shutdown: &Shutdown) -> Result<(), TaskError> {
        while self.names.values().any(|(_, kind)| *kind == Kind::Draining) {
            let Some(joined) = self.set.join_next_with_id().await else {
                return Ok(());
            };
            let (id, outcome) = match joined {
                Ok((id, outcome)) => (id, Ok(outcome)),
                Err(error) => (error.id(), Err(error)),
            };
            let (name, kind) = self.names.remove(&id).unwrap_or(("unknown", Kind::Background));
            judge(name, outcome, kind == Kind::Draining && shutdown.is_draining())?;
            debug!(name, "drained");
        }
        Ok(())
    }
}

fn judge(
    name: &'static str,
    outcome: Result<Result<(), BoxError>, JoinError>,
    may_end: bool,
) -> Result<(), TaskError> {
    match outcome {
        Ok(Ok(())) if may_end => Ok(()),
        Ok(Ok(())) => Err(TaskError::Ended { name }),
        Ok(Err(source)) => Err(TaskError::Failed { name, source }),
        Err(_) => Err(TaskError::Panicked { name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::io;

    async fn run(tasks: Tasks) -> Result<(), TaskError> {
        tasks.run_until(&Shutdown::new(), pending()).await
    }

    fn with_listener() -> Tasks {
        let mut tasks = Tasks::new();
        tasks.spawn_draining("listener", pending::<io::Result<()>>());
        tasks
    }

    #[tokio::test]
    async fn the_end_of_a_task_is_an_error_that_names_it() {
        let mut tasks = with_listener();
        tasks.spawn("watch", ready(Ok::<(), io::Error>(())));
        assert!(matches!(run(tasks).await, Err(TaskError::Ended { name: "watch" })));
    }

    async fn panics() {
        panic!("in a task");
    }

    #[tokio::test]
    async fn so_is_its_failure_and_its_panic() {
        let mut tasks = with_listener();
        tasks.spawn("watch", ready(Err::<(), _>(io::Error::other("gone"))));
        let error = run(tasks).await.unwrap_err();
        assert_eq!(error.to_string(), "the task `watch` failed: gone");

        let mut tasks = with_listener();
        tasks.spawn("watch", panics());
        assert!(matches!(run(tasks).await, Err(TaskError::Panicked { name: "watch" })));
    }

    #[tokio::test]
    async fn a_listener_may_end_only_while_draining() {
        let mut early = Tasks::new();
        early.spawn_draining("listener", ready(Ok::<(), io::Error>(())));
        assert!(matches!(run(early).await, Err(TaskError::Ended { .. })));

        let shutdown = Shutdown::new();
        let mut tasks = Tasks::new();
        let draining = shutdown.clone();
        tasks.spawn("watch", pending::<io::Result<()>>());
        tasks.spawn_draining("listener", async move {
            draining.draining().await;
            Ok::<(), io::Error>(())
        });
        shutdown.begin_draining();
        assert!(tasks.run_until(&shutdown, pending()).await.is_ok());
    }
}
