//! What follows from all looks so far: go on, wait, or turn back. Time alone never lets anything pass.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Judge, Judgement, MINUTE, Verdict};

/// A look older than this says nothing of now.
const FRESH: SignedDuration = SignedDuration::from_mins(3);

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// Two looks agree that the candidate is not worse.
    Proceed,
    /// Look again.
    Wait,
    /// Bring the stable version back.
    TurnBack(Grounds),
}

/// Why the candidate goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grounds {
    /// It is worse.
    Worse,
    /// It could not be told within the patience.
    Inconclusive,
}

/// What follows at `now` (AWS's time) from the looks since `since`, when the traffic that is judged began; their order does
/// not matter. Whoever could not look passes the looks there are: old ones never let anything pass.
pub fn course(judge: &Judge, since: Timestamp, looks: &[Judgement], now: Timestamp) -> Course {
    let mut looks: Vec<&Judgement> = looks.iter().filter(|look| look.at >= since && look.at <= now).collect();
    looks.sort_by_key(|look| (look.at, look.verdict));
    let Some(newest) = looks.last() else { return patience(judge, since, now) };
    if looks.iter().any(|look| look.verdict == Verdict::Worse) {
        return Course::TurnBack(Grounds::Worse);
    }
    let newest: Vec<&Judgement> = looks.iter().rev().take_while(|look| look.at == newest.at).copied().collect();
    if !newest.iter().all(|look| passes(look)) || now.duration_since(newest[0].at) > FRESH {
        return patience(judge, since, now);
    }
    let agreed = looks.iter().rev().take_while(|look| passes(look)).any(|look| newest.iter().all(|newest| apart(look, newest)));
    if agreed { Course::Proceed } else { Course::Wait }
}

fn passes(look: &Judgement) -> bool {
    matches!(look.verdict, Verdict::Better | Verdict::Same)
}

/// Two looks are two opinions only when the newer one has seen a minute more.
fn apart(older: &Judgement, newer: &Judgement) -> bool {
    newer.at.duration_since(older.at) >= MINUTE && (newer.through > older.through || newer.through.is_none())
}

fn patience(judge: &Judge, since: Timestamp, now: Timestamp) -> Course {
    if now.duration_since(since) >= judge.patience { Course::TurnBack(Grounds::Inconclusive) } else { Course::Wait }
}
