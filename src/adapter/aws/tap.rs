//! An HTTP client that keeps the body of a successful reply and lets another one through in its place: an SDK client then
//! signs, retries and finds the endpoint for operations and shapes that it does not know.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

/// The reply that was kept.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Option<Vec<u8>>>>);

impl Kept {
    /// The bytes of the last successful reply; empty before one.
    pub fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }
}

/// Taps a client: what succeeds is kept, and the SDK reads `instead`.
pub fn tapped(inner: SharedHttpClient, instead: &'static str) -> (SharedHttpClient, Kept) {
    let kept = Kept::default();
    (SharedHttpClient::new(Tap { inner, instead, kept: kept.clone() }), kept)
}

#[derive(Clone, Debug)]
struct Tap<T> {
    inner: T,
    instead: &'static str,
    kept: Kept,
}

impl HttpClient for Tap<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Tap { inner, instead: self.instead, kept: self.kept.clone() })
    }
}

impl HttpConnector for Tap<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, instead, kept) = (self.inner.call(request), self.instead, self.kept.clone());
        HttpConnectorFuture::new(async move {
            let mut response = answer.await?;
            if response.status().is_success() {
                let body = ByteStream::new(response.take_body()).collect().await;
                let bytes = body.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
                *kept.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
                *response.body_mut() = SdkBody::from(instead);
                response.headers_mut().insert("content-length", instead.len().to_string());
            }
            Ok(response)
        })
    }
}
