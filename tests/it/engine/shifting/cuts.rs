//! A shift is killed at any call: gone on with from its journal it ends as the whole would have; without a journal it ends so
//! or goes back; and with nobody who goes on, AWS goes on or back by itself, and never on where a judge was to speak.

use proptest::prelude::*;
use shipit_core::failure::{Code, Exit};
use shipit_core::rollout::Answer;
use shipit_core::settled::Status;
use shipit_scheduler::Span;

use super::super::sisters::in_paused_time;
use super::stories::{By, MINUTE, WEB, calls, had, nothing_is_left, told};
use super::tales::Tale;
use crate::support::faults::{Op, When};
use crate::support::property::holds;
use crate::support::run::Run;
use crate::support::scenario::Scenario;

/// A killed deploy gone on with; anew where it was killed before it had a journal.
async fn gone_on(scenario: &Scenario) -> Run {
    let run = scenario.resumed().await;
    if run.outcome.is_some() || run.code() != Code::NoJournal {
        return run;
    }
    scenario.deploy().await
}

/// The hooks that took an answer, each with it, in order: none twice.
#[track_caller]
fn answers(scenario: &Scenario, what: &str) -> Vec<Answer> {
    let taken = scenario.ecs(WEB, |service| service.answers.clone());
    let mut once: Vec<_> = taken.iter().map(|(hook, _)| hook).collect();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), taken.len(), "{what}: {taken:?}");
    taken.into_iter().map(|(_, answer)| answer).collect()
}

/// Each hook is asked about once; where the answer to it was cut off, once more.
#[track_caller]
fn asked_once_more_at_most(run: &Run, killed: &[String], what: &str) {
    let sent: Vec<String> = run.calls(Op::ContinueServiceDeployment).iter().map(|call| call.body["hookId"].to_string()).collect();
    for hook in &sent {
        let again = sent.iter().chain(killed).filter(|other| *other == hook).count();
        assert!(again <= 2, "{what}: {hook} {again} times");
        let clean = sent.iter().filter(|other| *other == hook).count();
        assert!(clean <= 1, "{what}: {hook} {clean} times by one run");
    }
}

/// Answers that the killed process sent.
fn sent_by_the_killed(scenario: &Scenario) -> Vec<String> {
    let world = scenario.world.lock();
    let calls = world.lines.iter().filter_map(|line| match line {
        crate::support::world::Line::Call(call) if call.operation == Op::ContinueServiceDeployment => Some(call),
        _ => None,
    });
    calls.map(|call| call.body["hookId"].to_string()).collect()
}

/// Nothing was done twice, and it stands where it should.
#[track_caller]
fn is_whole(scenario: &Scenario, (by, tale): (By, Tale), what: &str) {
    assert_eq!(scenario.serves(WEB).as_deref(), Some(tale.serves()), "{what}");
    nothing_is_left(scenario, what);
    let made = scenario.ecs(WEB, |service| service.deployments.len());
    assert_eq!(made, 2, "{what}: one deployment of ours");
    let shares = had(scenario).unwrap().0;
    assert_eq!(shares, tale.shares(by), "{what}");
}

async fn killed_and_resumed(by: By, tale: Tale, number: usize, when: When) {
    let what = format!("{by:?} {tale:?} killed {when:?} call {number}");
    let scenario = tale.told(by);
    if scenario.killed_at(number, when).await.is_some() {
        panic!("{what}: it ended before");
    }
    let killed = sent_by_the_killed(&scenario);
    let all_moved = had(&scenario).is_some_and(|(shares, _)| shares.contains(&1000));
    let run = gone_on(&scenario).await;
    answers(&scenario, &what);
    asked_once_more_at_most(&run, &killed, &what);
    if all_moved && run.exit == Exit::TurnedBack {
        // The minutes that both sides shared are past: who goes on cannot tell, and is the more careful.
        assert_eq!(
            run.code(),
            if tale == Tale::Good { Code::Inconclusive } else { Code::CandidateWorse },
            "{what}: {}",
            told(&run)
        );
        assert_eq!(scenario.serves(WEB).as_deref(), Some("web:1"), "{what}: {}", told(&run));
        return nothing_is_left(&scenario, &what);
    }
    assert_eq!(run.exit, tale.exit(), "{what}: {}", told(&run));
    is_whole(&scenario, (by, tale), &format!("{what}: {}", told(&run)));
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_and_resumed_it_ends_as_the_whole_run_and_does_nothing_twice() {
    for (by, tale) in Tale::with_strategies() {
        let count = calls(by, tale).await;
        for when in [When::Before, When::After] {
            for number in tale.places(by, count) {
                killed_and_resumed(by, tale, number, when).await;
            }
        }
    }
}

/// Whatever the tags and AWS tell alone leads to the same end, or back, or says where it hangs: never further than the judge
/// has let it, and nothing is deployed on their word.
#[tokio::test(start_paused = true)]
async fn killed_at_any_call_and_followed_from_another_folder_without_a_journal_it_is_as_careful_at_least() {
    for (by, tale) in Tale::with_strategies() {
        let count = calls(by, tale).await;
        for when in [When::Before, When::After] {
            for number in tale.places(by, count) {
                let what = format!("{by:?} {tale:?} killed {when:?} call {number} of {count}");
                let scenario = tale.told(by);
                assert!(scenario.killed_at(number, when).await.is_none(), "{what}");
                scenario.world.lock().surroundings.runs.clear();
                let run = scenario.resumed().await;
                let what = format!("{what}: {}", told(&run));
                for call in run.calls(Op::UpdateService) {
                    let back = call.body["taskDefinition"].is_null() || call.body["taskDefinition"].to_string().ends_with(":1\"");
                    assert!(back, "{what}: {:?}", call.body);
                }
                for touched in [Op::RegisterTaskDefinition, Op::CreateService, Op::Push, Op::Build] {
                    assert_eq!(run.calls(touched).len(), 0, "{what}");
                }
                answers(&scenario, &what);
                scenario.world.pass(Span(180 * MINUTE.0)).await;
                match run.exit {
                    Exit::Done => assert_eq!(scenario.serves(WEB).as_deref(), Some("web:2"), "{what}"),
                    Exit::TurnedBack => assert_eq!(scenario.serves(WEB).as_deref(), Some("web:1"), "{what}"),
                    _ => assert!(scenario.serves(WEB).is_some(), "{what}"),
                }
                let reached = had(&scenario).map(|(shares, _)| shares).unwrap_or_default();
                let most = if tale == Tale::Good { 1000 } else { by.shares()[1] };
                assert!(reached.iter().all(|share| *share <= most), "{what}: {reached:?}");
                assert!(run.exit != Exit::Done || tale.exit() == Exit::Done, "{what}");
            }
        }
    }
}

/// The dead man's switch: with nobody alive the pause times out, and AWS rolls back by itself.
#[tokio::test(start_paused = true)]
async fn killed_at_any_call_and_never_resumed_no_traffic_moves_that_nobody_let_through() {
    let (mut backs, mut dones) = (0, 0);
    for (by, tale) in Tale::with_strategies() {
        let count = calls(by, tale).await;
        for when in [When::Before, When::After] {
            for number in tale.places(by, count) {
                let what = format!("{by:?} {tale:?} killed {when:?} call {number} of {count}");
                let scenario = tale.told(by);
                assert!(scenario.killed_at(number, when).await.is_none(), "{what}");
                let let_through = answers(&scenario, &what).len();
                scenario.world.pass(Span(300 * MINUTE.0)).await;
                let Some((shares, _)) = had(&scenario) else { continue };
                let newest = scenario.newest_status(WEB);
                assert!(matches!(newest, Status::Successful | Status::RollbackSuccessful), "{what}: {newest:?}");
                let all = by.shares();
                if newest == Status::RollbackSuccessful {
                    backs += 1;
                    assert_eq!(scenario.serves(WEB).as_deref(), Some("web:1"), "{what}");
                    let highest = shares.iter().max().unwrap();
                    assert!(*highest <= all[let_through.min(all.len() - 1)], "{what}: {shares:?} after {let_through} answers");
                } else if scenario.primary(WEB) == "web:2" {
                    dones += 1;
                    assert_eq!(let_through, all.len(), "{what}: every pause was answered while someone was alive");
                    assert_eq!(tale.serves(), "web:2", "{what}");
                }
            }
        }
    }
    assert!(backs > 20 && dones > 0, "{backs} {dones}");
}

#[test]
fn killed_twice_anywhere_and_resumed_it_tells_the_truth() {
    let (tales, places) = (proptest::sample::select(Tale::with_strategies()), any::<[prop::sample::Index; 2]>());
    holds(100, &(tales, places, any::<[bool; 2]>(), 0_u64..1200), |((by, tale), places, after, waits)| {
        in_paused_time(async {
            let count = calls(by, tale).await;
            let when = after.map(|after| if after { When::After } else { When::Before });
            let scenario = tale.told(by);
            prop_assert!(scenario.killed_at(places[0].index(count), when[0]).await.is_none());
            scenario.world.pass(Span::seconds(waits)).await;
            let killed = scenario.world.lock().kill_at(places[1].index(count), when[1]);
            let again = tokio::select! {
                run = scenario.resumed() => Some(run),
                () = killed.notified() => None,
            };
            scenario.world.lock().spare();
            let mut run = match again {
                Some(run) => run,
                None => scenario.resumed().await,
            };
            if run.outcome.is_none() {
                prop_assert_eq!(run.code(), Code::NoJournal);
                run = scenario.deploy().await;
            }
            // It waits longer where its looks were lost, and goes back where the patience of the judge or of AWS has ended.
            prop_assert!(run.exit == tale.exit() || run.exit == Exit::TurnedBack, "{}", told(&run));
            let serves = if run.exit == Exit::Done { "web:2" } else { "web:1" };
            prop_assert_eq!(scenario.serves(WEB), Some(serves.to_owned()), "{}", told(&run));
            answers(&scenario, "killed twice");
            nothing_is_left(&scenario, &told(&run));
            Ok(())
        })
    });
}
