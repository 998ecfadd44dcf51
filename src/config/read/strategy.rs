//! `strategy:`: the plain word, or a block of that name.

use shipit_core::pipeline::{Steps, Strategy};

use super::field::Field;
use super::shape::{ROLLING, STRATEGY};
use super::value::Bad;
use super::{Reading, shift, value};
use crate::config::complaint::Complaint;

/// What nobody has said about the percents stays as the service has it.
pub(super) const ROLLING_AS_IT_IS: Strategy = Strategy::Rolling { minimum_percent: None, maximum_percent: None };

/// The strategy of a service. Of several blocks the first is in force: an environment's is laid before the others.
pub(super) fn strategy_of(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<Strategy> {
    if field.is_text() {
        return field.read(reading, word).map(|word| word.value);
    }
    let place = field.place();
    let path = field.path.clone();
    let fields = field.clone().fields(&STRATEGY, reading)?;
    let blocks: Vec<Field<'_>> = fields.in_order();
    let Some(first) = blocks.first() else {
        if fields.is_empty() {
            reading.complain(Complaint::new(place, format!("`{path}` names no strategy")).help("write `strategy: rolling`"));
        }
        return None;
    };
    for other in &blocks[1..] {
        let of_environment = |field: &Field<'_>| reading.environment.as_ref().is_some_and(|(_, block)| field.key().is_in(block));
        if of_environment(first) == of_environment(other) {
            let text = format!("`{path}` names two strategies, `{}` and `{}`", first.name(), other.name());
            reading.complain(Complaint::new(other.key().clone(), text).help("keep the one that is meant"));
        }
    }
    let all: Vec<Option<Strategy>> = blocks.into_iter().map(|block| block_of(block, reading)).collect();
    all.into_iter().next().flatten()
}

fn block_of(block: Field<'_>, reading: &mut Reading<'_>) -> Option<Strategy> {
    match block.name() {
        "rolling" if block.is_null() => Some(ROLLING_AS_IT_IS),
        "rolling" => percents(block, reading),
        "blue_green" => shift::blue_green(block, reading).map(Strategy::Shift),
        "canary" => shift::canary(block, reading).map(Strategy::Shift),
        _ => shift::linear(block, reading).map(Strategy::Shift),
    }
}

fn word(text: &str) -> Result<Strategy, Bad> {
    let words = [
        ("rolling", None),
        ("blue_green", Some(Steps::AllAtOnce)),
        ("canary", Some(shift::CANARY)),
        ("linear", Some(shift::LINEAR)),
    ];
    let steps = value::word(if text == "blue-green" { "blue_green" } else { text }, &words)?;
    Ok(steps.map_or(ROLLING_AS_IT_IS, |steps| Strategy::Shift(shift::by(steps))))
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
