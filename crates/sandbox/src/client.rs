//! The admin API from outside: what `shipit sandbox` and the tests ask a running sandbox.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A sandbox at its endpoint.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: String,
    http: Http<HttpConnector, Full<Bytes>>,
}

/// Why a request to the admin API came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer.
    #[error("the sandbox at {endpoint} does not answer: {why}")]
    Silent {
        /// Where it was asked.
        endpoint: String,
        /// The cause.
        why: String,
    },
    /// It refused.
    #[error("the sandbox refused: {0}")]
    Refused(String),
}

impl Client {
    /// Asks the sandbox at `http://127.0.0.1:PORT`.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), http: Http::builder(TokioExecutor::new()).build_http() }
    }

    /// `GET /_sandbox/<path>`.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.send(Method::GET, path, &Value::Null).await
    }

    /// `POST /_sandbox/<path>` with a JSON body.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.send(Method::POST, path, body).await
    }

    /// `DELETE /_sandbox/<path>`.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn delete(&self, path: &str) -> Result<Value, ClientError> {
        self.send(Method::DELETE, path, &Value::Null).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, ClientError> {
        let silent = |why: String| ClientError::Silent { endpoint: self.endpoint.clone(), why };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/_sandbox/{path}", self.endpoint))
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))
            .map_err(|error| silent(error.to_string()))?;
        let reply = self.http.request(request).await.map_err(|error| silent(error.to_string()))?;
        let status = reply.status();
        let bytes = reply.into_body().collect().await.map_err(|error| silent(error.to_string()))?.to_bytes();
        let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let why = value["error"].as_str().map_or_else(|| format!("HTTP {status}"), ToOwned::to_owned);
        Err(ClientError::Refused(why))
    }
}
