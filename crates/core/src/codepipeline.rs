//! What CodePipeline is told of a deploy that a custom action's job asked for: the revision, or the cause. Pure.

use std::collections::BTreeMap;

use crate::event::{Event, Outcome, ServiceOutcome, Stamped};
use crate::failure::{Code, Exit, Failure};
use crate::release::RunId;

/// Most characters of a failure's message.
const MESSAGE: usize = 5000;
/// Most characters of a summary.
const SUMMARY: usize = 2048;
/// Most characters of a revision.
const REVISION: usize = 1500;
/// Most bytes of all output variables.
const VARIABLES: usize = 122_880;

/// How a deploy ended, as its process told it.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// Its exit code; none where it was killed.
    pub exit: Option<u8>,
    /// Its events, one a line.
    pub events: String,
    /// What it said to people.
    pub said: String,
}

/// What the job is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is deployed.
    Success(Success),
    /// It is not over: the job is to be offered again.
    Later {
        /// The run to go on with.
        run: RunId,
        /// How it stands.
        summary: String,
    },
    /// It is not deployed.
    Failure {
        /// Whose affair it is.
        kind: FailureKind,
        /// The cause.
        message: String,
        /// The run, where there was one.
        run: Option<RunId>,
    },
}

/// A deploy that went well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Success {
    /// The run.
    pub run: Option<RunId>,
    /// The task definition revisions that run now.
    pub revision: String,
    /// How it stands.
    pub summary: String,
    /// For the actions that follow.
    pub variables: BTreeMap<String, String>,
}

/// CodePipeline's kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The deploy failed.
    JobFailed,
    /// The pipeline file, the action or what another stage built has to be changed.
    ConfigurationError,
    /// A permission or credentials are missing.
    PermissionError,
    /// Something newer is deployed.
    RevisionOutOfSync,
    /// The input artefact could not be had.
    RevisionUnavailable,
    /// AWS could not be reached.
    SystemUnavailable,
}

impl FailureKind {
    /// CodePipeline's word.
    pub fn word(self) -> &'static str {
        match self {
            FailureKind::JobFailed => "JobFailed",
            FailureKind::ConfigurationError => "ConfigurationError",
            FailureKind::PermissionError => "PermissionError",
            FailureKind::RevisionOutOfSync => "RevisionOutOfSync",
            FailureKind::RevisionUnavailable => "RevisionUnavailable",
            FailureKind::SystemUnavailable => "SystemUnavailable",
        }
    }

    fn of(code: Option<Code>) -> Self {
        match code {
            Some(Code::Denied | Code::NoCredentials | Code::ExpiredCredentials | Code::WrongAccount) => {
                FailureKind::PermissionError
            }
            Some(Code::OlderCommit | Code::Superseded | Code::DeployedMeanwhile) => FailureKind::RevisionOutOfSync,
            Some(Code::Unreachable | Code::Throttled) => FailureKind::SystemUnavailable,
            Some(code) if code.exit() == Exit::Refused => FailureKind::ConfigurationError,
            _ => FailureKind::JobFailed,
        }
    }
}

/// The answer to the job of a deploy that has ended.
pub fn answer(ended: &Ended) -> Answer {
    let (run, tag, outcome) = told(&ended.events);
    let exit = Exit::ALL.into_iter().find(|exit| Some(exit.code()) == ended.exit);
    let stands = outcome.as_ref().map(standing).unwrap_or_default();
    match (exit, run) {
        (Some(Exit::Done), run) => Answer::Success(success(run, tag, outcome, &stands)),
        (Some(Exit::Running), Some(run)) => {
            let next = outcome.and_then(|outcome| outcome.failure).map(|failure| failure.next).unwrap_or_default();
            // Going on is the worker's own affair.
            let next = next
                .iter()
                .filter(|line| !line.starts_with("shipit resume"))
                .map(|line| format!("\nnext: {line}"))
                .collect::<String>();
            Answer::Later { run, summary: bounded(&format!("still running; {stands}{next}"), SUMMARY) }
        }
        (_, run) => {
            let failure = outcome.and_then(|outcome| outcome.failure);
            let code = failure.as_ref().map(|failure| failure.code).or_else(|| code(&ended.said));
            let message = match (&failure, exit) {
                (Some(failure), _) => text(failure),
                (None, Some(exit)) => format!("{}\n{}", exit.meaning(), refusal(&ended.said)),
                (None, None) => format!("shipit ended before its time\n{}", refusal(&ended.said)),
            };
            Answer::Failure { kind: FailureKind::of(code), message: bounded(message.trim(), MESSAGE), run }
        }
    }
}

/// The answer to a job whose deploy could not begin.
pub fn refused(failure: &Failure, kind: FailureKind) -> Answer {
    Answer::Failure { kind, message: bounded(&text(failure), MESSAGE), run: None }
}

fn told(events: &str) -> (Option<RunId>, Option<String>, Option<Outcome>) {
    let (mut run, mut tag, mut outcome) = (None, None, None);
    for line in events.lines() {
        match serde_json::from_str(line) {
            Ok(Stamped { event: Event::RunStarted { run: named, tag: given, .. }, .. }) => {
                (run, tag) = (Some(named), Some(given))
            }
            Ok(Stamped { event: Event::RunFinished { outcome: found }, .. }) => outcome = Some(found),
            _ => {}
        }
    }
    (run, tag, outcome)
}

fn success(run: Option<RunId>, tag: Option<String>, outcome: Option<Outcome>, stands: &str) -> Success {
    let outcome = outcome.as_ref();
    let services = outcome.into_iter().flat_map(|outcome| &outcome.services);
    let running: Vec<(&String, &str)> = services
        .filter_map(|(name, stands)| match stands {
            ServiceOutcome::Deployed { revision, .. } | ServiceOutcome::Baking { revision, .. } => {
                Some((name, revision.as_str()))
            }
            ServiceOutcome::Unchanged { revision } => Some((name, revision.as_str())),
            _ => None,
        })
        .collect();
    let images = outcome.into_iter().flat_map(|outcome| &outcome.images);
    let known = [("Run", run.as_ref().map(|run| run.0.clone())), ("Tag", tag)];
    let named = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let named = named.chain(running.iter().map(|(name, revision)| (variable("Revision", name), (*revision).to_owned())));
    let named = named.chain(images.map(|(name, digest)| (variable("Digest", name), digest.0.clone())));
    let mut size = 0;
    let variables = named.take_while(|(name, value)| {
        size += name.len() + value.len();
        size <= VARIABLES
    });
    let revisions: Vec<&str> = running.iter().map(|(_, revision)| *revision).collect();
    Success {
        variables: variables.collect(),
        revision: bounded(&revisions.join(","), REVISION),
        summary: bounded(if stands.is_empty() { "nothing to do" } else { stands }, SUMMARY),
        run,
    }
}

/// A name that CodePipeline takes for a variable.
fn variable(what: &str, name: &str) -> String {
    let allowed = |letter: char| if letter.is_ascii_alphanumeric() || "@-_".contains(letter) { letter } else { '-' };
    format!("{what}-{}", name.chars().map(allowed).collect::<String>())
}

fn standing(outcome: &Outcome) -> String {
    let words = outcome.services.iter().map(|(name, stands)| match stands {
        ServiceOutcome::Deployed { revision, .. } => format!("{name}: {} deployed", revision.short()),
        ServiceOutcome::Baking { revision, .. } => format!("{name}: {} serves", revision.short()),
        ServiceOutcome::Paused { revision, stage, .. } => format!("{name}: {} waits at {stage}", revision.short()),
        ServiceOutcome::Unchanged { revision } => format!("{name}: {} runs already", revision.short()),
        ServiceOutcome::TurnedBack { to } => format!("{name}: back on {}", to.short()),
        ServiceOutcome::InProgress { revision } => format!("{name}: {} in progress", revision.short()),
        _ => format!("{name}: untouched"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The four parts, as plain lines.
fn text(failure: &Failure) -> String {
    let mut text = format!("{}: {}", failure.code, failure.what);
    for (label, lines) in [("because", &failure.because), ("now", &failure.now), ("next", &failure.next)] {
        for line in lines {
            text.push_str(&format!("\n{label}: {line}"));
        }
    }
    text
}

/// From the first refusal or error on; all of it where there is none.
fn refusal(said: &str) -> &str {
    let begins = |line: &&str| line.starts_with("refused[") || line.starts_with("error[") || line.starts_with("error:");
    let first = said.lines().find(begins);
    first.map_or(said, |line| &said[line.as_ptr() as usize - said.as_ptr() as usize..])
}

/// `SHIP204` of `error[SHIP204]`.
fn code(said: &str) -> Option<Code> {
    let (word, _) = refusal(said).split_once(']')?;
    Code::try_from(word.split_once('[')?.1.to_owned()).ok()
}

/// Text for a page that is not ours: no control characters but line ends, and no more than it takes.
fn bounded(text: &str, most: usize) -> String {
    let plain = text.chars().filter(|letter| *letter == '\n' || !letter.is_control());
    let plain: String = plain.take(most).collect();
    if plain.is_empty() { "-".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{Digest, Revision};

    fn ended(exit: u8, outcome: Option<Outcome>, said: &str) -> Ended {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let started = Event::RunStarted {
            run: RunId("run-1".into()),
            pipeline: "shop".into(),
            environment: None,
            tag: "4f2a".into(),
            subject: None,
            cluster: "shop".into(),
            region: "eu".into(),
            resume: String::new(),
        };
        let events = outcome.map(|outcome| vec![started, Event::RunFinished { outcome }]).unwrap_or_default();
        let lines = events.into_iter().map(|event| serde_json::to_string(&Stamped { at, event }).unwrap());
        Ended { exit: Some(exit), events: lines.collect::<Vec<_>>().join("\n"), said: said.to_owned() }
    }

    fn outcome(exit: Exit, stands: ServiceOutcome, failure: Option<Failure>) -> Outcome {
        let services = BTreeMap::from([("web.shop".to_owned(), stands)]);
        let images = BTreeMap::from([("web".to_owned(), Digest("sha256:77".into()))]);
        Outcome { exit, failure, services, images, repositories: BTreeMap::new(), artefacts: Vec::new(), took_ms: 1 }
    }

    fn revision() -> Revision {
        Revision("arn:aws:ecs:eu:1:task-definition/web:8".into())
    }

    #[test]
    fn a_deploy_that_went_well_tells_its_revision() {
        let deployed = ServiceOutcome::Deployed { before: None, revision: revision() };
        let Answer::Success(told) = answer(&ended(0, Some(outcome(Exit::Done, deployed, None)), "")) else { panic!() };
        assert_eq!((told.revision.as_str(), told.summary.as_str()), (revision().as_str(), "web.shop: web:8 deployed"));
        assert_eq!(told.run, Some(RunId("run-1".into())));
        let expected =
            [("Digest-web", "sha256:77"), ("Revision-web-shop", revision().as_str()), ("Run", "run-1"), ("Tag", "4f2a")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(told.variables, BTreeMap::from(expected));
    }

    #[test]
    fn one_that_waits_is_offered_again_with_its_run() {
        let paused = ServiceOutcome::Paused { revision: revision(), stage: "POST_TEST_TRAFFIC_SHIFT".into(), expires_at: None };
        let waits = Failure::new(Code::Paused, "it waits").next("shipit continue web --proceed").next("shipit resume run-1");
        let told = answer(&ended(6, Some(outcome(Exit::Running, paused, Some(waits))), ""));
        let summary = "still running; web.shop: web:8 waits at POST_TEST_TRAFFIC_SHIFT\nnext: shipit continue web --proceed";
        let summary = summary.to_owned();
        assert_eq!(told, Answer::Later { run: RunId("run-1".into()), summary });
    }

    #[test]
    fn the_cause_of_a_failure_is_told_by_kind() {
        for (code, kind) in [
            (Code::RolloutTurnedBack, FailureKind::JobFailed),
            (Code::GateBlocked, FailureKind::JobFailed),
            (Code::Superseded, FailureKind::RevisionOutOfSync),
            (Code::Denied, FailureKind::PermissionError),
            (Code::Unreachable, FailureKind::SystemUnavailable),
            (Code::NeverMoves, FailureKind::ConfigurationError),
        ] {
            let failure = Failure::new(code, "it broke").because("of\u{1b}[31m that").now("untouched").next("try");
            let back = ServiceOutcome::TurnedBack { to: revision() };
            let told = answer(&ended(4, Some(outcome(Exit::TurnedBack, back, Some(failure))), "error[SHIP001]: other"));
            let message = format!("{code}: it broke\nbecause: of[31m that\nnow: untouched\nnext: try");
            assert_eq!(told, Answer::Failure { kind, message, run: Some(RunId("run-1".into())) });
        }
    }

    #[test]
    fn what_was_refused_before_a_run_is_told_in_the_words_of_the_refusal() {
        let said = "notice: something\nrefused[SHIP503]: AWS denies it\n  because  of that\n";
        let Answer::Failure { kind, message, run } = answer(&ended(2, None, said)) else { panic!() };
        assert_eq!((kind, run), (FailureKind::PermissionError, None));
        assert_eq!(message, "refused before anything was done\nrefused[SHIP503]: AWS denies it\n  because  of that");
        let killed = Ended { exit: None, ..Ended::default() };
        let Answer::Failure { message, .. } = answer(&killed) else { panic!() };
        assert_eq!(message, "shipit ended before its time");
        let Answer::Failure { message, .. } = answer(&ended(1, None, &"é".repeat(9000))) else { panic!() };
        assert_eq!(message.chars().count(), 5000);
    }
}
