//! The whole file, put together.

use std::collections::BTreeMap;

use shipit_core::pipeline::{OnInterrupt, Pipeline};

use super::attest::{attest, verify};
use super::cross::{check_images, check_needs, check_services};
use super::field::{Field, Fields};
use super::gate::gate;
use super::image::{RawImage, image};
use super::notify::notify;
use super::service::{RawService, service};
use super::shape::PIPELINE;
use super::{At, Reading, value};
use crate::config::complaint::Complaint;
use crate::config::tree::Node;

/// The words of `on_interrupt:`.
const ON_INTERRUPT: &[(&str, OnInterrupt)] =
    &[("turn-back", OnInterrupt::TurnBack), ("leave", OnInterrupt::Leave), ("stop", OnInterrupt::Stop)];

/// The pipeline, as far as there was nothing to complain about; without it there is at least one complaint.
pub(in crate::config) fn pipeline(root: &Node, reading: &mut Reading<'_>) -> Option<Pipeline> {
    let fields = Field::root(root).fields(&PIPELINE, reading)?;
    let name = fields.require("pipeline", reading).and_then(|field| field.read(reading, value::name));
    let region = fields.get("region").and_then(|field| field.read(reading, value::region));
    let account = fields.get("account").and_then(|field| field.read(reading, value::account));
    let assume_role = fields.get("assume_role").and_then(|field| field.read(reading, value::role));
    check_role(account.as_ref(), assume_role.as_ref(), reading);
    let cluster = fields.require("cluster", reading).and_then(|field| field.read(reading, value::name));
    let images = images(&fields, reading);
    let attest = attest(fields.get("attest"), reading);
    let gate = gate(fields.get("gate"), reading);
    let verify = verify(fields.get("verify"), reading);
    let services = services(&fields, reading);
    let notify = notify(fields.get("notify"), reading);
    let allow_latest = fields.get("allow_latest").and_then(|field| field.items(reading)).unwrap_or_default();
    let allow_latest: Vec<String> =
        allow_latest.iter().filter_map(|item| item.read(reading, value::line)).map(|image| image.value).collect();
    let on_interrupt = fields.get("on_interrupt").map(|field| field.read(reading, |text| value::word(text, ON_INTERRUPT)));
    check_images(&images, &services, reading);
    check_needs(&services, reading);
    check_services(&services, reading);
    Some(Pipeline {
        name: name?.value,
        environment: reading.environment.as_ref().map(|(name, _)| name.clone()),
        region: region.map(|region| region.value),
        account: account.map(|account| account.value),
        assume_role: assume_role.map(|role| role.value),
        cluster: cluster?.value,
        images: images.into_iter().map(|raw| raw.image).collect::<Option<_>>()?,
        given: BTreeMap::new(),
        attest: attest?,
        gate: gate?,
        verify: verify?,
        services: services.into_iter().map(RawService::finish).collect::<Option<_>>()?,
        allow_latest,
        notify: notify?,
        on_interrupt: match on_interrupt {
            Some(given) => given?.value,
            None => OnInterrupt::default(),
        },
        folder: reading.world.folder.clone(),
    })
}

fn images(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Vec<RawImage> {
    let named = fields.get("images").and_then(|field| field.named(reading)).unwrap_or_default();
    named.into_iter().map(|(name, field)| image(name, field, reading)).collect()
}

fn services(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Vec<RawService> {
    let Some(field) = fields.require("services", reading) else { return Vec::new() };
    let Some(named) = field.named(reading) else { return Vec::new() };
    if named.is_empty() {
        reading
            .complain(Complaint::new(field.place(), "`services` is empty").help("there is nothing to deploy without a service"));
    }
    named.into_iter().map(|(name, field)| service(name, field, reading)).collect()
}

/// With a role of another account every run would be refused.
fn check_role(account: Option<&At<String>>, role: Option<&At<String>>, reading: &mut Reading<'_>) {
    let (Some(account), Some(role)) = (account, role) else { return };
    if value::account_of(&role.value) != Some(account.value.as_str()) {
        let text = format!("`assume_role` is not in the account `{}` that `account` asks for", account.value);
        reading.complain(Complaint::new(role.place.clone(), text));
    }
}
