//! `steps:`: a list of shares, and which of them ECS can do: one share and the rest, or equal steps.

use shipit_core::pipeline::{Share, Steps};
use shipit_scheduler::Span;

use super::field::Field;
use super::shift::LEAST_STEP;
use super::value::share;
use super::{At, Reading};
use crate::config::complaint::Complaint;

/// The first of the two steps of a canary.
pub(super) fn canary(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<Share> {
    let shares = shares(field, reading)?;
    match shares.as_slice() {
        [Share::ALL] => refuse(field, "has one step, all at once", "that is `strategy: blue_green`", reading),
        [first, Share::ALL] => Some(*first),
        _ if step_of(&shares).is_some() => {
            let linear = format!("that is `linear: {{ step: {} }}`", shares[0]);
            refuse(field, "has more than two steps", &linear, reading)
        }
        _ => impossible(field, &shares, reading),
    }
}

/// The step of equal ones.
pub(super) fn linear(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<Share> {
    let shares = shares(field, reading)?;
    match (step_of(&shares), shares.as_slice()) {
        (Some(step), _) => Some(step),
        (None, [first, Share::ALL]) => {
            let canary = format!("that is `canary: {{ steps: [{first}, 100%] }}`");
            refuse(field, "has two steps that are not equal", &canary, reading)
        }
        (None, _) => impossible(field, &shares, reading),
    }
}

fn refuse(field: &Field<'_>, why: &str, help: &str, reading: &mut Reading<'_>) -> Option<Share> {
    reading.complain(Complaint::new(field.place(), format!("`{}` {why}", field.path)).help(help));
    None
}

/// Neither ECS nor CodeDeploy moves traffic so.
fn impossible(field: &Field<'_>, shares: &[Share], reading: &mut Reading<'_>) -> Option<Share> {
    let first = shares.first().copied().unwrap_or(LEAST_STEP);
    let step = nearest(shares);
    let help =
        format!("the nearest are `canary: {{ steps: [{first}, 100%] }}` and `linear: {{ step: {step} }}` ({})", listed(step));
    refuse(field, "cannot be done: AWS moves one share and then the rest (canary), or equal steps (linear)", &help, reading)
}

/// The shares of the list, growing up to 100 %.
fn shares(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<Vec<Share>> {
    let items = field.items(reading)?;
    let count = items.len();
    let read = |item: &Field<'_>| item.read(reading, |text| share(text, Share(1)));
    let shares: Vec<At<Share>> = items.iter().filter_map(read).collect();
    if shares.len() < count {
        return None;
    }
    if let Some(pair) = shares.windows(2).find(|pair| pair[0].value >= pair[1].value) {
        let text =
            format!("`{}` goes from {} to {}: each step is more than the one before", field.path, pair[0].value, pair[1].value);
        reading.complain(Complaint::new(pair[1].place.clone(), text));
        return None;
    }
    let shares: Vec<Share> = shares.into_iter().map(|at| at.value).collect();
    match shares.last() {
        Some(&Share::ALL) => Some(shares),
        Some(last) => {
            let whole: Vec<String> = shares.iter().map(ToString::to_string).collect();
            let help = format!("write `[{}, 100%]`", whole.join(", "));
            refuse(field, &format!("ends at {last}: the last step is 100%"), &help, reading);
            None
        }
        None => {
            refuse(field, "is empty", "write `[10%, 100%]`", reading);
            None
        }
    }
}

/// The step, if these are equal ones as ECS takes them; what is left at the end may be less.
fn step_of(shares: &[Share]) -> Option<Share> {
    let step = *shares.first().filter(|step| **step >= LEAST_STEP)?;
    (by(step) == shares).then_some(step)
}

/// The shares of equal steps.
fn by(step: Share) -> Vec<Share> {
    Steps::Linear { step: step.max(LEAST_STEP), bake: Span(0) }.shares()
}

/// Equal steps, in whole percents, as many as these are or hardly fewer.
fn nearest(shares: &[Share]) -> Share {
    let count = u32::try_from(shares.len().max(1)).unwrap_or(u32::MAX);
    Share::percent(100_u32.div_ceil(count)).max(LEAST_STEP)
}

fn listed(step: Share) -> String {
    let shares: Vec<String> = by(step).iter().map(ToString::to_string).collect();
    match shares.as_slice() {
        [first, second, .., last] if shares.len() > 4 => format!("{first}, {second}, … {last}"),
        _ => shares.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_steps_are_told_from_others() {
        let step = |percents: &[u32]| step_of(&percents.iter().map(|percent| Share::percent(*percent)).collect::<Vec<_>>());
        assert_eq!(step(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 100]), Some(Share::percent(10)));
        assert_eq!(step(&[50, 100]), Some(Share::percent(50)));
        assert_eq!(step(&[100]), Some(Share::percent(100)));
        assert_eq!(step(&[30, 60, 90, 100]), Some(Share::percent(30)), "what is left at the end is less");
        assert_eq!(step(&[10, 100]), None);
        assert_eq!(step(&[5, 25, 100]), None);
        assert_eq!(step_of(&by(Share(25))), Some(Share(30)), "less than ECS takes becomes its least");
    }

    proptest! {
        #[test]
        fn what_is_offered_instead_can_be_done(shares in prop::collection::btree_set(1u32..1000, 1..60)) {
            let shares: Vec<Share> = shares.into_iter().map(Share).chain([Share::ALL]).collect();
            let step = nearest(&shares);
            prop_assert!((LEAST_STEP..=Share::ALL).contains(&step));
            prop_assert_eq!(step_of(&by(step)), Some(step));
            prop_assert!(by(step).len() <= shares.len());
        }
    }
}
