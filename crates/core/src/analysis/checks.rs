//! Probes and alarms: what is either so or not.

use jiff::{SignedDuration, Timestamp};

use super::{AlarmState, Answered, Evidence, Finding, Needs, Probe, Probed, Samples, Verdict};

/// An answer older than this says nothing of now.
const FRESH: SignedDuration = SignedDuration::from_mins(3);

/// The last two answers in a row decide: two bad ones are worse, a bad one must be asked again, and so must one that could not
/// be sent.
pub(super) fn probe(wanted: &Probe, samples: &Samples) -> Finding {
    let mut answers: Vec<&Probed> =
        samples.probes.iter().filter(|answer| answer.name == wanted.name && answer.at <= samples.at).collect();
    answers.sort_by_key(|answer| (answer.at, answer.answer != Answered::Expected));
    let said = |answer: &&Probed| match &answer.answer {
        Answered::Otherwise(said) => Some(said.clone()),
        Answered::Expected | Answered::Unsent(_) => None,
    };
    let name = wanted.name.clone();
    let asked: Vec<&Probed> = answers.iter().filter(|answer| !matches!(answer.answer, Answered::Unsent(_))).copied().collect();
    let failed = asked.iter().rev().take_while(|answer| said(answer).is_some()).count();
    let fresh = answers.last().is_some_and(|answer| samples.at.duration_since(answer.at) <= FRESH);
    let unsent = answers.last().and_then(|answer| match &answer.answer {
        Answered::Unsent(why) => Some(why.clone()),
        Answered::Expected | Answered::Otherwise(_) => None,
    });
    let verdict = match (failed, &unsent) {
        (2.., _) => Verdict::Worse,
        (0, None) if fresh => Verdict::Same,
        _ => Verdict::Inconclusive,
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let evidence = match unsent {
        Some(why) if verdict != Verdict::Worse => Evidence::Unsent { name, why },
        _ => Evidence::Probe { name, failed: count(failed), asked: count(asked.len()), said: asked.iter().rev().find_map(said) },
    };
    Finding { verdict, evidence, needs: Needs::NOTHING }
}

/// ALARM is worse at once; INSUFFICIENT_DATA objects to nothing; an alarm that is not there cannot be relied upon.
pub(super) fn alarm(name: &str, samples: &Samples) -> Finding {
    let state = samples.alarms.get(name).cloned();
    let verdict = match state {
        Some(AlarmState::Alarm) => Verdict::Worse,
        Some(AlarmState::Ok | AlarmState::InsufficientData) => Verdict::Same,
        Some(AlarmState::Other(_)) | None => Verdict::Inconclusive,
    };
    Finding { verdict, evidence: Evidence::Alarm { name: name.to_owned(), state }, needs: Needs::NOTHING }
}

/// The newest minute that was compared is so long ago that nobody knows how it is now.
pub(super) fn stale(name: &str, newest: Option<Timestamp>, at: Timestamp, limit: SignedDuration) -> Option<Finding> {
    let last = newest.filter(|&newest| at.duration_since(newest) > limit)?;
    let needs = Needs { requests: 1, minutes: 1 };
    Some(Finding { verdict: Verdict::Inconclusive, evidence: Evidence::Stale { name: name.to_owned(), last }, needs })
}
