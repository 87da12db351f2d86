//! Clients that take their time, as many at once as could be from one careless or evil neighbour, until the end.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::{
    account::Account,
    connection::{Connection, Lost, Target},
    reviews::Review,
};

/// One byte, and then so long nothing.
const DRIP: Duration = Duration::from_secs(1);
/// The longest deadline of the webhook that these meet is 10 s; more than this is none.
const NO_HANG: Duration = Duration::from_secs(30);

/// Where a client is slow.
#[derive(Debug, Clone, Copy)]
pub enum Slow {
    /// It says nothing at all.
    Silent,
    /// In the handshake.
    Handshake,
    /// In the head of a request.
    Head,
    /// In the body.
    Body,
    /// It takes no answers, and asks on.
    Deaf,
}

/// All of them, and how many of each there are at once. The deaf ask as fast as they can for a while.
pub const KINDS: [(Slow, usize); 5] = [
    (Slow::Silent, 25),
    (Slow::Handshake, 25),
    (Slow::Head, 25),
    (Slow::Body, 25),
    (Slow::Deaf, 2),
];

/// Is slow, is ended by the webhook, and begins again.
pub async fn dawdle(
    slow: Slow,
    until: Instant,
    target: &Target,
    review: &Review,
    account: &Account,
) {
    while Instant::now() < until {
        account.count("connections of slow clients");
        match slow.play(target, review).await {
            Ok(()) => account.count(&format!("slow: {slow:?}: ended")),
            Err(Lost::Closed(error)) => {
                account.fail("REFUSED slow clients", || format!("{slow:?}: {error}"));
            }
            Err(Lost::Hang) => {
                account.fail("slow clients that were NOT ENDED", || format!("{slow:?}"));
            }
        }
    }
}

impl Slow {
    /// Ends when the webhook has ended the connection.
    async fn play(self, target: &Target, review: &Review) -> Result<(), Lost> {
        match self {
            Self::Silent => drip(target.connect().await?, b"").await?,
            Self::Handshake => drip(target.connect().await?, &[22, 3, 1, 2, 0, 1, 0, 1]).await?,
            Self::Head => {
                let stream = target.open().await?.into_stream();
                drip(stream, &review.request[..review.head / 2]).await?;
            }
            Self::Body => {
                let mut connection = target.open().await?;
                connection.send(&review.request[..review.head]).await?;
                drip(connection.into_stream(), &review.request[review.head..]).await?;
            }
            Self::Deaf => {
                let mut connection = Connection::of(target.secure_on(target.deaf().await?).await?);
                // Until the kernel's buffers are full of answers and the webhook cannot write any more.
                loop {
                    match timeout(NO_HANG, connection.send(&review.request)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => break,
                        Err(_) => return Err(Lost::Hang),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Byte after byte, until the peer closes.
async fn drip(stream: impl AsyncRead + AsyncWrite, bytes: &[u8]) -> Result<(), Lost> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let write = async {
        for byte in bytes {
            if writer.write_all(&[*byte]).await.is_err() || writer.flush().await.is_err() {
                break;
            }
            tokio::time::sleep(DRIP).await;
        }
        std::future::pending().await
    };
    let read = async {
        let mut scratch = [0; 4096];
        while reader.read(&mut scratch).await.is_ok_and(|count| count > 0) {}
    };
    tokio::select! {
        ended = write => ended,
        () = read => Ok(()),
        () = tokio::time::sleep(NO_HANG) => Err(Lost::Hang),
    }
}
