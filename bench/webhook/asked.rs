//! Each server is asked once before it is measured.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::{
    answers::is_right,
    bench::{Bench, Reviews, Sessions},
    client::Connection,
    members::Member,
    server::Server,
};

/// Posts each review once: the Pod must get the pull secrets that are due, and nothing else. The floor need
/// only answer.
pub async fn are_right(bench: &Bench, server: &Server, reviews: &Reviews) -> Result<()> {
    let config = Arc::new(bench.tls(Sessions::New));
    let connection = Connection::open(server.port, &config).await;
    let mut connection = connection.with_context(|| server.member.to_string())?;
    for review in &reviews.all {
        let answer = connection.post(&review.json).await;
        let of = || format!("{}: a review of {} bytes", server.member, review.json.len());
        let answer = answer.with_context(of)?;
        if server.member != Member::Floor {
            is_right(review, &answer).with_context(of)?;
        }
    }
    connection.close().await;
    Ok(())
}
