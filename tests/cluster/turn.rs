//! Which test has which control plane: there are two, so that one test waits while another works.

use std::ops::Deref;

use tokio::sync::{Mutex, MutexGuard, OnceCell, Semaphore, SemaphorePermit};

use crate::control_plane::{ControlPlane, LOOPBACK};

static FREE: Semaphore = Semaphore::const_new(PLACES.len());
static PLACES: [Place; 2] = [const { Place::new() }; 2];

/// A control plane, started by whoever comes to it first.
struct Place {
    taken: Mutex<()>,
    plane: OnceCell<Result<ControlPlane, String>>,
}

/// A control plane to oneself, until this is dropped.
pub struct Turn {
    plane: &'static ControlPlane,
    _taken: MutexGuard<'static, ()>,
    _permit: SemaphorePermit<'static>,
}

impl Place {
    const fn new() -> Self {
        Self { taken: Mutex::const_new(()), plane: OnceCell::const_new() }
    }
}

impl Turn {
    /// Waits for one. The second is started only if the first is taken.
    pub async fn wait() -> Self {
        let permit = FREE.acquire().await.expect("it is never closed");
        let mut places = PLACES.iter();
        let (place, taken) = places
            .find_map(|place| Some((place, place.taken.try_lock().ok()?)))
            .expect("there are as many places as permits, and a place is left before its permit");
        match place.plane.get_or_init(|| ControlPlane::start(LOOPBACK)).await {
            Ok(plane) => Self { plane, _taken: taken, _permit: permit },
            Err(reason) => panic!("the test cluster does not start: {reason}"),
        }
    }
}

impl Deref for Turn {
    type Target = ControlPlane;
    fn deref(&self) -> &ControlPlane {
        self.plane
    }
}
