//! `gate:`.

use shipit_core::gate::{GatePolicy, Threshold, Unscannable, Waiver};

use super::field::Field;
use super::shape::{GATE, WAIVER};
use super::{Reading, value};

/// The words of `fail_on:`.
const THRESHOLDS: &[(&str, Threshold)] = &[
    ("critical", Threshold::Critical),
    ("high", Threshold::High),
    ("medium", Threshold::Medium),
    ("low", Threshold::Low),
    ("never", Threshold::Never),
];

/// The words of `unscannable:`.
const UNSCANNABLE: &[(&str, Unscannable)] = &[("refuse", Unscannable::Refuse), ("allow", Unscannable::Allow)];

/// The gate as given, with the defaults for the rest.
pub(super) fn gate(field: Option<Field<'_>>, reading: &mut Reading<'_>) -> Option<GatePolicy> {
    let mut policy = GatePolicy::default();
    let fields = match field {
        Some(field) => Some(field.fields(&GATE, reading)?),
        None => None,
    };
    let get = |key: &str| fields.as_ref().and_then(|fields| fields.get(key));
    match get("fail_on") {
        Some(field) => policy.fail_on = field.read(reading, |text| value::word(text, THRESHOLDS))?.value,
        None => reading.is_default("gate.fail_on".into()),
    }
    match get("unscannable") {
        Some(field) => policy.unscannable = field.read(reading, |text| value::word(text, UNSCANNABLE))?.value,
        None => reading.is_default("gate.unscannable".into()),
    }
    if let Some(field) = get("waivers") {
        policy.waivers = field.items(reading)?.into_iter().filter_map(|item| waiver(item, reading)).collect();
    }
    Some(policy)
}

fn waiver(item: Field<'_>, reading: &mut Reading<'_>) -> Option<Waiver> {
    let fields = item.fields(&WAIVER, reading)?;
    let id = fields.require("id", reading).and_then(|field| field.read(reading, value::line));
    let package = fields.get("package").and_then(|field| field.read(reading, value::line));
    let until = fields.require("until", reading).and_then(|field| field.read(reading, value::date));
    let reason = fields.require("reason", reading).and_then(|field| field.read(reading, value::line));
    let (id, until, reason) = (id?, until?, reason?);
    // An expired waiver is the gate's business: it must not keep anyone from rolling back.
    Some(Waiver { id: id.value, package: package.map(|package| package.value), until: until.value, reason: reason.value })
}
