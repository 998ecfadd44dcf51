//! A shift answered from another machine, waited for in part, and taken back after its end.

use shipit::engine::resume::{Foreign, Which};
use shipit::engine::rollback::Wanted;
use shipit_core::analysis::{Judge, Latency};
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Code, Exit};
use shipit_core::rollout::{Answer, Until};
use shipit_core::settled::{Stage, Status};
use shipit_scheduler::Span;

use super::stories::{By, MINUTE, WEB, asked, fares, had, judged, nothing_is_left, told, web};
use crate::support::faults::Op;
use crate::support::routed::Quality;
use crate::support::scenario::{Scenario, revision};

/// In CI each pause ends the run; whoever answers it elsewhere, and goes on, gets one share further.
#[tokio::test(start_paused = true)]
async fn each_pause_is_answered_from_elsewhere_and_gone_on_with() {
    for known in ["its journal", "its name alone", "nothing"] {
        for by in By::ALL {
            let scenario = asked(by);
            let mut run = scenario.deploy().await;
            let name = scenario.world.lock().surroundings.runs.keys().next().unwrap().clone();
            for (number, share) in by.shares().iter().enumerate().skip(1) {
                let what = format!("{by:?} before {share}: {}", told(&run));
                assert_eq!((run.exit, run.code()), (Exit::Running, Code::Paused), "{what}");
                assert_eq!(had(&scenario).unwrap().0, by.shares()[..number], "{what}");
                assert!(scenario.answer(Answer::Continue).await, "{what}");
                if known != "its journal" {
                    scenario.world.lock().surroundings.runs.clear();
                }
                run = match known {
                    "its name alone" => scenario.resume(Which::Named(name.clone()), Foreign::Refuse).await,
                    _ => scenario.resumed().await,
                };
            }
            assert_eq!(run.exit, Exit::Done, "{by:?}: {}", told(&run));
            assert_eq!(had(&scenario).unwrap().0, by.shares(), "{by:?}");
            nothing_is_left(&scenario, &told(&run));
            assert!(!scenario.answer(Answer::Continue).await, "nothing waits any more");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_answered_by_turning_back_from_elsewhere_goes_back() {
    for by in By::ALL {
        let scenario = asked(by);
        assert_eq!(scenario.deploy().await.exit, Exit::Running);
        assert!(scenario.answer(Answer::Rollback).await);
        let run = scenario.resumed().await;
        assert_eq!(run.exit, Exit::TurnedBack, "{by:?}: {}", told(&run));
        assert_eq!(scenario.newest_status(WEB), Status::RollbackSuccessful, "{by:?}");
        assert_eq!(had(&scenario).unwrap().0, [0], "{by:?}");
        nothing_is_left(&scenario, &told(&run));
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_where_it_is_told_to_and_aws_goes_on() {
    for by in By::ALL {
        let scenario = Scenario { until: Until::TrafficShifted, ..web(by) };
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Done, "{by:?}: {}", told(&run));
        assert!(matches!(run.stands(WEB), ServiceOutcome::Baking { until: Some(_), .. }), "{by:?}: {}", told(&run));
        assert_eq!(had(&scenario).unwrap().0, by.shares(), "{by:?}");
        assert_eq!(scenario.newest_status(WEB), Status::InProgress, "{by:?}");
        scenario.world.pass(Span(10 * MINUTE.0)).await;
        assert_eq!(scenario.newest_status(WEB), Status::Successful, "{by:?}");
        assert_eq!(scenario.serves(WEB).as_deref(), Some("web:2"));
        nothing_is_left(&scenario, &told(&run));

        let scenario = Scenario { until: Until::Stage(Stage::ProductionTrafficShift), ..web(by) };
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Done, "{by:?}: {}", told(&run));
        assert!(had(&scenario).unwrap().0.len() <= 2, "{by:?}: {:?}", had(&scenario));
    }
}

/// A bake that is waited for in part is judged to its last hook all the same.
#[tokio::test(start_paused = true)]
async fn the_wait_for_traffic_does_not_end_before_the_judge_has_spoken() {
    for by in By::BY_SHARES {
        let scenario = Scenario { until: Until::TrafficShifted, ..judged(by) };
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Done, "{by:?}: {}", told(&run));
        assert_eq!(run.calls(Op::ContinueServiceDeployment).len(), by.shares().len(), "{by:?}");
        let open = scenario.ecs(WEB, |service| service.deployments.last().unwrap().shift.hooks.len());
        assert_eq!(open, 0, "{by:?}");
        scenario.world.pass(Span(10 * MINUTE.0)).await;
        nothing_is_left(&scenario, &told(&run));
    }
}

#[tokio::test(start_paused = true)]
async fn back_after_its_end_by_the_services_own_strategy_or_all_at_once() {
    for by in By::BY_SHARES {
        for fast in [false, true] {
            let scenario = judged(by);
            assert_eq!(scenario.deploy().await.exit, Exit::Done);
            let one = || Wanted::Steps(1);
            let run = match fast {
                true => scenario.roll_back_fast(&[WEB], one()).await,
                false => scenario.roll_back(&[WEB], one()).await,
            };
            let what = format!("{by:?} fast: {fast}: {}", told(&run));
            assert_eq!(run.exit, Exit::Done, "{what}");
            assert_eq!(scenario.serves(WEB).as_deref(), Some("web:1"), "{what}");
            let world = scenario.world.lock();
            let shares = world.ecs.services[WEB].shares_of(world.ecs.revisions.place(&revision("web:1")).unwrap());
            let falls = by.shares().iter().map(|share| 1000 - share);
            let rises = if fast { vec![1000] } else { by.shares()[1..].to_vec() };
            assert_eq!(shares, falls.chain(rises).collect::<Vec<_>>(), "{what}");
            assert_eq!(run.calls(Op::ContinueServiceDeployment).len(), if fast { 0 } else { by.shares().len() }, "{what}");
        }
    }
}

/// One that is slow and answers everything is turned back as well, where latency is judged.
#[tokio::test(start_paused = true)]
async fn a_slow_version_is_turned_back_where_latency_is_judged() {
    let judge = Judge { latency: Some(Latency::default()), ..Judge::default() };
    for by in By::BY_SHARES {
        let scenario = fares(web(by).judged(WEB, judge.clone()), Quality::SLOW);
        let run = scenario.deploy().await;
        assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::CandidateWorse), "{by:?}: {}", told(&run));
        assert_eq!(had(&scenario).unwrap().0, [0, by.shares()[1], 0], "{by:?}");
        let run = fares(judged(by), Quality::SLOW).deploy().await;
        assert_eq!(run.exit, Exit::Done, "{by:?}: nobody asked for it: {}", told(&run));
    }
}
