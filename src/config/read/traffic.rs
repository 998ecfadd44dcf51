//! `traffic:` and `pause:`: between what traffic moves, and where a person is asked.

use shipit_core::pipeline::{Pause, PauseAt, Traffic};
use shipit_scheduler::Span;

use super::field::Field;
use super::shape::{PAUSE, TRAFFIC};
use super::value::Bad;
use super::{At, Reading, value};
use crate::config::complaint::Complaint;

/// How long AWS waits for a person unless the file says otherwise: a day, as ECS does.
const TIMEOUT: Span = Span::seconds(24 * 60 * 60);
/// The longest that it waits, in minutes: 14 days.
const LONGEST: u64 = 20_160;

/// The words of `pause:`.
const PLACES: &[(&str, PauseAt)] = &[
    ("scaled-up", PauseAt::ScaledUp),
    ("test-traffic", PauseAt::TestTraffic),
    ("before-production", PauseAt::BeforeProduction),
    ("after-production", PauseAt::AfterProduction),
];

/// `traffic:`.
pub(super) fn traffic_of(field: Field<'_>, reading: &mut Reading<'_>) -> Option<Traffic> {
    let fields = field.fields(&TRAFFIC, reading)?;
    let alternate = fields.require("alternate_target_group", reading).and_then(|field| field.read(reading, target_group));
    let production = fields.require("production_rule", reading).and_then(|field| field.read(reading, rule));
    let test = fields.get("test_rule").map(|field| field.read(reading, rule));
    let role = fields.require("role", reading).and_then(|field| field.read(reading, value::role));
    if let (Some(production), Some(Some(test))) = (&production, &test)
        && production.value == test.value
    {
        let complaint = Complaint::new(test.place.clone(), "production and test traffic cannot share a rule");
        reading.complain(complaint.help("give test traffic a listener or a rule of its own"));
    }
    Some(Traffic {
        alternate_target_group: alternate?.value,
        production_rule: production?.value,
        test_rule: match test {
            Some(given) => Some(given?.value),
            None => None,
        },
        role: role?.value,
    })
}

/// `pause:`: a list of places, or a block with `at:`.
pub(super) fn pause_of(field: Field<'_>, reading: &mut Reading<'_>) -> Option<Pause> {
    if !field.is_map() {
        let at = places(&field, reading)?;
        reading.is_default(format!("{}.timeout", field.path));
        return Some(Pause { at, timeout: TIMEOUT });
    }
    let fields = field.fields(&PAUSE, reading)?;
    let at = fields.require("at", reading).and_then(|field| places(&field, reading));
    let timeout = match fields.get("timeout") {
        Some(field) => field.read(reading, |text| value::minutes(text, 1, LONGEST)).map(|at| at.value),
        None => {
            reading.is_default(fields.path("timeout"));
            Some(TIMEOUT)
        }
    };
    Some(Pause { at: at?, timeout: timeout? })
}

fn places(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<Vec<PauseAt>> {
    let items = field.items(reading)?;
    let count = items.len();
    let mut at: Vec<PauseAt> = Vec::new();
    for item in &items {
        let Some(At { value: place, place: stands }) = item.read(reading, place_of) else { continue };
        if at.contains(&place) {
            reading.complain(Complaint::new(stands, format!("`{}` names a place twice", field.path)));
        }
        at.push(place);
    }
    if count == 0 {
        let complaint = Complaint::new(field.place(), format!("`{}` names no place", field.path));
        reading.complain(complaint.help("e.g. `[before-production]`, or leave `pause` out"));
    }
    (count > 0 && at.len() == count).then_some(at)
}

fn place_of(text: &str) -> Result<PauseAt, Bad> {
    value::word(text, PLACES)
}

fn target_group(text: &str) -> Result<String, Bad> {
    let name = |text: &str| {
        (1..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !text.starts_with('-')
    };
    if name(text) || (text.starts_with("arn:") && text.contains(":targetgroup/")) {
        return Ok(text.to_owned());
    }
    Err(Bad::new(format!("is not a target group: `{text}`"))
        .help("write its name, or `arn:aws:elasticloadbalancing:…:targetgroup/…`"))
}

/// The ARN of a rule (ALB) or of a listener (NLB).
fn rule(text: &str) -> Result<String, Bad> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "elasticloadbalancing", _, _, what] if what.starts_with("listener-rule/") || what.starts_with("listener/") => {
            Ok(text.to_owned())
        }
        _ => Err(Bad::new(format!("is neither a rule nor a listener: `{text}`")).help(
            "behind an Application Load Balancer it is a rule, `arn:aws:elasticloadbalancing:…:listener-rule/app/…` (`aws elbv2 describe-rules --listener-arn …`), behind a Network Load Balancer a listener",
        )),
    }
}
