//! A failed rollout's reasons as a person reads them: the cause, what ECS said, the last words, what was deployed.

use shipit_core::dossier::Dossier;
use shipit_core::failure::{Cause, Code, Failure, Kind};
use shipit_core::rollout::Why;

/// Adds why the rollout failed, most telling first.
pub fn reasons(mut failure: Failure, why: &Why, found: Option<&(Dossier, Cause)>) -> Failure {
    let judged = matches!(why, Why::Worse { .. } | Why::Inconclusive { .. } | Why::Answered);
    if judged {
        failure = decided(failure, why);
    }
    // What shipit itself has asked for is no cause of its own.
    let ours = |cause: &Cause| judged && matches!(cause.cause, Kind::Unknown | Kind::Hook);
    if let Some((dossier, cause)) = found.filter(|(_, cause)| !ours(cause)) {
        failure = failure.because(match cause.cause {
            Kind::Unknown => cause.because.clone(),
            kind => format!("{}: {}", kind.words(), cause.because),
        });
        failure = captured(failure, dossier, cause);
    }
    let told = matches!(why, Why::Ecs { reason } if found.is_some_and(|(_, cause)| cause.because.ends_with(reason)));
    if !judged && !told {
        failure = decided(failure, why);
    }
    match found {
        Some((dossier, _)) => surroundings(failure, dossier),
        None => failure,
    }
}

/// Adds what to do: what the cause suggests, or `otherwise`.
pub fn advice(failure: Failure, found: Option<&(Dossier, Cause)>, otherwise: &str) -> Failure {
    match found {
        Some((_, cause)) => failure.next(cause.next.clone()),
        None => failure.next(otherwise),
    }
}

/// The first failed task and its last words, in ECS's own words.
fn captured(mut failure: Failure, dossier: &Dossier, cause: &Cause) -> Failure {
    if let Some(stop) = dossier.stops.first() {
        let ends = stop.ends();
        let ends = if ends.is_empty() { String::new() } else { format!(" ({ends})") };
        let line = format!("task {} stopped: {}{ends}", stop.short(), stop.reason);
        if line != cause.because {
            failure = failure.because(line);
        }
    }
    match &dossier.log {
        Some(log) => {
            failure.because(format!("its last log lines: {}", told_once(&log.lines[log.lines.len().saturating_sub(5)..])))
        }
        None => failure,
    }
}

fn decided(failure: Failure, why: &Why) -> Failure {
    let line = match why {
        Why::Ecs { reason } => format!("ECS: {reason}"),
        Why::Hopeless { cause, stops } => {
            format!("{stops} tasks stopped for the same cause ({}), which no further task would escape", cause.words())
        }
        // This code's first words say it.
        Why::Worse { .. } if failure.code == Code::CandidateWorse => return failure,
        Why::Worse { found } => found.clone(),
        Why::Inconclusive { found } => format!("whether it is worse could not be told: {found}"),
        Why::Answered => "a person answered the pause so".to_owned(),
        Why::Unanswerable { reason } => format!("the pause could not be answered: {reason}"),
        Why::Stalled => "no progress within the patience of this rollout".to_owned(),
        Why::Aborted => "the run was given up".to_owned(),
        Why::Blind => "AWS could not be asked".to_owned(),
        Why::NothingBefore { failed } => {
            return decided(failure, failed).because("there is no earlier revision to go back to");
        }
        Why::ReturnFailed { reason } => format!("the way back failed: {reason}"),
    };
    failure.because(line)
}

/// What was deployed, and what could not be read.
fn surroundings(mut failure: Failure, dossier: &Dossier) -> Failure {
    let change = &dossier.change;
    if let Some(difference) = &change.difference {
        let subject = change.subject.as_ref().map_or_else(String::new, |subject| format!(" \"{subject}\""));
        failure = failure.because(format!("what was deployed: {difference}, by {}{subject}", change.commit.short()));
    }
    for unread in &dossier.unread {
        let allow = unread.permission.as_ref().map_or_else(String::new, |permission| format!("; allow `{permission}` to see it"));
        failure = failure.because(format!("{} could not be read: {}{allow}", unread.what, unread.why));
    }
    failure
}

/// Log lines side by side; one that repeats is told once, with how often it came.
fn told_once(lines: &[String]) -> String {
    let mut told: Vec<(&str, usize)> = Vec::new();
    for line in lines {
        match told.last_mut() {
            Some((last, times)) if last == line => *times += 1,
            _ => told.push((line, 1)),
        }
    }
    let words =
        told.into_iter().map(|(line, times)| if times == 1 { line.to_owned() } else { format!("{line} ({times} times)") });
    words.collect::<Vec<_>>().join(" | ")
}
