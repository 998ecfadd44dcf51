//! Tells others how a run has ended.

use async_trait::async_trait;
use serde_json::Value;

use super::PortResult;

/// What an event bus is told.
#[derive(Clone, Debug, PartialEq)]
pub struct BusEvent<'a> {
    /// The bus, by name or ARN.
    pub bus: &'a str,
    /// `Source`.
    pub source: &'a str,
    /// `DetailType`.
    pub kind: &'a str,
    /// `Detail`.
    pub detail: &'a Value,
}

/// Tells others.
#[async_trait]
pub trait Herald: Send + Sync {
    /// POSTs JSON to a URL once. Its `${env:…}` are filled in as it goes out, and neither they nor the URL are in any error.
    /// An empty URL is nobody's: nothing is sent.
    async fn post(&self, url: &str, body: &Value) -> PortResult<()>;
    /// Puts one event on a bus.
    async fn put(&self, event: &BusEvent<'_>) -> PortResult<()>;
}
