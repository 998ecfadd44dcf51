//! Smoke requests: one GET, five seconds, a few redirects.

use std::time::Duration;

use async_trait::async_trait;

use super::http;
use crate::port::{PortError, PortResult, Probe};

const PATIENCE: Duration = Duration::from_secs(5);

/// Asks by the same HTTP client that AWS is asked by: its proxies and certificates hold here too.
pub struct Web {
    web: http::Web,
}

impl Web {
    /// By this client.
    pub fn new(web: http::Web) -> Self {
        Self { web }
    }
}

#[async_trait]
impl Probe for Web {
    async fn get(&self, url: &str) -> PortResult<u16> {
        let unreachable = |message: String| PortError::Unreachable { what: format!("`{url}`"), message };
        match tokio::time::timeout(PATIENCE, self.web.get(url, None)).await {
            Ok(answer) => answer.map(|answer| answer.status).map_err(unreachable),
            Err(_) => Err(unreachable(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }
}
