//! The data plane: a real server a listener, real health checks, draining. What it serves it reads from the state.

mod answers;
mod checks;
mod headers;
mod listen;
mod pool;
mod proxy;
mod route;
mod tcp;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::loops::Loops;
use crate::state::Shared;
use listen::Listeners;

/// How long a listener that could not be bound waits for another try.
const AGAIN: Duration = Duration::from_secs(1);

/// Starts what binds listeners, checks targets and drains them; each task ends by itself when `loops.stop` is cancelled.
pub fn start(loops: &Loops) -> Vec<JoinHandle<()>> {
    vec![tokio::spawn(run(Arc::clone(&loops.shared), loops.stop.clone()))]
}

async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut changes = shared.changes();
    let mut listeners = Listeners::new(Arc::clone(&shared));
    let mut running = JoinSet::new();
    loop {
        changes.borrow_and_update();
        let all_bound = listeners.follow().await;
        let look = checks::look(&mut shared.lock());
        if look.changed {
            shared.ring();
        }
        for job in look.due {
            running.spawn(checks::run(Arc::clone(&shared), job));
        }
        let wait = if all_bound { look.wait } else { look.wait.min(AGAIN) };
        tokio::select! {
            () = stop.cancelled() => break,
            changed = changes.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(wait) => {}
            Some(_) = running.join_next() => {}
        }
    }
    listeners.close().await;
}
