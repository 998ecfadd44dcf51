//! `judge:`: what of the candidate is compared with the stable version, and by how much it may be worse.

use jiff::SignedDuration;
use shipit_core::analysis::{Errors, Judge, Latency, Level, Limit, Metric, Probe, Ratio};

use super::field::{Field, Fields};
use super::shape::{ERRORS, JUDGE, LATENCY, METRIC, PROBE};
use super::value::Bad;
use super::{At, Reading, service, value};
use crate::config::complaint::Complaint;
use crate::config::source::Place;

/// The longest patience, in minutes: ECS gives up a stage after a day.
const LONGEST_PATIENCE: u64 = 1_380;
/// More requests do not come in a minute: 100,000 a second.
const MOST_REQUESTS: u64 = 6_000_000;

/// `judge:`. Errors are compared unless `errors: ~` leaves them out.
pub(super) fn judge_of(field: Field<'_>, reading: &mut Reading<'_>) -> Option<Judge> {
    let place = field.key().clone();
    let path = field.path.clone();
    let fields = field.fields(&JUDGE, reading)?;
    let errors = match fields.given("errors") {
        None => Some(Some(Errors::default())),
        Some(field) if field.is_null() => Some(None),
        Some(field) => errors(field, reading).map(Some),
    };
    let latency = fields.get("latency").map(|field| latency(field, reading));
    let metrics = named(&fields, "metrics", reading, metric);
    let probes = named(&fields, "probes", reading, probe);
    let alarms = fields.get("alarms").map(|field| alarms(&field, reading)).unwrap_or_default();
    let patience = match fields.get("patience") {
        Some(field) => field.read(reading, |text| value::minutes(text, 1, LONGEST_PATIENCE)).map(|at| at.value),
        None => {
            reading.is_default(fields.path("patience"));
            None
        }
    };
    let patience_at = fields.get("patience").map_or_else(|| place.clone(), |field| field.place());
    let judge = Judge {
        errors: errors?,
        latency: match latency {
            Some(read) => Some(read?),
            None => None,
        },
        metrics: metrics?,
        probes: probes?,
        alarms,
        patience: patience.map_or(Judge::PATIENCE, |span| SignedDuration::from_millis(i64::try_from(span.0).unwrap_or(i64::MAX))),
    };
    hasty(&judge, &path, &patience_at, reading);
    if judge.is_empty() {
        let complaint = Complaint::new(place, format!("`{path}` judges nothing: it could never let traffic move on"));
        reading.complain(complaint.help("leave `errors` in, or name a metric, a probe or an alarm"));
    }
    Some(judge)
}

/// A patience in which nothing can be decided.
fn hasty(judge: &Judge, path: &str, place: &Place, reading: &mut Reading<'_>) {
    let soonest = judge.soonest();
    let minutes = u64::try_from(judge.patience.as_mins()).unwrap_or(0);
    if judge.patience < soonest {
        let text =
            format!("`{path}.patience` is over before anything can be told: that takes {} minutes at least", soonest.as_mins());
        let complaint = Complaint::new(place.clone(), text);
        reading.complain(complaint.help("a minute counts once two more are over, and latency and metrics need 8 of them"));
    } else if let Some(requests) = judge.clean_requests().filter(|requests| *requests > minutes * MOST_REQUESTS) {
        let text = format!("`{path}.errors` needs {requests} requests on each side within `patience`, which do not come");
        let complaint = Complaint::new(place.clone(), text);
        reading.complain(complaint.help("a larger `worse_by`, a smaller `at_least`, or more `patience`"));
    }
}

fn errors(field: Field<'_>, reading: &mut Reading<'_>) -> Option<Errors> {
    let fields = field.fields(&ERRORS, reading)?;
    let usual = Errors::default();
    let worse_by = or(&fields, "worse_by", usual.worse_by, reading, points);
    let at_least = or(&fields, "at_least", usual.at_least, reading, requests);
    Some(Errors { worse_by: worse_by?, at_least: at_least? })
}

fn latency(field: Field<'_>, reading: &mut Reading<'_>) -> Option<Latency> {
    let fields = field.fields(&LATENCY, reading)?;
    Some(Latency { worse_by: or(&fields, "worse_by", Latency::default().worse_by, reading, part)? })
}

fn or<T>(
    fields: &Fields<'_>,
    key: &str,
    usual: T,
    reading: &mut Reading<'_>,
    meaning: impl FnOnce(&str) -> Result<T, Bad>,
) -> Option<T> {
    match fields.get(key) {
        Some(field) => field.read(reading, meaning).map(|at| at.value),
        None => {
            reading.is_default(fields.path(key));
            Some(usual)
        }
    }
}

/// Entries of a map with names of the user's choice, in the order of the file.
fn named<T>(
    fields: &Fields<'_>,
    key: &str,
    reading: &mut Reading<'_>,
    read: fn(At<String>, Field<'_>, &mut Reading<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(field) = fields.get(key) else { return Some(Vec::new()) };
    let entries = field.named(reading)?;
    let all: Vec<Option<T>> = entries.into_iter().map(|(name, field)| read(name, field, reading)).collect();
    all.into_iter().collect()
}

fn metric(name: At<String>, field: Field<'_>, reading: &mut Reading<'_>) -> Option<Metric> {
    let path = field.path.clone();
    let fields = field.fields(&METRIC, reading)?;
    let query = fields.require("query", reading).and_then(|field| field.read(reading, value::line));
    let limit = match (fields.get("worse_by"), fields.get("max")) {
        (Some(field), None) => field.read(reading, part).map(|at| Limit::WorseBy(at.value)),
        (None, Some(field)) => field.read(reading, level).map(|at| Limit::Max(at.value)),
        (Some(_), Some(_)) => {
            let complaint = Complaint::new(name.place, format!("`{path}` has both `worse_by` and `max`"));
            reading.complain(complaint.help("keep one of the two"));
            None
        }
        (None, None) => {
            let complaint = Complaint::new(name.place, format!("`{path}` does not say how much is too much"));
            reading.complain(complaint.help("`worse_by: 20%`: more than the stable version's; `max: 100`: more than this"));
            None
        }
    };
    Some(Metric { name: name.value, query: query?.value, limit: limit? })
}

fn probe(name: At<String>, field: Field<'_>, reading: &mut Reading<'_>) -> Option<Probe> {
    let fields = field.fields(&PROBE, reading)?;
    let url = fields.require("url", reading).and_then(|field| field.read(reading, service::url));
    let expect = or(&fields, "expect", 200, reading, |text| value::number(text, 100, 599));
    let mut headers = Vec::new();
    for (header, field) in fields.get("headers").and_then(|field| field.named(reading)).unwrap_or_default() {
        if reqwest::header::HeaderName::try_from(&header.value).is_err() {
            let text = format!("`{}` is not the name of a header", header.value.escape_debug());
            reading.complain(Complaint::new(header.place, text).help("a name has letters, digits and `-`"));
            continue;
        }
        // What comes from a variable may be a secret: it is kept as it is written, and filled in as it goes out.
        let value = field.read(reading, header_value);
        headers.extend(value.map(|value| (header.value, field.written().map_or(value.value, str::to_owned))));
    }
    Some(Probe { name: name.value, url: url?.value, headers, expect: u16::try_from(expect?).ok()? })
}

/// The value of a header, which is not repeated: it may be a secret.
fn header_value(text: &str) -> Result<String, Bad> {
    match reqwest::header::HeaderValue::from_str(text) {
        Ok(_) => value::line(text),
        Err(_) => Err(Bad::new("cannot be sent as a header").help("a header has printable ASCII on one line")),
    }
}

fn alarms(field: &Field<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    let items = field.items(reading).unwrap_or_default();
    items.iter().filter_map(|item| item.read(reading, value::line)).map(|alarm| alarm.value).collect()
}

/// `500 requests`, `500`.
fn requests(text: &str) -> Result<u64, Bad> {
    let number = text.strip_suffix("requests").unwrap_or(text).trim();
    match number.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Bad::new(format!("is not a number of requests: `{text}`")).help("write it as `500 requests`")),
    }
}

/// A part of a whole: `1%`, `0.5%`, to four decimals.
fn ratio(text: &str) -> Result<Ratio, Bad> {
    let bad = || Bad::new(format!("is not a part in percent: `{text}`")).help("write it as `1%` or `0.5%`");
    let number = text.strip_suffix('%').ok_or_else(bad)?.trim_end();
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 4 || number.ends_with('.') {
        return Err(bad());
    }
    let millionths = format!("{whole}{decimals:0<4}").parse().map_err(|_| bad())?;
    Ok(Ratio::millionths(millionths))
}

/// `errors: worse_by:`, percentage points that can be decided by.
fn points(text: &str) -> Result<Ratio, Bad> {
    match ratio(text)? {
        none if none == Ratio::default() => {
            Err(Bad::new("is 0%: no number of requests ever proves that two versions err equally often")
                .help("`0.5%` lets pass what surely lies less than a whole point above"))
        }
        much if much > Ratio::percent(50) => {
            Err(Bad::new(format!("is `{text}`: what passes must lie below twice that, and everything does"))
                .help("write `50%` at most"))
        }
        points => Ok(points),
    }
}

/// `worse_by:` of a level, a part of the stable version's.
fn part(text: &str) -> Result<Ratio, Bad> {
    match ratio(text)? {
        none if none == Ratio::default() => {
            Err(Bad::new("is 0%: of two equal versions each is the slower one in every second minute, and none passes")
                .help("write by how much it may be more, e.g. `20%`; a metric that must not rise at all has `max`"))
        }
        part => Ok(part),
    }
}

fn level(text: &str) -> Result<Level, Bad> {
    let number = text.parse().ok().and_then(Level::new);
    number.ok_or_else(|| Bad::new(format!("is not a number: `{text}`")))
}
