//! Watches that begin anew from time to time, with a complete list: what one has missed is found by then,
//! and one that stands still does not stand for ever.

use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use tokio::time::sleep;

use crate::cluster::chance::chance;

/// How long a watch lasts, or a little less.
pub const RELIST: Duration = Duration::from_mins(15);

/// The watch, over and over.
pub fn relisted<W>(watch: impl Fn() -> W + Send) -> impl Stream<Item = W::Item> + Send
where
    W: Stream + Send,
{
    // Not all at once.
    let lasts = || RELIST.mul_f64(0.8 + chance() / 5.0);
    stream::repeat_with(watch).flat_map(move |watch| watch.take_until(sleep(lasts())))
}
