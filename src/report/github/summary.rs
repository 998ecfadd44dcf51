//! The job's summary in Markdown: how it ended, why, how each service stands; then what was done.

use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Exit, Failure};
use shipit_core::imagedefinitions::by_digest;
use shipit_core::release::Revision;

use super::super::markdown::{Part, clip, failure, page};
use super::super::safe::markdown::{block, code, prose};
use super::super::view::{Head, Seen, State, View, cause_words, compared_words, result_words};
use super::super::{Colour, view, words};
use super::outputs::{result, resume};

/// Of a run, as far as it is; at most so many bytes.
pub(super) fn of_run(view: &View, room: usize) -> String {
    let mut parts = vec![Part::of(title(view)), Part::of(about(view))];
    let own = view.outcome.as_ref().and_then(|outcome| outcome.failure.as_ref());
    parts.extend(own.into_iter().flat_map(failure));
    let is_other = |other: &&Failure| own.is_none_or(|own| own.what != other.what);
    parts.extend(view.steps.iter().filter_map(Seen::failure).filter(is_other).flat_map(failure));
    if let (None, Some(command)) = (&view.outcome, resume(view)) {
        let cut = "The step ended before the run did. What is in progress goes on in AWS, or goes back by itself.";
        parts.push(Part::of(format!("{cut} To go on with it: {}", code(command))));
    }
    parts.extend(services(view));
    parts.extend(compared(view));
    parts.push(images(view));
    parts.push(Part::list("notes", view.notes.iter().map(|note| prose(&clip(note)))));
    parts.push(steps(view));
    parts.extend(view.steps.iter().filter_map(|step| output(view, step)));
    parts.extend(view.head().map(|head| Part::of(format!("run {}", code(&head.run.0)))));
    page(&parts, room)
}

/// Of what ended before there was a run.
pub(super) fn of_refusal(failures: &[Failure], room: usize) -> String {
    let exit = failures.first().map_or(Exit::Failed, |failure| failure.code.exit());
    let mut parts = vec![Part::of(format!("## {}", ending(exit)))];
    parts.extend(failures.iter().flat_map(failure));
    page(&parts, room)
}

/// Of a task definition by itself.
pub(super) fn of_revision(word: &str, revision: &Revision) -> String {
    format!("## {}: ✓ {word}\n", code(revision.short()))
}

fn title(view: &View) -> String {
    let name = view.head().map_or_else(|| "shipit".to_owned(), |head| prose(&clip(&head.pipeline)));
    let ended = match (&view.outcome, result(view)) {
        (None, _) => "● not finished",
        (_, "deployed") => "✓ deployed",
        (_, "unchanged") => "✓ nothing to do",
        (_, "paused") => "● waits for a person",
        (Some(outcome), _) => ending(outcome.exit),
    };
    format!("## {name}: {ended}")
}

fn ending(exit: Exit) -> &'static str {
    match exit {
        Exit::Done | Exit::Changes => "✓ done",
        Exit::Failed => "✗ failed",
        Exit::Refused => "✗ refused",
        Exit::Gate => "✗ stopped at the gate",
        Exit::TurnedBack => "✗ turned back",
        Exit::Stuck => "✗ stuck: a person is needed",
        Exit::Running => "● still running",
        Exit::Superseded => "✗ superseded by someone else's deployment",
        Exit::Interrupted => "✗ interrupted",
    }
}

/// `4f2a91c` free shipping banner → storefront (ap-northeast-2), 1m 31s.
fn about(view: &View) -> String {
    let mut told = view.head().map_or_else(String::new, commit);
    if let Some(outcome) = &view.outcome {
        let code = match outcome.exit.code() {
            0 => String::new(),
            code => format!(", exit {code}"),
        };
        told.push_str(&format!(", {}{code}", words::duration(outcome.took_ms)));
    }
    told
}

fn commit(head: &Head) -> String {
    let tag = code(&view::tag(&head.tag).paint(usize::MAX, Colour::No));
    let subject = head.subject.as_ref().map_or_else(String::new, |subject| format!(" {}", prose(&clip(subject))));
    let environment = head.environment.as_ref().map_or_else(String::new, |name| format!(" in {}", code(name)));
    format!("{tag}{subject} → {}{environment} ({})", code(&head.cluster), code(&head.region))
}

/// Services, the worst first.
fn services(view: &View) -> Option<Part> {
    let outcome = view.outcome.as_ref()?;
    let mut all: Vec<_> = outcome.services.iter().collect();
    all.sort_by_key(|(_, service)| rank(service));
    let rows = all.into_iter().map(|(name, service)| {
        let (runs, stands) = stands(service);
        [prose(&clip(name)), runs.map_or_else(String::new, |revision| code(revision.short())), prose(&clip(&stands))]
    });
    Some(Part::table(["service", "revision", ""], rows))
}

fn rank(service: &ServiceOutcome) -> u8 {
    match service {
        ServiceOutcome::Stuck { .. } => 0,
        ServiceOutcome::Superseded { .. } => 1,
        ServiceOutcome::Paused { .. } | ServiceOutcome::InProgress { .. } => 2,
        ServiceOutcome::TurnedBack { .. } => 3,
        ServiceOutcome::Baking { .. } | ServiceOutcome::Deployed { .. } => 4,
        ServiceOutcome::Untouched => 5,
        ServiceOutcome::Unchanged { .. } => 6,
    }
}

fn stands(service: &ServiceOutcome) -> (Option<&Revision>, String) {
    let until = |at: &Option<jiff::Timestamp>| at.map_or_else(String::new, |at| format!(" until {at:.0}"));
    match service {
        ServiceOutcome::Deployed { before: Some(before), revision } => {
            (Some(revision), format!("deployed, was {}", before.short()))
        }
        ServiceOutcome::Deployed { before: None, revision } => (Some(revision), "deployed, new service".to_owned()),
        ServiceOutcome::Baking { revision, until: at, .. } => (Some(revision), format!("deployed, baking{}", until(at))),
        ServiceOutcome::Paused { revision, stage, expires_at } => {
            (Some(revision), format!("waits at {stage}{}", until(expires_at)))
        }
        ServiceOutcome::Unchanged { revision } => (Some(revision), "unchanged".to_owned()),
        ServiceOutcome::Untouched => (None, "not touched".to_owned()),
        ServiceOutcome::TurnedBack { to } => (Some(to), "turned back".to_owned()),
        ServiceOutcome::InProgress { revision } => (Some(revision), "still rolling out".to_owned()),
        ServiceOutcome::Superseded { by } => (Some(by), "someone else's deployment".to_owned()),
        ServiceOutcome::Stuck { why } => (None, format!("stuck: {why}")),
    }
}

/// How candidate and stable compared at the last look.
fn compared(view: &View) -> Vec<Part> {
    let rollouts = view.steps.iter().filter_map(|step| Some((&step.subject, step.rollout.as_ref()?.shift.as_ref()?)));
    let told = rollouts.filter_map(|(name, shift)| {
        Some(Part::of(format!("{}: {}", prose(&clip(name)), prose(&clip(&compared_words(shift.compared.as_ref()?))))))
    });
    told.collect()
}

fn images(view: &View) -> Part {
    let outcome = view.outcome.as_ref();
    let rows = outcome.into_iter().flat_map(|outcome| &outcome.images).map(|(name, digest)| {
        let repository = outcome.and_then(|outcome| outcome.repositories.get(name)).filter(|repository| !repository.is_empty());
        let whole = repository.map_or_else(|| digest.to_string(), |repository| by_digest(repository, digest));
        [prose(&clip(name)), code(&clip(&whole))]
    });
    Part::table(["image", ""], rows)
}

/// Every step in the order of the plan; what went wrong stands above what did not.
fn steps(view: &View) -> Part {
    let mut all: Vec<&Seen> = view.steps.iter().collect();
    all.sort_by_key(|step| step.failure().is_none());
    let rows = all.into_iter().map(|step| {
        let (sign, told, took) = told(step);
        let took = took.map_or_else(String::new, words::duration);
        [sign.to_owned(), prose(&clip(&step.verb)), prose(&clip(&step.subject)), prose(&clip(&told)), took]
    });
    Part::table(["", "step", "", "", "took"], rows)
}

fn told(step: &Seen) -> (&'static str, String, Option<u64>) {
    match &step.state {
        State::Waiting => ("○", "not run".to_owned(), None),
        State::GivenUp => ("○", "given up".to_owned(), None),
        State::Reused => ("✓", step.because.clone(), None),
        State::Running { .. } => ("●", step.cause.as_ref().map_or_else(|| "under way".to_owned(), cause_words), None),
        State::Done { result, took_ms } => ("✓", result_words(result), Some(*took_ms)),
        State::Failed { failure, took_ms } => ("✗", failure.what.clone(), Some(*took_ms)),
        State::NotUndone { failure } => ("✗", failure.what.clone(), None),
        State::Undoing { doing, .. } => ("←", doing.clone(), None),
        State::Undone { now } => ("←", now.clone(), None),
        State::Paused { what, took_ms } => ("●", what.clone(), Some(*took_ms)),
    }
}

/// The last lines of a build that failed.
fn output(view: &View, step: &Seen) -> Option<Part> {
    let lines: Vec<String> = view.output(&step.id).iter().map(|line| clip(line)).collect();
    let name = prose(&clip(&step.subject));
    (!lines.is_empty()).then(|| Part::of(format!("The last lines that the build of {name} printed:\n\n{}", block("", &lines))))
}

#[cfg(test)]
mod tests {
    use shipit_core::event::{Event, Progress};
    use shipit_core::failure::Code;

    use super::super::super::stories::Story;
    use super::*;

    /// What GitHub takes.
    const ROOM: usize = 1024 * 1024;

    #[test]
    fn a_run_that_went_well() {
        insta::assert_snapshot!(of_run(&Story::success().view(), ROOM), @r"
        ## storefront: ✓ deployed

        `4f2a91c` free shipping banner → `storefront` (`ap-northeast-2`), 1m 31s

        | service | revision |  |
        |---|---|---|
        | frontend | `frontend:43` | deployed, was frontend:42 |
        | backend | `backend:17` | unchanged |

        | image |  |
        |---|---|
        | backend | `123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/backend@sha256:9c1e000000000000000000000000000000000000000000000000000000000000` |
        | frontend | `123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/frontend@sha256:77ab000000000000000000000000000000000000000000000000000000000000` |

        |  | step |  |  | took |
        |---|---|---|---|---|
        | ✓ | build | backend | sha256:9c1e8d7f6a5b is in the registry under this tag and was built from the same inputs |  |
        | ✓ | gate | backend | 0 critical, 0 high, 2 medium, 1 waived | 0.2s |
        | ✓ | build | frontend | built 1 of 2 steps | 3.1s |
        | ✓ | push | frontend | pushed 3.1 MB by shipit | 1.1s |
        | ✓ | gate | frontend | 0 critical, 0 high, 1 medium, 1 waived | 1.9s |
        | ✓ | artefacts | frontend | 3 files | 0.0s |
        | ✓ | register | frontend | frontend:42 → frontend:43   image, +1 env | 0.2s |
        | ✓ | roll | frontend | rolled out frontend:43, 2 tasks running | 1m 12s |
        | ✓ | smoke | frontend | 200 from http:&#8203;//storefront-1.elb.amazonaws.com/health | 0.3s |
        | ✓ | roll | backend | backend:17 runs already |  |

        run `20261118T084640-abc0`
        ");
    }

    #[test]
    fn a_run_that_was_turned_back_says_why_before_all_else() {
        insta::assert_snapshot!(of_run(&Story::turned_back().view(), ROOM), @r"
        ## storefront: ✗ turned back

        `4f2a91c` free shipping banner → `storefront` (`ap-northeast-2`), 1m 23s, exit 4

        ### SHIP201: `frontend` was turned back to frontend:42

        **because**

        - task 3f2a91c0 stopped: Essential container in task exited (web exited with 1)
        - its last log lines: connect ECONNREFUSED backend:3333 &#124; exiting
        - ECS: tasks failed to start.

        **now**

        - `frontend` serves frontend:42 again

        **next**

        - fix the cause, then deploy again

        | service | revision |  |
        |---|---|---|
        | frontend | `frontend:42` | turned back |
        | backend | `backend:17` | unchanged |

        | image |  |
        |---|---|
        | backend | `123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/backend@sha256:9c1e000000000000000000000000000000000000000000000000000000000000` |
        | frontend | `123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/frontend@sha256:77ab000000000000000000000000000000000000000000000000000000000000` |

        |  | step |  |  | took |
        |---|---|---|---|---|
        | ✗ | roll | frontend | `frontend` was turned back to frontend:42 | 1m 04s |
        | ✓ | build | backend | sha256:9c1e8d7f6a5b is in the registry under this tag and was built from the same inputs |  |
        | ✓ | gate | backend | 0 critical, 0 high, 2 medium, 1 waived | 0.2s |
        | ✓ | build | frontend | built 1 of 2 steps | 3.1s |
        | ✓ | push | frontend | pushed 3.1 MB by shipit | 1.1s |
        | ✓ | gate | frontend | 0 critical, 0 high, 1 medium, 1 waived | 1.9s |
        | ✓ | artefacts | frontend | 3 files | 0.0s |
        | ✓ | register | frontend | frontend:42 → frontend:43   image, +1 env | 0.2s |
        | ○ | smoke | frontend | not run |  |
        | ✓ | roll | backend | backend:17 runs already |  |

        run `20261118T084640-abc0`
        ");
    }

    #[test]
    fn a_build_that_failed_and_a_run_that_was_cut() {
        let mut story = Story::new();
        story.planned().start("build frontend");
        insta::assert_snapshot!(of_run(&story.view(), ROOM), @r"
        ## storefront: ● not finished

        `4f2a91c` free shipping banner → `storefront` (`ap-northeast-2`)

        The step ended before the run did. What is in progress goes on in AWS, or goes back by itself. To go on with it: `shipit resume 20261118T084640-abc0`

        |  | step |  |  | took |
        |---|---|---|---|---|
        | ✓ | build | backend | sha256:9c1e8d7f6a5b is in the registry under this tag and was built from the same inputs |  |
        | ○ | gate | backend | not run |  |
        | ● | build | frontend | under way |  |
        | ○ | push | frontend | not run |  |
        | ○ | gate | frontend | not run |  |
        | ○ | artefacts | frontend | not run |  |
        | ○ | register | frontend | not run |  |
        | ○ | roll | frontend | not run |  |
        | ○ | smoke | frontend | not run |  |
        | ✓ | roll | backend | backend:17 runs already |  |

        run `20261118T084640-abc0`
        ");
        story.progress("build frontend", Progress::BuildOutput { line: "npm ERR! missing script: build".into() });
        let failure = Failure::new(Code::BuildFailed, "`frontend` failed to build at RUN npm run build")
            .because("exit code: 1")
            .next("see `web/Dockerfile:7`");
        story.failed("build frontend", 3_000, &failure);
        story.finish(Exit::Failed, Some(failure), ServiceOutcome::Untouched, 4_000);
        insta::assert_snapshot!(of_run(&story.view(), ROOM), @r"
        ## storefront: ✗ failed

        `4f2a91c` free shipping banner → `storefront` (`ap-northeast-2`), 4.0s, exit 1

        ### SHIP304: `frontend` failed to build at RUN npm run build

        **because**

        - exit code: 1

        **next**

        - see `web/Dockerfile:7`

        | service | revision |  |
        |---|---|---|
        | backend |  | not touched |
        | frontend |  | not touched |

        | image |  |
        |---|---|
        | backend | `123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/backend@sha256:9c1e000000000000000000000000000000000000000000000000000000000000` |
        | frontend | `123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/frontend@sha256:77ab000000000000000000000000000000000000000000000000000000000000` |

        |  | step |  |  | took |
        |---|---|---|---|---|
        | ✗ | build | frontend | `frontend` failed to build at RUN npm run build | 3.0s |
        | ✓ | build | backend | sha256:9c1e8d7f6a5b is in the registry under this tag and was built from the same inputs |  |
        | ○ | gate | backend | not run |  |
        | ○ | push | frontend | not run |  |
        | ○ | gate | frontend | not run |  |
        | ○ | artefacts | frontend | not run |  |
        | ○ | register | frontend | not run |  |
        | ○ | roll | frontend | not run |  |
        | ○ | smoke | frontend | not run |  |
        | ✓ | roll | backend | backend:17 runs already |  |

        The last lines that the build of frontend printed:

        ```
        npm ERR! missing script: build
        ```

        run `20261118T084640-abc0`
        ");
    }

    #[test]
    fn it_fits_whatever_happens_and_its_beginning_stays() {
        let mut story = Story::new();
        let long = "<|@&`".repeat(400);
        let failure = (0..60).fold(Failure::new(Code::BuildFailed, &long), |failure, _| failure.because(&long).next(&long));
        story.planned();
        for n in 0..300 {
            story.failed(&format!("build {n}{long}"), 1, &failure).tell(Event::Notice { message: long.clone() });
        }
        story.finish(Exit::Failed, Some(failure), ServiceOutcome::Stuck { why: long }, 1);
        for room in [ROOM, 60_000, 300, 0] {
            let summary = of_run(&story.view(), room);
            assert!(summary.len() <= room && (room < 300 || summary.starts_with("## storefront: ✗ failed\n")), "{room}");
        }
    }
}
