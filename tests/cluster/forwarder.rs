//! A TCP forwarder that a test can cut, freeze and direct elsewhere: it plays kube-proxy in front of
//! replicas, and the network between a webhook and the API server.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What becomes of the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    Frozen,
    Cut,
}

/// The running forwarder. Dropping it cuts all connections.
pub struct Forwarder {
    port: u16,
    shared: Arc<Shared>,
    acceptor: tokio::task::JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    accepted: AtomicUsize,
}

struct State {
    targets: Vec<u16>,
    /// The flow of connections to come, and of those that came since it was made.
    present: watch::Sender<Flow>,
    /// The flow of connections that were frozen alone.
    past: Vec<watch::Sender<Flow>>,
}

impl Forwarder {
    /// Forwards to these ports in turn, on the runtime of the calling test.
    pub async fn to(targets: &[u16]) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let state = State {
            targets: targets.to_vec(),
            present: watch::Sender::new(Flow::Open),
            past: vec![],
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), accepted: AtomicUsize::new(0) });
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared, acceptor }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it took.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Connections to come go to these ports in turn.
    pub fn direct_to(&self, targets: &[u16]) {
        self.shared.state().targets = targets.to_vec();
    }

    /// No byte passes any more, on connections that are there and on those to come.
    pub fn freeze(&self) {
        self.shared.state().present.send_replace(Flow::Frozen);
    }

    /// No byte passes on the connections that are there; those to come are forwarded.
    pub fn freeze_present(&self) {
        let mut state = self.shared.state();
        let frozen = std::mem::replace(&mut state.present, watch::Sender::new(Flow::Open));
        frozen.send_replace(Flow::Frozen);
        state.past.push(frozen);
    }

    /// Closes all connections, and those to come as they come.
    pub fn cut(&self) {
        let state = self.shared.state();
        state.present.send_replace(Flow::Cut);
        for past in &state.past {
            past.send_replace(Flow::Cut);
        }
    }

    /// Bytes pass again. What was cut stays so; new connections are forwarded.
    pub fn restore(&self) {
        let mut state = self.shared.state();
        for past in &state.past {
            past.send_if_modified(thaw);
        }
        if !state.present.send_if_modified(thaw) {
            state.present = watch::Sender::new(Flow::Open);
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.acceptor.abort();
        self.cut();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The target and the flow of a new connection; none if it is to be closed.
    fn admit(&self) -> Option<(u16, watch::Receiver<Flow>)> {
        let state = self.state();
        let number = self.accepted.fetch_add(1, Ordering::SeqCst);
        let flow = state.present.subscribe();
        let is_cut = *flow.borrow() == Flow::Cut;
        let target = *state.targets.get(number % state.targets.len().max(1))?;
        (!is_cut).then_some((target, flow))
    }
}

fn thaw(flow: &mut Flow) -> bool {
    let is_frozen = *flow == Flow::Frozen;
    if is_frozen {
        *flow = Flow::Open;
    }
    is_frozen
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if let Some((target, flow)) = shared.admit() {
            tokio::spawn(forward(client, target, flow));
        }
    }
}

async fn forward(client: TcpStream, target: u16, mut flow: watch::Receiver<Flow>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (up, down) = (flow.clone(), flow.clone());
    let both = async {
        tokio::join!(
            copy(&mut from_client, &mut to_server, up),
            copy(&mut from_server, &mut to_client, down)
        )
    };
    tokio::select! {
        _ = both => {}
        // The sender is gone with the forwarder, or was replaced once all was cut.
        _ = flow.wait_for(|flow| *flow == Flow::Cut) => {}
    }
}

/// Copies until the end of the input, and passes that on.
async fn copy(
    input: &mut (impl AsyncRead + Unpin),
    output: &mut (impl AsyncWrite + Unpin),
    mut flow: watch::Receiver<Flow>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = input.read(&mut buffer).await {
        if flow.wait_for(|flow| *flow == Flow::Open).await.is_err() {
            return;
        }
        if output.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    let _ = output.shutdown().await;
}
