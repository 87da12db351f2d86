//! Whose client certificates are accepted: the authorities of the last good file.

use crate::{
    files::FileWatch,
    pki::MAX_PEM_BYTES,
    server::ReadyHandle,
    telemetry::{Metrics, metrics::Load},
    tls::ClientAuth,
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tracing::{info, warn};

/// How often the file is read.
const INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the authorities as the file has them, for ever. Readiness waits for the first good ones.
pub async fn follow(
    path: PathBuf,
    clients: Arc<ClientAuth>,
    ready: ReadyHandle,
    metrics: Arc<Metrics>,
) {
    let mut watch = FileWatch::new([&path], INTERVAL, MAX_PEM_BYTES);
    let origin = format!("file {}", path.display());
    loop {
        let outcome = match watch.changed().await {
            [Ok(pem), ..] => clients.install(pem).map_err(|error| error.to_string()),
            [Err(error), ..] => Err(error.to_string()),
            [] => return,
        };
        match outcome {
            Ok(authorities) => {
                metrics.tls.client_ca_loads.inc(Load::Loaded);
                metrics.tls.client_ca_refused.set(0);
                info!(origin, authorities, "client certificates of these authorities are accepted");
                ready.ready();
            }
            Err(error) => {
                metrics.tls.client_ca_loads.inc(Load::Refused);
                metrics.tls.client_ca_refused.set(1);
                if clients.is_loaded() {
                    warn!(origin, "--client-ca refused; the last good one stays in force: {error}");
                } else {
                    warn!(
                        origin,
                        "--client-ca refused; there is none in force: every client is refused: {error}"
                    );
                    ready.not_ready(format!("{origin}: {error}"));
                }
            }
        }
    }
}
