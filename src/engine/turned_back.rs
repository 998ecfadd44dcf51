//! A rollout that went back, in words: why, since when the earlier revision serves again, and what it has cost.

use shipit_core::failure::{Code, Failure, Kind};
use shipit_core::plan::Roll;
use shipit_core::release::Revision;
use shipit_core::rollout::Why;

use super::reasons::{advice, reasons};
use super::rollout::Ended;

/// The failure of a rollout of `revision` that is back on `to`.
pub fn failure(roll: &Roll, revision: &Revision, (to, why): (&Revision, &Why), ended: &Ended) -> Failure {
    let name = &roll.service;
    let (code, what) = match why {
        Why::Worse { found } => (Code::CandidateWorse, format!("`{name}` was turned back: {found}")),
        why => (code(why), format!("`{name}` was turned back to {}", to.short())),
    };
    let found = ended.found.as_ref();
    let mut failure = reasons(Failure::new(code, what), why, found).now(serves_again(name, to, ended));
    if let Some(toll) = found.and_then(|(dossier, _)| dossier.toll) {
        failure = failure.now(toll.words(revision.short()));
    }
    if let Some(hidden) = ended.hidden.as_ref().filter(|_| *why == Why::Stalled) {
        failure = failure.because(format!("it waited for {hidden}"));
    }
    // Where traffic told, or was to tell, what tasks and events do not tell is no advice.
    let judged = matches!(code, Code::CandidateWorse | Code::Inconclusive);
    let found = found.filter(|(_, cause)| !judged || cause.cause != Kind::Unknown);
    match code {
        Code::Inconclusive => {
            advice(failure, found, "deploy while requests come, or give it more of them: a larger first share, a longer bake")
                .next("or ask for fewer: a lower `at_least:`; `patience:` of `judge:` is how long it may stay open")
        }
        _ => advice(failure, found, "fix the cause, then deploy again"),
    }
}

fn code(why: &Why) -> Code {
    match why {
        Why::Inconclusive { .. } => Code::Inconclusive,
        Why::Stalled => Code::RolloutStalled,
        Why::Aborted => Code::Interrupted,
        _ => Code::RolloutTurnedBack,
    }
}

/// Where traffic was seen to come back, with the time since when the earlier revision has all of it.
fn serves_again(name: &str, to: &Revision, ended: &Ended) -> String {
    match ended.counting.back() {
        Some(at) => format!("`{name}` serves {} again, 100% of its traffic since {at:.0}", to.short()),
        None => format!("`{name}` serves {} again", to.short()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use shipit_core::analysis::{Count, Toll};
    use shipit_core::dossier::{Dossier, Log, Shipped};
    use shipit_core::failure::classify;
    use shipit_core::pipeline::{Share, Shift, Steps, Strategy};
    use shipit_core::plan::Driver;
    use shipit_core::release::{Commit, DeploymentId};
    use shipit_core::rollout::{Phase, Route};
    use shipit_core::settled::{Begun, ShiftSeen, Stage};

    use super::super::counting::Counting;
    use super::*;

    fn revision(number: u32) -> Revision {
        Revision(format!("arn:aws:ecs:eu-west-1:1:task-definition/frontend:{number}"))
    }

    fn roll() -> Roll {
        Roll {
            service: "frontend".into(),
            ecs_service: "frontend".into(),
            driver: Driver::Ecs,
            strategy: Strategy::Shift(Shift { steps: Steps::AllAtOnce, terminate_after: None }),
            pause: None,
            judge: None,
            alarms: Default::default(),
            wiring: Vec::new(),
            before: Some(revision(42)),
            before_configuration: serde_json::Value::Null,
            before_load_balancers: serde_json::Value::Null,
            create: None,
            desired: 8,
            expected_ms: None,
            patience_ms: 1,
        }
    }

    /// Turned back on the way inside its deployment, as of these looks at the candidate's share.
    fn ended(why: Why, looks: &[(i64, u32)]) -> Ended {
        let begun = Begun {
            service: "frontend".into(),
            revision: revision(43),
            deployment: DeploymentId("ecs-svc/2".into()),
            asked_at: Timestamp::UNIX_EPOCH,
        };
        let going = Phase::Returning { begun, route: Route::Inside, why: why.clone() };
        let mut counting = Counting::default();
        for (second, percent) in looks {
            let shift = ShiftSeen {
                stage: Stage::ProductionTrafficShift,
                production: Some(Share::percent(*percent)),
                test: None,
                candidate_groups: Vec::new(),
                stable_groups: Vec::new(),
                hooks: Vec::new(),
                baking_until: None,
            };
            counting.look(&going, &shift, Timestamp::from_second(1_800_000_000 + second).unwrap());
        }
        let change = Shipped {
            before: Some(revision(42)),
            difference: Some("image".into()),
            commit: Commit("4f2a91c0c7d1b7a5".into()),
            subject: Some("free shipping banner".into()),
        };
        let mut dossier = Dossier::new("storefront", "frontend", &revision(43), change);
        let lines = vec!["connect ECONNREFUSED backend:3333".to_owned(); 2];
        let (task, group, stream) = ("3f2a91c0".into(), "/ecs/frontend".into(), "ecs/web/3f2a91c0".into());
        dossier.log = Some(Log { task, container: "web".into(), group, stream, lines });
        let at = Timestamp::UNIX_EPOCH;
        let (candidate, stable) = (Count { requests: 1_204, errors: 58 }, Count { requests: 10_836, errors: 3 });
        dossier.toll = Some(Toll { since: at, through: at, asked_at: at, candidate, stable });
        let cause = classify(&dossier);
        let phase = Phase::TurnedBack { to: revision(42), why };
        Ended { phase, found: Some((dossier, cause)), evidence: None, blind: None, hidden: None, counting }
    }

    fn told(why: &Why, ended: &Ended) -> String {
        let failure = failure(&roll(), &revision(43), (&revision(42), why), ended);
        let lines = |word: &str, lines: &[String]| lines.iter().map(|line| format!("{word} {line}")).collect::<Vec<_>>();
        [
            vec![format!("{}: {}", failure.code, failure.what)],
            lines("because", &failure.because),
            lines("now", &failure.now),
            lines("next", &failure.next),
        ]
        .concat()
        .join("\n")
    }

    #[test]
    fn a_worse_candidate_is_told_with_rates_chance_and_cost() {
        let found = "candidate answers 4.8% errors, stable 0.1% (p < 0.001, 1,204 requests)".to_owned();
        let why = Why::Worse { found };
        let ended = ended(why.clone(), &[(0, 10), (30, 0), (60, 0)]);
        insta::assert_snapshot!(told(&why, &ended), @r#"
        SHIP204: `frontend` was turned back: candidate answers 4.8% errors, stable 0.1% (p < 0.001, 1,204 requests)
        because what was deployed: image, by 4f2a91c "free shipping banner"
        now `frontend` serves frontend:42 again, 100% of its traffic since 2027-01-15T08:00:30Z
        now frontend:43 was sent 1,204 of 12,040 requests, and 58 of them failed
        next fix the cause, then deploy again
        "#);
    }

    #[test]
    fn what_could_not_be_told_asks_for_requests() {
        let why = Why::Inconclusive { found: "errors: 12 of 500 requests".to_owned() };
        insta::assert_snapshot!(told(&why, &ended(why.clone(), &[(0, 10), (30, 0)])), @r#"
        SHIP211: `frontend` was turned back to frontend:42
        because whether it is worse could not be told: errors: 12 of 500 requests
        because what was deployed: image, by 4f2a91c "free shipping banner"
        now `frontend` serves frontend:42 again, 100% of its traffic since 2027-01-15T08:00:30Z
        now frontend:43 was sent 1,204 of 12,040 requests, and 58 of them failed
        next deploy while requests come, or give it more of them: a larger first share, a longer bake
        next or ask for fewer: a lower `at_least:`; `patience:` of `judge:` is how long it may stay open
        "#);
    }

    #[test]
    fn the_time_is_that_of_the_first_look_at_which_it_stayed_back() {
        let back = |looks: &[(i64, u32)]| ended(Why::Answered, looks).counting.back().map(|at| at.as_second() - 1_800_000_000);
        assert_eq!(back(&[(0, 10), (30, 0), (60, 0)]), Some(30));
        assert_eq!(back(&[(0, 0), (30, 10), (60, 0)]), Some(60), "it had not stayed");
        assert_eq!(back(&[(0, 10)]), None);
        assert_eq!(back(&[(0, 0), (30, 0)]), None, "it had lost none");
    }
}
