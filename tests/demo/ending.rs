//! However the demonstration ends, nothing is left of it.

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    rc::Rc,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};

use crate::{eventually::eventually, installed::SOON, run_folder};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Whole,
    Interrupted,
    Failed,
}

/// How far it has come.
#[derive(Default)]
pub struct Progress {
    /// What there is on the machine for as long as there is a node.
    pub traces: Vec<PathBuf>,
    /// Whether all has been shown.
    pub is_whole: bool,
}

/// Why the demonstration failed.
static FAILURE: Mutex<Option<String>> = Mutex::new(None);

/// Runs it, until it ends or is told to, and looks that nothing is left.
pub fn run<F: Future>(demonstration: impl FnOnce(Rc<RefCell<Progress>>) -> F) -> Ending {
    panic::set_hook(Box::new(|reason| {
        let message = reason.payload_as_str().unwrap_or("it panicked").to_owned();
        FAILURE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
    }));
    // One thread, so that all that it starts is in the network of the node.
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime is made");
    let mut signals = runtime.block_on(async { Signals::listen() });
    let progress = Rc::new(RefCell::new(Progress::default()));
    let shown = attempt(&runtime, async {
        tokio::select! {
            biased;
            () = signals.any() => (),
            _ = demonstration(Rc::clone(&progress)) => (),
        }
    });
    let Progress { traces, is_whole } = progress.take();
    // What runs in the foreground beside us is interrupted too, and may have failed first.
    let is_interrupted = shown.is_err() && runtime.block_on(signals.has_come());
    let ended = match shown {
        Err(reason) if !is_interrupted => Err(reason),
        _ => attempt(&runtime, nothing_is_left(&traces)),
    };
    match ended {
        Ok(()) if is_whole => {
            println!("\nNothing is left of the node.");
            Ending::Whole
        }
        Ok(()) => {
            println!("\nInterrupted. Nothing is left of the node.");
            Ending::Interrupted
        }
        Err(reason) => {
            eprintln!("\nThe demonstration failed: {}", reason.trim_end());
            if !traces.is_empty() {
                let logs = concat!(env!("CARGO_TARGET_TMPDIR"), "/cluster-*");
                eprintln!("The logs of the node are in {logs}, until the next run.");
            }
            Ending::Failed
        }
    }
}

/// The `Err` is why it failed.
fn attempt(runtime: &Runtime, work: impl Future<Output = ()>) -> Result<(), String> {
    let ended = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
    let reason = FAILURE.lock().unwrap_or_else(PoisonError::into_inner).take();
    ended.map_err(|_| reason.unwrap_or_default())
}

async fn nothing_is_left(traces: &[PathBuf]) {
    run_folder::remove_abandoned();
    eventually("the node to be gone", SOON, async || {
        let left: Vec<_> = traces.iter().filter(|trace| trace.exists()).collect();
        left.is_empty().then_some(()).ok_or_else(|| format!("{left:?} is left"))
    })
    .await;
}

/// What tells a program to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Self {
        let listen = |kind| signal(kind).expect("signals can be listened to");
        Self {
            interrupt: listen(SignalKind::interrupt()),
            terminate: listen(SignalKind::terminate()),
            hang_up: listen(SignalKind::hangup()),
        }
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
            _ = self.hang_up.recv() => (),
        }
    }

    /// Whether one has come already.
    async fn has_come(&mut self) -> bool {
        timeout(Duration::from_millis(100), self.any()).await.is_ok()
    }
}
