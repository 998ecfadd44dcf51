//! `strategy:`: the plain word, or a block of that name.

use shipit_core::pipeline::Strategy;

use super::field::Field;
use super::shape::{ROLLING, STRATEGY};
use super::value::Bad;
use super::{Reading, value};
use crate::config::complaint::Complaint;

/// What nobody has said about the percents stays as the service has it.
pub(super) const ROLLING_AS_IT_IS: Strategy = Strategy::Rolling { minimum_percent: None, maximum_percent: None };

/// The strategy of a service.
pub(super) fn strategy_of(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<Strategy> {
    if field.is_text() {
        return field.read(reading, word).map(|word| word.value);
    }
    let place = field.place();
    let path = field.path.clone();
    let fields = field.clone().fields(&STRATEGY, reading)?;
    let Some(rolling) = fields.given("rolling") else {
        if fields.is_empty() {
            reading.complain(Complaint::new(place, format!("`{path}` names no strategy")).help("write `strategy: rolling`"));
        }
        return None;
    };
    if rolling.is_null() {
        return Some(ROLLING_AS_IT_IS);
    }
    percents(rolling, reading)
}

fn word(text: &str) -> Result<Strategy, Bad> {
    match text.replace('-', "_").as_str() {
        "rolling" => Ok(ROLLING_AS_IT_IS),
        later if STRATEGY.later.contains(&later) => {
            Err(Bad::new(format!("cannot be `{text}` yet: this version does not have it")).help("this version has `rolling`"))
        }
        _ => value::word(text, &[("rolling", ())]).map(|()| ROLLING_AS_IT_IS),
    }
}

fn percents(rolling: Field<'_>, reading: &mut Reading<'_>) -> Option<Strategy> {
    let place = rolling.key().clone();
    let path = rolling.path.clone();
    let fields = rolling.fields(&ROLLING, reading)?;
    let minimum = fields.get("minimum_percent").and_then(|field| field.read(reading, |text| value::number(text, 0, 100)));
    let maximum =
        fields.get("maximum_percent").and_then(|field| field.read(reading, |text| value::number(text, 100, value::MOST)));
    let (minimum, maximum) = (minimum.map(|at| at.value), maximum.map(|at| at.value));
    if (minimum, maximum) == (Some(100), Some(100)) {
        let text = format!("`{path}` leaves no room: with 100 and 100 ECS can neither start nor stop a task, and refuses it");
        reading.complain(Complaint::new(place, text).help("`maximum_percent: 200`, or a lower `minimum_percent`"));
    }
    Some(Strategy::Rolling { minimum_percent: minimum, maximum_percent: maximum })
}
