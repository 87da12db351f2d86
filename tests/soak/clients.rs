//! Clients that behave: they keep their connections, and every review of theirs is answered right.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{
    account::Account,
    connection::{Connection, Target},
    reviews::Review,
};

/// How many there are.
pub const CLIENTS: u32 = 25;

/// Asks at this rate until then, whatever the answers take; what is late is caught up with.
pub async fn ask(
    (number, rate): (u32, u32),
    until: Instant,
    target: &Target,
    reviews: &[Review],
    account: &Account,
) {
    let pause = Duration::from_secs(1) * CLIENTS / rate;
    let mut due = Instant::now() + pause * number / CLIENTS;
    let mut kept = None;
    while due < until {
        tokio::time::sleep_until(due.into()).await;
        due += pause;
        let review = next(reviews);
        let connection = match kept.take() {
            Some(connection) => connection,
            None => match target.open().await {
                Ok(connection) => {
                    account.count("connections of well-behaved clients");
                    connection
                }
                Err(lost) => {
                    account.fail("FAILED to connect, well-behaved", || lost.to_string());
                    continue;
                }
            },
        };
        kept = ask_one(connection, review, account).await;
    }
}

/// Asks one; gives the connection back unless this answer was its last.
pub async fn ask_one(
    mut connection: Connection,
    review: &Review,
    account: &Account,
) -> Option<Connection> {
    let sent = Instant::now();
    match connection.ask(&review.request).await {
        Ok(answer) if answer.status == 200 => {
            account.took(sent.elapsed().as_secs_f64());
            match review.check(&answer.body) {
                Ok(()) => account.count("reviews answered right"),
                Err(error) => {
                    account.fail("WRONG answers", || format!("{}: {error:#}", review.name));
                }
            }
            (!answer.closes).then_some(connection)
        }
        Ok(answer) => {
            let body = String::from_utf8_lossy(&answer.body);
            account
                .fail("REFUSED reviews", || format!("{}: {}: {body}", review.name, answer.status));
            (!answer.closes).then_some(connection)
        }
        Err(lost) => {
            account.fail("LOST answers", || format!("{}: {lost}", review.name));
            None
        }
    }
}

/// The next in turn: every one comes as often as its share says, spread over a thousand.
fn next(reviews: &[Review]) -> &Review {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    // 617 has no divisor in common with 1000: each place is come to once.
    let mut place = usize::try_from(NUMBER.fetch_add(617, Ordering::Relaxed) % 1_000).unwrap_or(0);
    for review in reviews {
        match place.checked_sub(review.share) {
            Some(left) => place = left,
            None => return review,
        }
    }
    &reviews[0]
}
