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
    runtime::Builder,
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
    let shown = panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = signals.any() => Ending::Interrupted,
                _ = demonstration(Rc::clone(&progress)) => Ending::Whole,
            }
        })
    }));
    let Progress { traces, is_whole } = progress.take();
    let ending = match shown {
        Ok(_) if is_whole => Ending::Whole,
        Ok(ending) => ending,
        // What runs in the foreground beside us was interrupted too, and may have failed first.
        Err(_) if runtime.block_on(signals.has_come()) => Ending::Interrupted,
        Err(_) => Ending::Failed,
    };
    if ending == Ending::Failed {
        let reason = FAILURE.lock().unwrap_or_else(PoisonError::into_inner).take();
        let logs = concat!(env!("CARGO_TARGET_TMPDIR"), "/cluster-*");
        eprintln!("\nThe demonstration failed: {}", reason.unwrap_or_default());
        if !traces.is_empty() {
            eprintln!("The logs of the node are in {logs}, until the next run.");
        }
        return ending;
    }
    run_folder::remove_abandoned();
    let gone = eventually("the node to be gone", SOON, async || {
        let left: Vec<_> = traces.iter().filter(|trace| trace.exists()).collect();
        left.is_empty().then_some(()).ok_or_else(|| format!("{left:?} is left"))
    });
    runtime.block_on(gone);
    println!(
        "\n{}",
        match ending {
            Ending::Whole => "Nothing is left of the node.",
            _ => "Interrupted. Nothing is left of the node.",
        }
    );
    ending
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
