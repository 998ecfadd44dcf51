//! Lambda functions, as far as deploys call them: a function's ARN stands for an HTTP endpoint that a test has registered
//! (`POST /_sandbox/functions`). The payload is posted there, the answer's body is the function's reply.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// The functions that have been registered.
#[derive(Debug, Default)]
pub struct Functions {
    endpoints: BTreeMap<String, Endpoint>,
}

/// Where a function answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    address: SocketAddr,
    path: String,
}

/// Why a function gave no reply.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// Nobody answers at its endpoint, or not in time.
    #[error("{0}")]
    Unreachable(String),
    /// It failed: Lambda then answers what it threw, which is no reply of a hook's.
    #[error("the function failed")]
    Threw,
}

impl Functions {
    /// Registers a function, or gives it another endpoint.
    ///
    /// # Errors
    /// Why the ARN or the URL will not do, in words.
    pub fn register(&mut self, arn: &str, url: &str) -> Result<(), String> {
        if !arn.starts_with("arn:aws:lambda:") {
            return Err(format!("`{arn}` is not the ARN of a Lambda function"));
        }
        self.endpoints.insert(arn.to_owned(), endpoint(url)?);
        Ok(())
    }

    /// A function's endpoint; none when it has not been registered.
    pub fn endpoint(&self, arn: &str) -> Option<Endpoint> {
        self.endpoints.get(arn).cloned()
    }
}

/// Only this machine is called, without TLS.
fn endpoint(url: &str) -> Result<Endpoint, String> {
    let wrong = || format!("`{url}` is not `http://127.0.0.1:PORT/…`");
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host: IpAddr = match uri.host().ok_or_else(wrong)? {
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        host => host.trim_matches(['[', ']']).parse().map_err(|_| wrong())?,
    };
    if uri.scheme_str() != Some("http") || !host.is_loopback() {
        return Err(wrong());
    }
    let port = uri.port_u16().ok_or_else(wrong)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(Endpoint { address: SocketAddr::new(host, port), path })
}

/// Calls a function and answers its reply; a reply that is not JSON is null.
///
/// # Errors
/// [`NoReply`].
pub async fn invoke(endpoint: &Endpoint, payload: &Value, patience: Duration) -> Result<Value, NoReply> {
    match tokio::time::timeout(patience, ask(endpoint, payload)).await {
        Ok(Ok((status, body))) if (200..300).contains(&status) => Ok(serde_json::from_slice(&body).unwrap_or_default()),
        Ok(Ok(_)) => Err(NoReply::Threw),
        Ok(Err(error)) => Err(NoReply::Unreachable(error)),
        Err(_) => Err(NoReply::Threw),
    }
}

async fn ask(endpoint: &Endpoint, payload: &Value) -> Result<(u16, Bytes), String> {
    let stream = TcpStream::connect(endpoint.address).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let request = Request::post(&endpoint.path)
        .header(header::HOST, endpoint.address.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::from(payload.to_string())))
        .expect("the path was part of a URI when it was registered");
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    let answer = answer.await.map_err(|error: hyper::Error| error.to_string());
    connection.abort();
    answer
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:check";

    #[test]
    fn only_functions_on_this_machine_are_registered() {
        let mut functions = Functions::default();
        assert!(functions.register(ARN, "http://127.0.0.1:9000/check?a=1").is_ok());
        let endpoint = functions.endpoint(ARN).unwrap();
        assert_eq!((endpoint.address.port(), endpoint.path.as_str()), (9000, "/check?a=1"));
        for url in ["http://192.0.2.1:80/", "https://127.0.0.1:80/", "http://127.0.0.1/", "check", "http://example.com:80/"] {
            assert!(functions.register(ARN, url).unwrap_err().contains(url), "{url}");
        }
        assert!(functions.register("arn:aws:s3:::check", "http://127.0.0.1:1/").is_err());
        assert_eq!(functions.endpoint("arn:aws:lambda:us-east-1:123456789012:function:other"), None);
    }

    #[tokio::test]
    async fn a_function_gets_the_payload_and_its_reply_comes_back() {
        let router = axum::Router::new()
            .route("/echo", post(|body: String| async move { body }))
            .route("/text", post(|| async { "done" }))
            .route("/throws", post(|| async { (axum::http::StatusCode::INTERNAL_SERVER_ERROR, "{\"errorMessage\": \"x\"}") }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        let call = async |path: &str| {
            let endpoint = endpoint(&format!("http://{address}{path}")).unwrap();
            invoke(&endpoint, &json!({"lifecycleStage": "PRE_SCALE_UP"}), Duration::from_secs(5)).await
        };
        assert_eq!(call("/echo").await, Ok(json!({"lifecycleStage": "PRE_SCALE_UP"})));
        assert_eq!(call("/text").await, Ok(Value::Null));
        assert_eq!(call("/throws").await, Err(NoReply::Threw));
        serving.abort();
        let _ = serving.await;
        assert!(matches!(call("/echo").await, Err(NoReply::Unreachable(_))));
    }
}
