//! A client that writes only while its term of leadership is held.

use futures::future::{BoxFuture, FutureExt};
use hyper::{Method, Request, Response};
use kube::{Client, client::Body};
use std::time::Instant;
use thiserror::Error;
use tokio::sync::watch;
use tower::{BoxError, service_fn};

/// Nothing is written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("refused to write: this replica does not lead any more")]
pub struct TermOver;

/// Says until when the term is held. Dropped, the term is over.
#[derive(Debug)]
pub struct Term(watch::Sender<Option<Instant>>);

impl Term {
    /// A term that ends then, if it is not extended.
    pub fn until(end: Option<Instant>) -> Self {
        Self(watch::Sender::new(end))
    }

    /// From now on the term ends then; at once if there is no time.
    pub fn extend(&self, end: Option<Instant>) {
        self.0.send_replace(end);
    }

    /// A client of the same API server that refuses all but GET once the term is over, by the clock
    /// at the moment of sending, and gives up on writes in flight when it ends.
    ///
    /// A write that is on the wire may still arrive. Hence the time between the end of a term and the
    /// first moment of another's, and hence a `resourceVersion` in every write.
    pub fn fenced(&self, client: &Client) -> Client {
        let (client, end) = (client.clone(), Fence(self.0.subscribe()));
        let namespace = client.default_namespace().to_owned();
        let service = service_fn(move |request: Request<Body>| send(&client, &end, request));
        Client::new(service, namespace)
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.extend(None);
    }
}

#[derive(Debug, Clone)]
struct Fence(watch::Receiver<Option<Instant>>);

impl Fence {
    /// The end of the term, if that is still to come.
    fn end(&self) -> Option<Instant> {
        self.0.borrow().filter(|end| Instant::now() < *end)
    }

    /// Waits for the end of the term, however often that is put off.
    async fn closed(mut self) {
        while let Some(end) = self.end() {
            tokio::select! {
                () = tokio::time::sleep_until(end.into()) => {}
                changed = self.0.changed() => if changed.is_err() { return },
            }
        }
    }
}

fn send(
    client: &Client,
    fence: &Fence,
    request: Request<Body>,
) -> BoxFuture<'static, Result<Response<Body>, BoxError>> {
    let (client, fence) = (client.clone(), fence.clone());
    let is_write = *request.method() != Method::GET;
    async move {
        if !is_write {
            return Ok(client.send(request).await?);
        }
        if fence.end().is_none() {
            return Err(TermOver.into());
        }
        tokio::select! {
            biased;
            () = fence.closed() => Err(TermOver.into()),
            answer = client.send(request) => Ok(answer?),
        }
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{Api, api::PostParams};
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    /// An API server that counts what comes, and answers it unless it is silent.
    struct Server {
        requests: Arc<AtomicUsize>,
        client: Client,
    }

    impl Server {
        fn start(is_silent: bool) -> Self {
            let requests = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&requests);
            let service = service_fn(move |_: Request<Body>| {
                counted.fetch_add(1, Ordering::SeqCst);
                async move {
                    if is_silent {
                        std::future::pending::<()>().await;
                    }
                    let object =
                        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#;
                    Ok::<_, BoxError>(Response::new(Body::from(object.as_bytes().to_vec())))
                }
            });
            Self { requests, client: Client::new(service, "default") }
        }

        fn requests(&self) -> usize {
            self.requests.load(Ordering::SeqCst)
        }
    }

    fn objects(term: &Term, server: &Server) -> Api<ConfigMap> {
        Api::default_namespaced(term.fenced(&server.client))
    }

    fn in_a(millis: u64) -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(millis))
    }

    async fn write(objects: &Api<ConfigMap>) -> Result<ConfigMap, kube::Error> {
        objects.create(&PostParams::default(), &ConfigMap::default()).await
    }

    fn is_refused(outcome: &Result<ConfigMap, kube::Error>) -> bool {
        matches!(outcome, Err(kube::Error::Service(error)) if error.is::<TermOver>())
    }

    #[tokio::test]
    async fn writes_pass_within_the_term_and_reads_always() {
        let server = Server::start(false);
        let term = Term::until(in_a(60_000));
        let objects = objects(&term, &server);
        write(&objects).await.unwrap();
        objects.get("a").await.unwrap();
        term.extend(None);
        objects.get("a").await.unwrap();
        assert_eq!(server.requests(), 3);
    }

    #[tokio::test]
    async fn fault_40_nothing_is_sent_after_the_term() {
        let server = Server::start(false);
        let past = Some(Instant::now());
        for end in [None, past] {
            let term = Term::until(end);
            assert!(is_refused(&write(&objects(&term, &server)).await), "{end:?}");
        }
        let dropped = objects(&Term::until(in_a(60_000)), &server);
        assert!(is_refused(&write(&dropped).await));
        assert_eq!(server.requests(), 0);
    }

    #[tokio::test]
    async fn a_write_in_flight_ends_with_the_term_and_not_before() {
        let server = Server::start(true);
        let (began, term) = (Instant::now(), Term::until(in_a(50)));
        let objects = objects(&term, &server);
        let (outcome, ()) = tokio::join!(write(&objects), async { term.extend(in_a(200)) });
        assert!(is_refused(&outcome));
        assert!(began.elapsed() >= Duration::from_millis(200));
        assert_eq!(server.requests(), 1);
    }

    #[tokio::test]
    async fn stepping_down_ends_a_write_in_flight_at_once() {
        let server = Server::start(true);
        let term = Term::until(in_a(3_600_000));
        let objects = objects(&term, &server);
        let (outcome, ()) = tokio::join!(write(&objects), async {
            while server.requests() == 0 {
                tokio::task::yield_now().await;
            }
            term.extend(None);
        });
        assert!(is_refused(&outcome));
    }
}
