//! A client that asks one request after the other, and keeps what it got beside the candidate's share at that time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::support::http::HTTP;

/// Between an answer and the next request.
const PAUSE: Duration = Duration::from_millis(25);

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The candidate's weight of the sum of the weights, by the production rule; none when it changed on the way.
    pub share: Option<(u32, u32)>,
    /// The version that answered; none when none did, but the load balancer or nobody.
    pub by: Option<u32>,
    /// Why it failed; none when it did not.
    pub failed: Option<String>,
}

/// The client.
pub struct Client {
    asked: Arc<Mutex<Vec<Asked>>>,
    asking: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

impl Client {
    /// Begins to ask; `share` says how the production rule stands.
    pub fn begin(address: SocketAddr, share: impl Fn() -> Option<(u32, u32)> + Send + 'static) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let kept = Arc::clone(&asked);
        let asking = tokio::spawn(async move {
            loop {
                let before = share();
                let (by, failed) = ask(address).await;
                let share = before.filter(|before| share() == Some(*before));
                kept.lock().unwrap().push(Asked { share, by, failed });
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { asked, asking }
    }

    /// What it got so far.
    pub fn so_far(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Asks so many more.
    pub async fn more(&self, count: usize) {
        let wanted = self.asked.lock().unwrap().len() + count;
        while self.asked.lock().unwrap().len() < wanted {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Both what serves and what is broken begin with the version.
async fn ask(address: SocketAddr) -> (Option<u32>, Option<String>) {
    let told = |error: reqwest::Error| (None, Some(format!("{error:?}")));
    let reply = match HTTP.get(format!("http://{address}/api")).send().await {
        Ok(reply) => reply,
        Err(error) => return told(error),
    };
    let status = reply.status();
    let body = match reply.text().await {
        Ok(body) => body,
        Err(error) => return told(error),
    };
    let by = body.split_whitespace().next().and_then(|word| word.parse().ok());
    (by, (status != 200).then(|| format!("{status}: {}", body.trim())))
}
