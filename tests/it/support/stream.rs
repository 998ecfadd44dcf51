//! One client that asks all the time, one request after the other, and remembers which version has answered each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::http;

/// Between an answer and the next request.
const PAUSE: Duration = Duration::from_millis(20);

/// The client.
pub struct Stream {
    answers: Arc<Mutex<Vec<Result<String, String>>>>,
    over: Arc<AtomicBool>,
    client: JoinHandle<()>,
}

impl Stream {
    /// Asks from now on.
    pub fn begin(address: SocketAddr, path: &'static str) -> Self {
        let (answers, over) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let (kept, ends) = (Arc::clone(&answers), Arc::clone(&over));
        let client = tokio::spawn(async move {
            while !ends.load(Ordering::Relaxed) {
                let answer = http::version(address, path).await;
                kept.lock().unwrap().push(answer);
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { answers, over, client }
    }

    /// The answers so far, in order.
    pub fn so_far(&self) -> Vec<Result<String, String>> {
        self.answers.lock().unwrap().clone()
    }

    /// Stops asking and answers the versions in order; no request may have failed.
    pub async fn end(self) -> Vec<String> {
        self.over.store(true, Ordering::Relaxed);
        self.client.await.unwrap();
        let answers = std::mem::take(&mut *self.answers.lock().unwrap());
        let failed: Vec<&String> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
        assert!(failed.is_empty(), "{} of {} requests failed, the first: {}", failed.len(), answers.len(), failed[0]);
        answers.into_iter().flatten().collect()
    }
}
