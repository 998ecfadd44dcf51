//! A client that asks all the time, and keeps what it got.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::support::http::HTTP;

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(5);

/// Which version answers there.
///
/// # Errors
/// No answer, or a status that is not 200.
pub async fn ask(address: SocketAddr) -> Result<String, String> {
    let reply = HTTP.get(format!("http://{address}/version")).send().await.map_err(|error| format!("{error:?}"))?;
    let status = reply.status();
    let body = reply.text().await.map_err(|error| format!("{error:?}"))?;
    if status == 200 { Ok(body.trim().to_owned()) } else { Err(format!("{status}: {body}")) }
}

/// One that asks one request after the other, so that what it got is in the order of the balancer's picks.
pub struct Client {
    got: Arc<Mutex<Vec<Result<String, String>>>>,
    asking: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

impl Client {
    /// Begins to ask.
    pub fn begin(address: SocketAddr) -> Self {
        let got: Arc<Mutex<Vec<_>>> = Arc::default();
        let note = Arc::clone(&got);
        let asking = tokio::spawn(async move {
            loop {
                let answer = ask(address).await;
                note.lock().unwrap().push(answer);
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { got, asking }
    }

    /// How many of the next `count` answers have this version. A request that is under way already does not count.
    pub async fn next(&self, count: usize, version: &str) -> usize {
        let from = self.got.lock().unwrap().len() + 1;
        while self.got.lock().unwrap().len() < from + count {
            tokio::time::sleep(PAUSE).await;
        }
        let got = self.got.lock().unwrap();
        got[from..from + count].iter().filter(|answer| answer.as_deref() == Ok(version)).count()
    }

    /// All that it got; none may have failed.
    pub fn end(self) -> Vec<String> {
        let got = self.got.lock().unwrap().clone();
        let failed: Vec<&String> = got.iter().filter_map(|answer| answer.as_ref().err()).collect();
        assert!(failed.is_empty(), "{} of {} requests failed, the first: {}", failed.len(), got.len(), failed[0]);
        got.into_iter().flatten().collect()
    }
}
