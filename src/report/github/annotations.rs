//! Failures as annotations: workflow commands, at the line at fault where one is known.

use shipit_core::event::Outcome;
use shipit_core::failure::{Exit, Failure};

use super::super::view::{State, View};
use super::super::{ink, safe};
use super::Place;

/// GitHub keeps so many of a kind for a step.
const MOST: usize = 10;
/// Lines of each part of a failure, and columns of a line, that are told.
const LINES: usize = 6;
const WIDTH: usize = 400;
/// Characters of a message; the runner cuts at 4,096.
const LONG: usize = 3_500;

/// Those of a run that has ended: its own failure, then those of other steps.
pub(super) fn of_run(view: &View, outcome: &Outcome, place: &Place) -> Vec<String> {
    let of_steps: Vec<&Failure> = view.steps.iter().filter_map(|step| step.failure()).collect();
    let own = outcome.failure.iter().map(|failure| {
        // The step says where, the outcome how all stands.
        let same = of_steps.iter().find(|of_step| of_step.what == failure.what);
        failure.clone().at(same.and_then(|same| same.at.as_deref().cloned()))
    });
    let is_other = |failure: &&&Failure| outcome.failure.as_ref().is_none_or(|own| own.what != failure.what);
    let others = of_steps.iter().filter(is_other).map(|failure| (*failure).clone());
    own.chain(others).take(MOST).map(|failure| command(outcome.exit, &failure, place)).collect()
}

/// Those of what ended before there was a run.
pub(super) fn of_refusal(failures: &[Failure], place: &Place) -> Vec<String> {
    failures.iter().take(MOST).map(|failure| command(failure.code.exit(), failure, place)).collect()
}

fn command(exit: Exit, failure: &Failure, place: &Place) -> String {
    let level = match exit {
        Exit::Done | Exit::Changes | Exit::Running | Exit::Superseded => "warning",
        _ => "error",
    };
    let mut properties = String::new();
    if let Some(at) = &failure.at
        && let Some(file) = place.in_workspace(&at.file)
    {
        properties.push_str(&format!("file={},line={},", safe::property(&file), at.line));
        properties.extend(at.column.map(|column| format!("col={column},")));
    }
    let mut text = failure.what.clone();
    for (title, lines) in [("because", &failure.because), ("now", &failure.now), ("next", &failure.next)] {
        lines.iter().take(LINES).for_each(|line| text.push_str(&format!("\n{title}: {}", ink::fit(line, WIDTH))));
    }
    let text: String = text.chars().take(LONG).collect();
    format!("::{level} {properties}title={}::{}", failure.code, safe::message(&text))
}

impl super::super::view::Seen {
    /// Why it failed or could not be undone.
    pub(super) fn failure(&self) -> Option<&Failure> {
        match &self.state {
            State::Failed { failure, .. } | State::NotUndone { failure } => Some(failure),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use shipit_core::failure::{Code, Line};

    use super::super::super::stories::Story;
    use super::*;

    fn place() -> Place {
        Place::below(std::path::Path::new("/nowhere"))
    }

    #[test]
    fn a_run_that_failed_is_told_once() {
        let view = Story::turned_back().view();
        let told = of_run(&view, view.outcome.as_ref().unwrap(), &place());
        insta::assert_snapshot!(told.join("\n"), @"::error title=SHIP201::`frontend` was turned back to frontend:42%0Abecause: task 3f2a91c0 stopped: Essential container in task exited (web exited with 1)%0Abecause: its last log lines: connect ECONNREFUSED backend:3333 | exiting%0Abecause: ECS: tasks failed to start.%0Anow: `frontend` serves frontend:42 again%0Anext: fix the cause, then deploy again");
    }

    #[test]
    fn a_refusal_stands_at_its_line() {
        let at = |file: &str| Some(Line { file: file.into(), line: 3, column: Some(7) });
        let told = of_refusal(
            &[
                Failure::new(Code::Config, "`replicas` is no key of a service").at(at("a,b:c.yaml")).next("it is `desired`"),
                Failure::new(Code::Config, "elsewhere").at(at("/etc/shipit.yaml")),
                Failure::new(Code::StillRunning, "100% sure?\r\n::error::x"),
            ],
            &place(),
        );
        insta::assert_snapshot!(told.join("\n"), @r"
        ::error file=deploy/a%2Cb%3Ac.yaml,line=3,col=7,title=SHIP001::`replicas` is no key of a service%0Anext: it is `desired`
        ::error title=SHIP001::elsewhere
        ::warning title=SHIP207::100%25 sure?%0A: :error::x
        ");
        let many = vec![Failure::new(Code::Config, "x".repeat(9_000)); 40];
        let told = of_refusal(&many, &place());
        assert_eq!(told.len(), MOST);
        assert!(told.iter().all(|line| line.len() < 4_096));
    }
}
