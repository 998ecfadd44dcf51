//! `gate:`.

use std::collections::{BTreeMap, BTreeSet};

use shipit_core::gate::{Allowable, GatePolicy, Known, Severity, Threshold, Unfixed, Waiver};

use super::field::{Field, Fields};
use super::shape::{GATE, THRESHOLDS, WAIVER};
use super::{Reading, value};
use crate::config::complaint::Complaint;

/// The words of `fail_on:`.
const FAIL_ON: &[(&str, Threshold)] = &[
    ("critical", Threshold::Critical),
    ("high", Threshold::High),
    ("medium", Threshold::Medium),
    ("low", Threshold::Low),
    ("never", Threshold::Never),
];

/// The keys of `thresholds:`.
const SEVERITIES: &[(&str, Severity)] =
    &[("critical", Severity::Critical), ("high", Severity::High), ("medium", Severity::Medium), ("low", Severity::Low)];

/// The words of `fixable_only:`.
const FIXABLE_ONLY: &[(&str, Unfixed)] = &[("true", Unfixed::Passes), ("false", Unfixed::Counts)];

/// The words of `new_only:`.
const NEW_ONLY: &[(&str, Known)] = &[("true", Known::Passes), ("false", Known::Counts)];

/// The words of `allow_status:`.
const ALLOW_STATUS: &[(&str, Allowable)] = &[
    ("UNSUPPORTED_IMAGE", Allowable::UnsupportedImage),
    ("SCAN_ELIGIBILITY_EXPIRED", Allowable::ScanEligibilityExpired),
    ("LIMIT_EXCEEDED", Allowable::LimitExceeded),
    ("IMAGE_SIZE_EXCEEDED", Allowable::ImageSizeExceeded),
    ("NOT_SCANNED", Allowable::NotScanned),
];

/// The gate as given, with the defaults for the rest.
pub(super) fn gate(field: Option<Field<'_>>, reading: &mut Reading<'_>) -> Option<GatePolicy> {
    let default = GatePolicy::default();
    let fields = match field {
        Some(field) => Some(field.fields(&GATE, reading)?),
        None => None,
    };
    let get = |key: &str| fields.as_ref().and_then(|fields| fields.get(key));
    let fail_on = match get("fail_on") {
        Some(field) => field.read(reading, |text| value::word(text, FAIL_ON)).map(|word| word.value),
        None => {
            reading.is_default("gate.fail_on".into());
            Some(default.fail_on)
        }
    };
    // Whoever gives both means both: an environment may be stricter than the file.
    let unsaid = if get("fail_on").is_none() { default.fail_on.severity() } else { None };
    let limits = match get("thresholds") {
        Some(field) => field.fields(&THRESHOLDS, reading).and_then(|fields| thresholds(&fields, unsaid, reading)),
        None => Some(default.thresholds),
    };
    let unfixed = match get("fixable_only") {
        Some(field) => field.read(reading, |text| value::word(text, FIXABLE_ONLY)).map(|word| word.value),
        None => Some(default.unfixed),
    };
    let known = match get("new_only") {
        Some(field) => field.read(reading, |text| value::word(text, NEW_ONLY)).map(|word| word.value),
        None => Some(default.known),
    };
    let max_age = get("max_age").map(|field| field.read(reading, value::age));
    let statuses = get("allow_status").map(|field| field.items(reading).map(|items| statuses(&items, reading)));
    let waivers = get("waivers").map(|field| field.items(reading));
    let waivers = waivers.map(|items| items.map(|items| items.into_iter().filter_map(|item| waiver(item, reading)).collect()));
    Some(GatePolicy {
        fail_on: fail_on?,
        thresholds: limits?,
        unfixed: unfixed?,
        known: known?,
        max_age: match max_age {
            Some(given) => Some(given?.value),
            None => default.max_age,
        },
        allow_status: statuses.unwrap_or(Some(default.allow_status))?,
        waivers: waivers.unwrap_or(Some(default.waivers))?,
    })
}

fn statuses(items: &[Field<'_>], reading: &mut Reading<'_>) -> BTreeSet<Allowable> {
    let read = |item: &Field<'_>| item.read(reading, |text| value::word(text, ALLOW_STATUS)).map(|word| word.value);
    items.iter().filter_map(read).collect()
}

/// `unsaid` is the severity of which none may be because nobody gave `fail_on`.
fn thresholds(fields: &Fields<'_>, unsaid: Option<Severity>, reading: &mut Reading<'_>) -> Option<BTreeMap<Severity, usize>> {
    let mut limits = BTreeMap::new();
    for (key, severity) in SEVERITIES {
        let Some(field) = fields.get(key) else { continue };
        let allowed = field.read(reading, |text| value::number(text, 0, value::MOST))?;
        if let Some(first) = unsaid.filter(|first| allowed.value > 0 && severity >= first) {
            let text =
                format!("`{}` allows {}, and without `fail_on` none of {first} or worse may be", field.path, allowed.value);
            let help = format!("set `fail_on: {}`", above(*severity));
            reading.complain(Complaint::new(allowed.place, text).help(help));
            return None;
        }
        limits.insert(*severity, usize::try_from(allowed.value).unwrap_or(usize::MAX));
    }
    Some(limits)
}

/// The word of `fail_on:` that leaves a limit at this severity to itself.
fn above(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "medium",
        Severity::Medium => "high",
        Severity::High => "critical",
        Severity::Informational | Severity::Critical | Severity::Unknown => "never",
    }
}

fn waiver(item: Field<'_>, reading: &mut Reading<'_>) -> Option<Waiver> {
    let place = item.place().to_string();
    let fields = item.fields(&WAIVER, reading)?;
    let id = fields.require("id", reading).and_then(|field| field.read(reading, value::line));
    let package = fields.get("package").and_then(|field| field.read(reading, value::line));
    let until = fields.require("until", reading).and_then(|field| field.read(reading, value::date));
    let reason = fields.require("reason", reading).and_then(|field| field.read(reading, value::line));
    let (id, until, reason) = (id?, until?, reason?);
    // An expired waiver is the gate's business: it must not keep anyone from rolling back.
    Some(Waiver { id: id.value, package: package.map(|package| package.value), until: until.value, reason: reason.value, place })
}
