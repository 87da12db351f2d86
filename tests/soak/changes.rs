//! What is changed while Pods are created: the configuration, the certificate, namespaces.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{
    account::Account,
    connection::Connection,
    eventually::eventually,
    reviews::{Review, paid_in},
    site::{Site, broken_config, config},
};

/// By when a change is in force.
const SOON: Duration = Duration::from_secs(60);
const BETWEEN_CONFIGURATIONS: Duration = Duration::from_secs(1);
const BETWEEN_CERTIFICATES: Duration = Duration::from_secs(5);

/// Versions of the configuration, valid and broken in turn.
pub async fn configurations(site: &Site, until: Instant, account: &Account) -> Result<()> {
    let loads = async |result: &str| {
        site.metric(&format!("pullpass_config_loads_total{{result=\"{result}\"}}")).await
    };
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        let version = format!("v{number}");
        let (text, result) = match number % 2 {
            0 => (broken_config(&version), "refused"),
            _ => (config(&version), "applied"),
        };
        let before = loads(result).await.map_err(anyhow::Error::msg)?;
        site.configure(&text).await?;
        eventually(&format!("version {version} to be {result}"), SOON, async || {
            let now = loads(result).await?;
            (now > before).then_some(()).ok_or(format!("{now} versions, as before"))
        })
        .await;
        account.count(&format!("configurations {result}"));
        tokio::time::sleep(BETWEEN_CONFIGURATIONS).await;
    }
    Ok(())
}

/// Certificates of the same authority, each waited for in a handshake.
pub async fn certificates(site: &Site, until: Instant, account: &Account) -> Result<()> {
    while Instant::now() < until {
        let leaf = site.issue();
        site.write_certificate(&leaf).await?;
        eventually("the new certificate in new handshakes", SOON, async || {
            let presented = site.target.open().await.map_err(text)?.certificate;
            (presented == leaf.der()).then_some(()).ok_or("another one".to_owned())
        })
        .await;
        account.count("certificates exchanged");
        tokio::time::sleep(BETWEEN_CERTIFICATES).await;
    }
    Ok(())
}

/// Namespaces that come, are labelled anew and go. A new one has what its labels grant from its first Pod on.
pub async fn namespaces(site: &Site, until: Instant, account: &Account) -> Result<()> {
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        let name = format!("team-{number}");
        let [with, without] = [true, false].map(|is_paid| paid_in(&name, is_paid));
        let mut connection = site.target.open().await.map_err(|lost| anyhow::anyhow!("{lost}"))?;
        site.namespace(&name, Some("paid")).await?;
        if let Err(error) = answered(&mut connection, &with).await {
            account.fail("WRONG answers in new namespaces", || format!("{name}: {error:#}"));
        }
        for (tier, review) in [(None, &without), (Some("paid"), &with)] {
            site.namespace(&name, tier).await?;
            eventually("the labels to count", SOON, async || {
                answered(&mut connection, review).await
            })
            .await;
        }
        site.delete_namespace(&name).await?;
        account.count("namespaces that came and went");
    }
    Ok(())
}

async fn answered(connection: &mut Connection, review: &Review) -> Result<()> {
    let answer = connection.ask(&review.request).await.map_err(|lost| anyhow::anyhow!("{lost}"))?;
    ensure!(answer.status == 200, "{}", answer.status);
    review.check(&answer.body)
}

fn text(error: impl Display) -> String {
    error.to_string()
}
