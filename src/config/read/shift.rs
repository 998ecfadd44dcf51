//! `blue_green:`, `canary:` and `linear:`: by which steps traffic moves, within what ECS can do.

use shipit_core::pipeline::{Share, Shift, Steps};
use shipit_scheduler::Span;

use super::field::{Field, Fields};
use super::shape::{BLUE_GREEN, CANARY as CANARY_SHAPE, LINEAR as LINEAR_SHAPE, Shape};
use super::value::{self, share};
use super::{Reading, steps};
use crate::config::complaint::Complaint;

/// The canary of whoever says no more than that: 10 % for 5 minutes.
pub(super) const CANARY: Steps = Steps::Canary { share: Share::percent(10), bake: Span::seconds(300) };
/// The same of a linear shift, as ECS has it: 10 % every 6 minutes.
pub(super) const LINEAR: Steps = Steps::Linear { step: Share::percent(10), bake: Span::seconds(360) };
/// The least step that ECS takes.
pub(super) const LEAST_STEP: Share = Share::percent(3);
/// The longest bake that ECS takes, in minutes: a day.
const LONGEST_BAKE: u64 = 1_440;

/// A shift by these steps that leaves the rest to the platform.
pub(super) fn by(steps: Steps) -> Shift {
    Shift { steps, terminate_after: None }
}

/// `blue_green:`.
pub(super) fn blue_green(block: Field<'_>, reading: &mut Reading<'_>) -> Option<Shift> {
    match opened(block, &BLUE_GREEN, reading)? {
        None => Some(by(Steps::AllAtOnce)),
        Some(fields) => Some(Shift { steps: Steps::AllAtOnce, terminate_after: terminate_after(&fields, reading) }),
    }
}

/// `canary:`.
pub(super) fn canary(block: Field<'_>, reading: &mut Reading<'_>) -> Option<Shift> {
    let Some(fields) = opened(block, &CANARY_SHAPE, reading)? else { return Some(by(CANARY)) };
    let Steps::Canary { share, bake } = CANARY else { return None };
    let share = match fields.get("steps") {
        Some(field) => steps::canary(&field, reading),
        None => default_of(&fields, "steps", share, reading),
    };
    let bake = bake_of(&fields, bake, reading);
    let terminate_after = terminate_after(&fields, reading);
    Some(Shift { steps: Steps::Canary { share: share?, bake: bake? }, terminate_after })
}

/// `linear:`.
pub(super) fn linear(block: Field<'_>, reading: &mut Reading<'_>) -> Option<Shift> {
    let Some(fields) = opened(block, &LINEAR_SHAPE, reading)? else { return Some(by(LINEAR)) };
    let Steps::Linear { step, bake } = LINEAR else { return None };
    let step = match (fields.get("steps"), fields.get("step")) {
        (Some(list), Some(one)) => {
            let text = format!("`{}` and `{}` say the same twice", list.path, one.path);
            reading.complain(Complaint::new(one.key().clone(), text).help("keep one of the two"));
            None
        }
        (Some(list), None) => steps::linear(&list, reading),
        (None, Some(one)) => one.read(reading, |text| share(text, LEAST_STEP)).map(|at| at.value),
        (None, None) => default_of(&fields, "step", step, reading),
    };
    let bake = bake_of(&fields, bake, reading);
    let terminate_after = terminate_after(&fields, reading);
    Some(Shift { steps: Steps::Linear { step: step?, bake: bake? }, terminate_after })
}

/// Its keys; nothing where the block is empty and all is left to the defaults.
fn opened<'n>(block: Field<'n>, shape: &'static Shape, reading: &mut Reading<'_>) -> Option<Option<Fields<'n>>> {
    if block.is_null() {
        reading.is_default(block.path);
        return Some(None);
    }
    block.fields(shape, reading).map(Some)
}

fn default_of<T>(fields: &Fields<'_>, key: &str, value: T, reading: &mut Reading<'_>) -> Option<T> {
    reading.is_default(fields.path(key));
    Some(value)
}

fn bake_of(fields: &Fields<'_>, usual: Span, reading: &mut Reading<'_>) -> Option<Span> {
    match fields.get("bake") {
        Some(field) => field.read(reading, |text| value::minutes(text, 0, LONGEST_BAKE)).map(|at| at.value),
        None => default_of(fields, "bake", usual, reading),
    }
}

fn terminate_after(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Option<Span> {
    let field = fields.get("terminate_after")?;
    field.read(reading, |text| value::minutes(text, 0, LONGEST_BAKE)).map(|at| at.value)
}
