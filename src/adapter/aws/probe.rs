//! Smoke requests: one GET, five seconds, a few redirects.

use std::time::Duration;

use async_trait::async_trait;
use shipit_core::variables::{Env, Text, fill};

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
    async fn get(&self, url: &str, headers: &[(String, String)]) -> PortResult<u16> {
        let headers = filled(headers, &|name| std::env::var(name).ok())?;
        let unreachable = |message: String| PortError::Unreachable { what: format!("`{url}`"), message };
        match tokio::time::timeout(PATIENCE, self.web.get_with(url, &headers)).await {
            Ok(answer) => answer.map(|answer| answer.status).map_err(unreachable),
            Err(_) => Err(unreachable(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }
}

/// Headers with their variables filled in.
fn filled(headers: &[(String, String)], env: Env<'_>) -> PortResult<Vec<(String, String)>> {
    let refused = |message: String| PortError::Refused { action: "probe".to_owned(), code: "header".to_owned(), message };
    let one = |(name, value): &(String, String)| {
        let Text { text, unset, .. } = fill(value, env);
        match unset.first() {
            Some(unset) => Err(refused(format!("`{name}` needs the environment variable `{unset}`, which is not set"))),
            None if !http::is_header(name, &text) => Err(refused(format!("`{name}` is not a header that can be sent"))),
            None => Ok((name.clone(), text)),
        }
    };
    headers.iter().map(one).collect()
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
        assert_eq!(probe().get(&format!("{}/health", server.url), &[]).await.unwrap(), 503);
        let error = probe().get(&format!("{}/round", server.url), &[]).await.unwrap_err();
        assert!(error.is_passing() && error.to_string().contains("more than 5 redirects"), "{error}");
        assert_eq!(server.asked().len(), 8);
    }

    #[tokio::test]
    async fn what_does_not_answer_is_unreachable() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(probe().get(&format!("http://{free}/"), &[]).await, Err(PortError::Unreachable { .. })));
        assert!(matches!(probe().get("not a url", &[]).await, Err(PortError::Unreachable { .. })));
    }

    #[tokio::test]
    async fn headers_go_out_with_their_variables_and_no_further_than_this_host() {
        let elsewhere = Canned::start(|_| Reply::status(200, "")).await;
        let away = elsewhere.url.clone();
        let server = Canned::start(move |asked| match asked.path.as_str() {
            "/away" => Reply::status(302, "").with("location", away.as_str()),
            "/login" => Reply::status(302, "").with("location", "/candidate"),
            _ => Reply::status(if asked.header("x-candidate") == "s3cret!" { 204 } else { 403 }, ""),
        })
        .await;
        let env = |name: &str| (name == "TOKEN").then(|| "s3cret!".to_owned());
        let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let sent = filled(&header("x-candidate", "${env:TOKEN}"), &env).unwrap();
        let status = async |path: &str, headers: &[(String, String)]| {
            probe().get(&format!("{}{path}", server.url), headers).await.unwrap()
        };
        assert_eq!(status("/candidate", &sent).await, 204);
        assert_eq!(status("/login", &sent).await, 204, "a redirect on the same host");
        assert_eq!(status("/candidate", &[]).await, 403);
        assert_eq!(status("/away", &sent).await, 200);
        assert_eq!(elsewhere.asked()[0].header("x-candidate"), "", "not sent on to another host");

        for (name, value) in [("x-candidate", "${env:NONE}"), ("x candidate", "${env:TOKEN}"), ("x-candidate", "${env:TOKEN}\n")]
        {
            let error = filled(&header(name, value), &env).unwrap_err();
            assert!(!error.is_passing() && !error.to_string().contains("s3cret"), "{error}");
        }
    }
}
