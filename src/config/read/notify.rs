//! `notify:`.

use shipit_core::notify::{EventBridge, Notify, On, Webhook};

use super::field::{Field, Fields};
use super::shape::{EVENT_BRIDGE, NOTIFY, WEBHOOK};
use super::value::Bad;
use super::{Reading, value};
use crate::config::complaint::Complaint;

/// The words of `on:`.
const ON: &[(&str, On)] = &[("always", On::Always), ("failure", On::Failure)];

/// Who is told how a run has ended; nobody unless it is asked for.
pub(super) fn notify(field: Option<Field<'_>>, reading: &mut Reading<'_>) -> Option<Notify> {
    let Some(field) = field else { return Some(Notify::default()) };
    let fields = field.fields(&NOTIFY, reading)?;
    let webhook = fields.get("webhook").map(|field| webhook(field, reading));
    let event_bridge = fields.get("event_bridge").map(|field| event_bridge(field, reading));
    let read = Notify { webhook: webhook.clone().flatten(), event_bridge: event_bridge.clone().flatten() };
    (webhook != Some(None) && event_bridge != Some(None)).then_some(read)
}

fn webhook(field: Field<'_>, reading: &mut Reading<'_>) -> Option<Webhook> {
    let fields = field.fields(&WEBHOOK, reading)?;
    let on = on(&fields, reading);
    let url = fields.require("url", reading)?;
    url.read(reading, address)?;
    // Whoever knows the URL can post: it is kept as it is written, and filled in as the message goes out.
    let Some(written) = url.written() else {
        let complaint = Complaint::new(url.place(), format!("`{}` is a secret, and does not belong in a file", url.path));
        reading.complain(
            complaint
                .help("write `${env:SLACK_WEBHOOK_URL}`; with `:-` at its end it may be missing: `${env:SLACK_WEBHOOK_URL:-}`"),
        );
        return None;
    };
    Some(Webhook { url: written.to_owned(), on: on? })
}

fn event_bridge(field: Field<'_>, reading: &mut Reading<'_>) -> Option<EventBridge> {
    let fields = field.fields(&EVENT_BRIDGE, reading)?;
    let on = on(&fields, reading);
    let bus = match fields.get("bus") {
        Some(field) => field.read(reading, value::line).map(|at| at.value),
        None => {
            reading.is_default(fields.path("bus"));
            Some("default".to_owned())
        }
    };
    Some(EventBridge { bus: bus?, on: on? })
}

fn on(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Option<On> {
    match fields.get("on") {
        Some(field) => field.read(reading, |text| value::word(text, ON)).map(|at| at.value),
        None => {
            reading.is_default(fields.path("on"));
            Some(On::default())
        }
    }
}

/// The URL is not repeated: it is a secret. An empty one is nobody's.
fn address(text: &str) -> Result<(), Bad> {
    match reqwest::Url::parse(text) {
        _ if text.is_empty() => Ok(()),
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
        _ => Err(Bad::new("is not an address to post to").help("it begins with `https://`")),
    }
}
