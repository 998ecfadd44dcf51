//! Webhooks and EventBridge: told once, within seconds.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::Value;
use shipit_core::variables::{Text, fill};

use super::error::AwsError;
use super::http::{Ask, Content, Web};
use super::operation;
use crate::port::{self, BusEvent, PortError, PortResult};

const PATIENCE: Duration = Duration::from_secs(5);

/// Tells by the same HTTP client that AWS is asked by: its proxies and certificates hold here too.
pub struct Herald {
    web: Web,
    events: aws_sdk_eventbridge::Client,
}

impl Herald {
    /// By this client, and to the event buses of this configuration's account and region.
    pub fn new(sdk: &SdkConfig, web: Web) -> Self {
        Self { web, events: aws_sdk_eventbridge::Client::new(sdk) }
    }

    async fn post_to(&self, url: Text, body: &Value) -> PortResult<()> {
        let Text { text: url, unset, .. } = url;
        let refused = |code: &str, message: String| PortError::Refused { action: "webhook".into(), code: code.into(), message };
        if let Some(unset) = unset.first() {
            return Err(refused("url", format!("the environment variable `{unset}` is not set")));
        }
        if url.is_empty() {
            return Ok(());
        }
        let headers = vec![("content-type", "application/json".to_owned())];
        let ask = Ask { method: "POST", url: &url, headers, content: Content::Whole(body.to_string().into_bytes()) };
        // What an HTTP client says of its trouble may name the URL.
        let unreachable = |message: &str| PortError::Unreachable { what: "the webhook".into(), message: message.into() };
        match tokio::time::timeout(PATIENCE, self.web.exchange(ask)).await {
            Ok(Ok(reply)) if (200..300).contains(&reply.status) => Ok(()),
            Ok(Ok(reply)) => Err(refused("HTTP", format!("it answered {}", reply.status))),
            Ok(Err(_)) => Err(unreachable("no connection, or it ended before there was an answer")),
            Err(_) => Err(unreachable(&format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }
}

#[async_trait]
impl port::Herald for Herald {
    async fn post(&self, url: &str, body: &Value) -> PortResult<()> {
        let url = fill(url, &|name| std::env::var(name).ok());
        self.post_to(url, body).await
    }

    async fn put(&self, event: &BusEvent<'_>) -> PortResult<()> {
        let operation = operation::PUT_EVENTS;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(event.bus)
            .source(event.source)
            .detail_type(event.kind)
            .detail(event.detail.to_string());
        let put = self.events.put_events().entries(entry.build()).send();
        let late = || PortError::Unreachable {
            what: "EventBridge".into(),
            message: format!("no answer within {} s", PATIENCE.as_secs()),
        };
        let reply = tokio::time::timeout(PATIENCE, put).await.map_err(|_| late())?;
        let reply = reply.map_err(|error| PortError::from(AwsError::of(operation, &error)))?;
        match reply.entries.unwrap_or_default().into_iter().find_map(|entry| Some((entry.error_code?, entry.error_message))) {
            None => Ok(()),
            Some((code, message)) => {
                Err(PortError::Refused { action: operation.action(), code, message: message.unwrap_or_default() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::canned::{Canned, Reply};
    use super::super::http::Trust;
    use super::*;

    fn filled(url: &str, hook: &str) -> Text {
        fill(url, &|name| (name == "HOOK").then(|| hook.to_owned()))
    }

    #[tokio::test]
    async fn the_url_is_filled_in_as_the_message_goes_out_and_is_in_no_error() {
        let server =
            Canned::start(|asked| Reply::status(if asked.path == "/s3cret" { 200 } else { 302 }, "").with("location", "/s3cret"))
                .await;
        let herald = Herald::new(&server.sdk(1), Web::new(Trust::System));
        let body = json!({"text": "deployed"});
        herald.post_to(filled("${env:HOOK}/s3cret", &server.url), &body).await.unwrap();
        herald.post_to(filled("${env:NONE:-}", ""), &body).await.unwrap();
        let asked = server.asked();
        assert_eq!((asked.len(), asked[0].header("content-type"), asked[0].json()), (1, "application/json", body.clone()));

        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for (url, told) in [
            (format!("{}/moved-s3cret", server.url), "it answered 302"),
            (format!("http://{free}/s3cret"), "no connection"),
            ("no url s3cret\u{7f}".to_owned(), "no connection"),
        ] {
            let error = herald.post_to(filled("${env:HOOK}", &url), &body).await.unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("s3cret"), "{error}");
        }
        let unset = herald.post_to(filled("${env:OTHER}", ""), &body).await.unwrap_err().to_string();
        assert!(unset.contains("`OTHER` is not set"), "{unset}");
    }

    #[tokio::test]
    async fn an_event_that_the_bus_does_not_take_is_an_error() {
        let server = Canned::start(|asked| match asked.json()["Entries"][0]["EventBusName"].as_str() {
            Some("shop") => Reply::ok(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})),
            _ => Reply::ok(json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NotAuthorized", "ErrorMessage": "no"}]})),
        })
        .await;
        let herald = Herald::new(&server.sdk(1), Web::new(Trust::System));
        let put = async |bus| {
            let event = BusEvent { bus, source: "shipit", kind: "shipit Run Finished", detail: &json!({"exit": 0}) };
            port::Herald::put(&herald, &event).await
        };
        put("shop").await.unwrap();
        let sent = server.asked()[0].json();
        assert_eq!(sent["Entries"][0]["Detail"], r#"{"exit":0}"#);
        let error = put("other").await.unwrap_err().to_string();
        assert!(error.contains("events:PutEvents") && error.contains("NotAuthorized: no"), "{error}");
    }
}
