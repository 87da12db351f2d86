//! Watches that begin anew from time to time, with a complete list: what one has missed is found by then,
//! and one that stands still does not stand for ever.

use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use kube::runtime::watcher;
use tokio::time::sleep;

use crate::cluster::chance::chance;

/// How long a watch lasts, or a little less.
const RELIST: Duration = Duration::from_mins(15);

/// After so long without a word a watch stands still: each complete list, every [`RELIST`], is one.
pub const STILL: Duration = RELIST.saturating_add(Duration::from_mins(5));

/// An answer of the API server: a process that is started anew would get the same.
pub fn is_answer(error: &watcher::Error) -> bool {
    matches!(
        error,
        watcher::Error::InitialListFailed(kube::Error::Api(_))
            | watcher::Error::WatchStartFailed(kube::Error::Api(_))
            | watcher::Error::WatchError(_)
    )
}

/// The watch, over and over.
pub fn relisted<W>(watch: impl Fn() -> W + Send) -> impl Stream<Item = W::Item> + Send
where
    W: Stream + Send,
{
    // Not all at once.
    let lasts = || RELIST.mul_f64(0.8 + chance() / 5.0);
    stream::repeat_with(watch).flat_map(move |watch| watch.take_until(sleep(lasts())))
}
