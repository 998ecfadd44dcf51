//! Commands that messages name, as a person can type them: with the flags by which this one was given its pipeline.

use std::sync::OnceLock;

use shipit_core::event::{Event, Outcome, Progress};
use shipit_core::failure::Failure;

use super::Place;

/// Commands that take [`Place`].
const COMMANDS: [&str; 14] = [
    "deploy",
    "plan",
    "build",
    "push",
    "scan",
    "render",
    "rollback",
    "prune",
    "lock status",
    "lock release",
    "resume",
    "continue",
    "status",
    "wait",
];

/// The flags of this process, as they were given.
static GIVEN: OnceLock<String> = OnceLock::new();

/// Keeps the flags that every command of this pipeline needs.
pub fn remember(common: &Place) {
    let _only_once = GIVEN.set(flags(common));
}

/// A line for a person, in which every command of shipit works when it is pasted.
pub fn line(text: &str) -> String {
    GIVEN.get().map_or_else(|| text.to_owned(), |flags| with(text, flags))
}

/// The same for a failure.
pub fn failure(failure: Failure) -> Failure {
    let lines = |lines: Vec<String>| lines.iter().map(|text| line(text)).collect();
    Failure { because: lines(failure.because), now: lines(failure.now), next: lines(failure.next), ..failure }
}

/// The same for how a run ended.
pub fn outcome(outcome: Outcome) -> Outcome {
    Outcome { failure: outcome.failure.map(failure), ..outcome }
}

/// The same for an event.
pub fn event(event: Event) -> Event {
    match event {
        Event::StepFailed { step, failure: why, took_ms } => Event::StepFailed { step, failure: failure(why), took_ms },
        Event::UndoFailed { step, failure: why } => Event::UndoFailed { step, failure: failure(why) },
        Event::Notice { message } => Event::Notice { message: line(&message) },
        Event::StepProgress { step, progress: Progress::Rollout(mut seen) } => {
            seen.waiting_for = line(&seen.waiting_for);
            Event::StepProgress { step, progress: Progress::Rollout(seen) }
        }
        Event::RunFinished { outcome: how } => Event::RunFinished { outcome: outcome(how) },
        event => event,
    }
}

fn flags(common: &Place) -> String {
    let mut flags = String::new();
    let file = common.file.display().to_string();
    let own_profile = std::env::var("AWS_PROFILE").ok();
    let values = [
        ("-f", Some(&file).filter(|file| *file != "shipit.yaml")),
        ("--service", common.given.lone.as_ref()),
        ("--task-definition", common.given.task_definition.as_ref()),
        ("--env", common.environment.as_ref()),
        ("--cluster", common.cluster.as_ref()),
        ("--region", common.region.as_ref()),
        ("--profile", common.profile.as_ref().filter(|profile| own_profile.as_ref() != Some(*profile))),
    ];
    for (flag, value) in values {
        if let Some(value) = value {
            flags.push_str(&format!(" {flag} {}", quoted(value)));
        }
    }
    if common.given.force_new_deployment {
        flags.push_str(" --force-new-deployment");
    }
    if common.sandbox {
        flags.push_str(" --sandbox");
    }
    flags
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+=,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The flags after the verb of each command; a command that names its file already stays as it is.
fn with(text: &str, flags: &str) -> String {
    let mut told = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("shipit ") {
        let (before, command) = rest.split_at(at + "shipit ".len());
        told.push_str(before);
        rest = command;
        let ends = |verb: &&&str| {
            command.strip_prefix(**verb).is_some_and(|after| !after.starts_with(|letter: char| letter.is_alphanumeric()))
        };
        if let Some(verb) = COMMANDS.iter().find(ends).filter(|verb| !command[verb.len()..].starts_with(" -f ")) {
            told.push_str(verb);
            told.push_str(flags);
            rest = &command[verb.len()..];
        }
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn given(arguments: &[&str]) -> String {
        let cli = Cli::try_parse_from(["shipit", "status"].iter().chain(arguments)).unwrap();
        let Command::Status(status) = cli.command else { panic!("{arguments:?}") };
        flags(&status.common)
    }

    #[test]
    fn flags_are_those_that_were_given() {
        assert_eq!(given(&[]), "");
        assert_eq!(given(&["-f", "shipit.yaml"]), "", "that is the default");
        assert_eq!(
            given(&["--sandbox", "--env", "production", "-f", "my pipelines/it's.yaml"]),
            r" -f 'my pipelines/it'\''s.yaml' --env production --sandbox"
        );
        assert_eq!(
            given(&["--service", "web", "--task-definition", "web.json", "--force-new-deployment"]),
            " --service web --task-definition web.json --force-new-deployment",
            "without a file it is the flags that say which pipeline"
        );
        assert_eq!(given(&["--cluster", "blue", "--region", "eu-west-1"]), " --cluster blue --region eu-west-1");
    }

    #[test]
    fn each_command_in_a_line_can_be_pasted() {
        let pasted = |text: &str| with(text, " -f a.yaml");
        assert_eq!(pasted("shipit continue web --proceed"), "shipit continue -f a.yaml web --proceed");
        assert_eq!(pasted("shipit wait, or shipit rollback web"), "shipit wait -f a.yaml, or shipit rollback -f a.yaml web");
        assert_eq!(
            pasted("first `shipit status`, then `shipit lock release`"),
            "first `shipit status -f a.yaml`, then `shipit lock release -f a.yaml`"
        );
        for same in ["shipit explain SHIP207", "shipit resume -f FILE --env NAME", "ask who runs shipit here", "shipit waits"] {
            assert_eq!(pasted(same), same);
        }
    }
}
