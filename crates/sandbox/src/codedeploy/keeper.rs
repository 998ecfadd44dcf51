//! The loop that carries deployments on: it looks after every change and when a deployment wants to be looked at again,
//! and has functions of hooks invoked.

use std::sync::Arc;

use tokio::task::{JoinHandle, JoinSet};

use super::{hook, run};
use crate::loops::Loops;
use crate::state::Shared;

/// Starts the loop; it ends by itself when `loops.stop` is cancelled.
pub fn start(loops: &Loops) -> Vec<JoinHandle<()>> {
    let (shared, stop) = (Arc::clone(&loops.shared), loops.stop.clone());
    vec![tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = keep(shared) => {}
        }
    })]
}

async fn keep(shared: Arc<Shared>) {
    let mut calls = JoinSet::new();
    let mut changes = shared.changes();
    loop {
        changes.mark_unchanged();
        let (looked, new, wait) = {
            let mut state = shared.lock();
            let looked = run::look(&mut state);
            let new = std::mem::take(&mut state.codedeploy.calls);
            (looked, new, looked.wake.map(|wake| state.clock.wall(wake - state.clock.now())))
        };
        for call in new {
            let shared = Arc::clone(&shared);
            calls.spawn(async move { hook::call(&shared, call).await });
        }
        if looked.acted {
            shared.ring();
        }
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = changes.changed() => {}
            () = due => {}
            Some(_) = calls.join_next() => {}
        }
    }
}
