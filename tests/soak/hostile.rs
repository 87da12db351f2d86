//! Clients that misbehave and are gone at once: one connection after the other.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    account::Account,
    connection::{Connection, Lost, Target},
    reviews::{Review, post},
};

/// How many are at it at once.
pub const HOSTILE: u32 = 8;
/// Above every deadline of the webhook: nothing keeps a client waiting for longer.
const NO_HANG: Duration = Duration::from_secs(30);
/// A record of TLS that says it is a ClientHello of 512 bytes, and its first bytes.
const CUT_HELLO: [u8; 16] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 7, 7, 7, 7, 7];
/// Requests written at once, before the first answer is read.
const PIPELINED: usize = 5;

/// What a client does.
#[derive(Debug, Clone, Copy)]
enum Act {
    Leaves,
    Resets,
    Garbage,
    PlainHttp,
    CutHello,
    OnlyHandshake,
    ResetsInHandshake,
    ResetsInBody,
    CutBody,
    HalfClosed,
    GarbageBody,
    NotAReview,
    GarbageHead,
    Oversized,
    LongHead,
    WrongMethod,
    WrongPath,
    WrongType,
    Encoded,
    Empty,
    Pipelines,
}

const ACTS: [Act; 21] = [
    Act::Leaves,
    Act::Resets,
    Act::Garbage,
    Act::PlainHttp,
    Act::CutHello,
    Act::OnlyHandshake,
    Act::ResetsInHandshake,
    Act::ResetsInBody,
    Act::CutBody,
    Act::HalfClosed,
    Act::GarbageBody,
    Act::NotAReview,
    Act::GarbageHead,
    Act::Oversized,
    Act::LongHead,
    Act::WrongMethod,
    Act::WrongPath,
    Act::WrongType,
    Act::Encoded,
    Act::Empty,
    Act::Pipelines,
];

/// Connects so many times in all, spread over the time that there is, in one of these ways after the other.
pub async fn misbehave(
    (all, done): (u32, &AtomicU32),
    (begun, until): (Instant, Instant),
    target: &Target,
    review: &Review,
    account: &Account,
) {
    let length = until - begun;
    loop {
        let number = done.fetch_add(1, Ordering::Relaxed);
        if number >= all {
            return;
        }
        // To be through a little before the end.
        let due = begun + length.mul_f64(0.97 * f64::from(number) / f64::from(all));
        tokio::time::sleep_until(due.into()).await;
        let act = ACTS[number as usize % ACTS.len()];
        let name = format!("{act:?}");
        account.count("connections of misbehaving clients");
        match timeout(NO_HANG, act.play(target, review)).await {
            Err(_) => account.fail("HANGING misbehaving clients", || name),
            Ok(Err(Lost::Hang)) => account.fail("HANGING misbehaving clients", || name),
            Ok(Err(Lost::Closed(error))) => match act.expected() {
                [] => account.count(&format!("hostile: {name}: closed")),
                _ => account.fail("MISSING refusals", || format!("{name}: {error}")),
            },
            Ok(Ok(status)) if status == 0 || act.expected().contains(&status) => {
                account.count(&format!("hostile: {name}: {status}"));
            }
            Ok(Ok(status)) => account.fail("WRONG refusals", || format!("{name}: {status}")),
        }
    }
}

impl Act {
    /// The statuses of the answer; none where the connection may be closed without one.
    fn expected(self) -> &'static [u16] {
        match self {
            Self::GarbageBody | Self::NotAReview | Self::GarbageHead | Self::Empty => &[400],
            Self::Oversized => &[413],
            Self::LongHead => &[431],
            Self::WrongMethod => &[405],
            Self::WrongPath => &[404],
            Self::WrongType | Self::Encoded => &[415],
            Self::Pipelines => &[200],
            _ => &[],
        }
    }

    /// Gives the status of the answer; 0 where the client did not wait for one.
    async fn play(self, target: &Target, review: &Review) -> Result<u16, Lost> {
        let middle = review.head + (review.request.len() - review.head) / 2;
        match self {
            Self::Leaves => drop(target.connect().await?),
            Self::Resets => reset(&target.connect().await?)?,
            Self::Garbage => ends(target, &[0x47; 600]).await?,
            Self::PlainHttp => ends(target, b"POST /mutate HTTP/1.1\r\nHost: a\r\n\r\n").await?,
            Self::CutHello => {
                let mut stream = target.connect().await?;
                stream.write_all(&CUT_HELLO).await?;
                stream.shutdown().await?;
                read_to_end(&mut stream).await;
            }
            Self::ResetsInHandshake => {
                let mut stream = target.connect().await?;
                stream.write_all(&CUT_HELLO).await?;
                reset(&stream)?;
            }
            Self::OnlyHandshake => drop(target.open().await?),
            Self::ResetsInBody => {
                let mut connection = target.open().await?;
                connection.send(&review.request[..middle]).await?;
                reset(connection.into_stream().get_ref().0)?;
            }
            Self::CutBody => {
                let mut connection = target.open().await?;
                connection.send(&review.request[..middle]).await?;
                connection.finish().await?;
                read_to_end(&mut connection.into_stream()).await;
            }
            Self::HalfClosed => {
                let mut connection = target.open().await?;
                connection.send(&review.request).await?;
                connection.finish().await?;
                read_to_end(&mut connection.into_stream()).await;
            }
            Self::Pipelines => return pipeline(target, review).await,
            _ => return Ok(target.open().await?.ask(&self.request(review)).await?.status),
        }
        Ok(0)
    }

    fn request(self, review: &Review) -> Vec<u8> {
        let body = &review.request[review.head..];
        let with = |head: String, body: &[u8]| [head.as_bytes(), body].concat();
        let fields = |fields: &str| {
            format!(
                "POST /mutate HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {}\r\n\r\n",
                body.len()
            )
        };
        match self {
            Self::GarbageBody => with(post("/mutate", 300), &[0xfe; 300]),
            Self::NotAReview => {
                with(post("/mutate", 13), b"{\"kind\":\"Pod\"}".get(..13).unwrap_or(b""))
            }
            Self::GarbageHead => {
                [b"\x00\x01\x02 nothing of HTTP\r\n\r\n".as_slice(), &[0x20; 50]].concat()
            }
            Self::Oversized => with(post("/mutate", 8 * 1024 * 1024), body),
            Self::LongHead => with(fields(&format!("X: {}\r\n", "x".repeat(20_000))), body),
            Self::WrongMethod => b"GET /mutate HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            Self::WrongPath => with(post("/mutant", body.len()), body),
            Self::WrongType => with(fields("Content-Type: text/plain\r\n"), body),
            Self::Encoded => {
                with(fields("Content-Type: application/json\r\nContent-Encoding: gzip\r\n"), body)
            }
            _ => post("/mutate", 0).into_bytes(),
        }
    }
}

/// Some requests at once: each is answered, in turn and right.
async fn pipeline(target: &Target, review: &Review) -> Result<u16, Lost> {
    let mut connection: Connection = target.open().await?;
    connection.send(&review.request.repeat(PIPELINED)).await?;
    for _ in 0..PIPELINED {
        let answer = connection.answer().await?;
        if answer.status != 200 {
            return Ok(answer.status);
        }
        review.check(&answer.body).map_err(|error| io::Error::other(format!("{error:#}")))?;
    }
    Ok(200)
}

async fn ends(target: &Target, bytes: &[u8]) -> io::Result<()> {
    let mut stream = target.connect().await?;
    stream.write_all(bytes).await?;
    read_to_end(&mut stream).await;
    Ok(())
}

/// However it ends.
async fn read_to_end(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut scratch = [0; 4096];
    while stream.read(&mut scratch).await.is_ok_and(|count| count > 0) {}
}

/// The peer of a socket that is closed so is told of an error, and not of an end.
fn reset(stream: &TcpStream) -> io::Result<()> {
    stream.set_zero_linger()
}
