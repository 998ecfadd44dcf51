//! What CodeDeploy does otherwise: it pauses at Ready alone, moves traffic by time whatever judges, and its deployment group
//! says how long the earlier version is kept.

use serde_json::{Value, json};

use super::group::waits;
use super::outcome::{At, Expected, Fails, Guard, Outcome, With};
use super::place::{PLANNED, Place};
use super::strategy::Strategy;

/// Minutes between the steps, and until the earlier tasks go.
fn times(outcome: Outcome, strategy: Strategy) -> (&'static str, u32) {
    match outcome {
        // It goes back before its time is over.
        Outcome::Broken | Outcome::BrokenAlarmed | Outcome::Alarm | Outcome::Stopped | Outcome::Interrupted => ("20m", 20),
        Outcome::Resumed(_) => ("2m", 3),
        _ if strategy == Strategy::Canary => ("2m", 1),
        _ => ("1m", 1),
    }
}

/// Lines of the service in the pipeline file.
pub fn lines(outcome: Outcome, strategy: Strategy, name: &str) -> String {
    let (step, last) = times(outcome, strategy);
    let more = match (outcome, strategy) {
        (Outcome::BrokenAlarmed, _) => format!("    judge: {{ errors: ~, alarms: [{name}-5xx] }}\n"),
        (Outcome::Broken, _) => "    judge: { errors: { worse_by: 5%, at_least: 20 requests } }\n".to_owned(),
        // What is judged is followed until the earlier tasks go.
        (
            Outcome::Alarm
            | Outcome::Stopped
            | Outcome::Interrupted
            | Outcome::Resumed(_)
            | Outcome::Left(Guard::Judge, At::ScaleUp),
            _,
        ) => {
            format!("    judge: {{ errors: ~, alarms: [{name}-desk], patience: 20m }}\n")
        }
        (Outcome::Left(Guard::Judge, At::Traffic), _) => {
            "    judge: { errors: { at_least: 1000000 requests }, patience: 20m }\n".to_owned()
        }
        (Outcome::Unanswered, _) => "    pause: { at: [before-production], timeout: 1m }\n".to_owned(),
        // What is left to CodeDeploy is left to it: the program ends once all traffic has moved.
        _ => String::new(),
    };
    strategy.baking(step, &format!("{last}m")) + &more
}

/// What is laid over the deployment group.
pub fn over(outcome: Outcome) -> Value {
    let ready = matches!(outcome, Outcome::Unanswered | Outcome::Left(Guard::Judge, At::ScaleUp)).then_some(1);
    json!({"blueGreenDeploymentConfiguration": waits(ready, times(outcome, Strategy::BlueGreen).1)})
}

/// What must come of it.
pub fn expected(outcome: Outcome, strategy: Strategy) -> Expected {
    let whole = |exit| Expected { exit, revision: 2, shares: strategy.shares().to_vec(), fails: Fails::None };
    match outcome {
        // Nothing holds it once its process is gone, whatever was to be judged.
        Outcome::Left(Guard::Judge, At::Traffic) => whole(None),
        Outcome::Unanswered => Expected { exit: Some(4), revision: 1, shares: vec![0.0], fails: Fails::None },
        other => other.expected(strategy),
    }
}

/// Where a run is killed, in order. Without its journal nobody can go on with one that has not begun.
pub fn stages(strategy: Strategy, with: With) -> Vec<Place> {
    let mut places = vec![Place::new("SCALE_UP", 0.0)];
    let shared = strategy.shares().iter().filter(|share| (0.1..100.0).contains(*share));
    places.extend(shared.map(|share| Place::new("PRODUCTION_TRAFFIC_SHIFT", *share)));
    places.push(Place::new("BAKE_TIME", 100.0));
    if with == With::Journal {
        places.insert(0, Place::new(PLANNED, 0.0));
    }
    places
}
