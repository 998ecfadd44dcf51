//! A plan in Markdown: the comment under a pull request.

use std::fmt::Display;

use shipit_core::event::{PlannedStep, Work};
use shipit_core::plan::Plan;
use shipit_core::review::Note;

use super::listing::expected;
use super::markdown::{Part, clip, failure, page};
use super::safe::markdown::{code, prose};
use super::{Colour, view, words};

/// Bytes of a comment; GitHub takes 65,536 characters, and whoever posts it may want a line of their own.
const ROOM: usize = 60_000;

/// What a plan would do and why, or why it is refused; remarks, and where surprising values came from.
pub fn markdown<T: Display>(plan: &Plan, notes: &[Note], origins: &[(String, T)]) -> String {
    let listing = plan.listing();
    let refusals: Vec<_> =
        notes.iter().filter_map(|note| if let Note::Refusal { failure } = note { Some(failure) } else { None }).collect();
    let remarks =
        notes.iter().filter_map(|note| if let Note::Remark { message } = note { Some(prose(&clip(message))) } else { None });
    let work = listing.iter().filter(|step| step.work == Work::ToDo).count();
    let comes_to = match (refusals.is_empty(), work) {
        (false, _) => "✗ refused".to_owned(),
        (true, 0) => "nothing to do".to_owned(),
        (true, steps) => words::count(steps as u64, "step"),
    };
    let mut parts = vec![Part::of(format!("## {}: {comes_to}", prose(&clip(&plan.pipeline)))), Part::of(about(plan))];
    parts.extend(refusals.into_iter().flat_map(failure));
    parts.push(steps(&listing));
    if let Some(ms) = expected(plan) {
        parts.push(Part::of(format!("The rollouts should take about {}.", words::about(ms))));
    }
    parts.push(Part::list("notes", remarks));
    let values =
        origins.iter().map(|(value, origin)| format!("{} from {}", code(&clip(value)), prose(&clip(&origin.to_string()))));
    parts.push(Part::list("values", values));
    page(&parts, ROOM).trim_end().to_owned()
}

fn about(plan: &Plan) -> String {
    let tag = code(&view::tag(plan.tag.as_str()).paint(usize::MAX, Colour::No));
    let subject = plan.source.subject.as_ref().map_or_else(String::new, |subject| format!(" {}", prose(&clip(subject))));
    format!("{tag}{subject} → {}", code(&plan.cluster))
}

fn steps(listing: &[PlannedStep]) -> Part {
    let mut number = 0;
    let rows = listing.iter().map(|step| {
        let sign = match step.work {
            Work::Reused => "\\-".to_owned(),
            Work::ToDo => {
                number += 1;
                number.to_string()
            }
        };
        [sign, prose(&step.verb), prose(&clip(&step.subject)), prose(&clip(&step.because))]
    });
    Part::table(["", "step", "", ""], rows.collect::<Vec<_>>())
}
