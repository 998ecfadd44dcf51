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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::aws::canned::{Canned, Reply};

    fn probe() -> Web {
        Web::new(http::Web::new(http::Trust::System))
    }

    #[tokio::test]
    async fn the_status_at_the_end_of_redirects_counts() {
        let server = Canned::start(|asked| match asked.path.as_str() {
            "/health" => Reply::status(302, "").with("location", "/up"),
            "/up" => Reply::status(503, "not yet"),
            _ => Reply::status(302, "").with("location", "/round"),
        })
        .await;
        assert_eq!(probe().get(&format!("{}/health", server.url)).await.unwrap(), 503);
        let error = probe().get(&format!("{}/round", server.url)).await.unwrap_err();
        assert!(error.is_passing() && error.to_string().contains("more than 5 redirects"), "{error}");
        assert_eq!(server.asked().len(), 8);
    }

    #[tokio::test]
    async fn what_does_not_answer_is_unreachable() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(probe().get(&format!("http://{free}/")).await, Err(PortError::Unreachable { .. })));
        assert!(matches!(probe().get("not a url").await, Err(PortError::Unreachable { .. })));
    }
}
