//! A run is cut anywhere and gone on with: it ends as the whole run would have, or goes back, or says the truth about where
//! it hangs; nothing is done twice.

use proptest::prelude::*;
use shipit::engine::resume::{Foreign, Which};
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Code, Exit};
use shipit_core::release::RunId;
use shipit_core::settled::Status;
use shipit_core::tags;
use shipit_scheduler::Span;

use super::sisters::{Story, in_paused_time, is_told, stories};
use crate::support::ecs::Happening;
use crate::support::faults::{Op, When, denied, refused, throttled, unreachable};
use crate::support::property::holds;
use crate::support::run::Run;
use crate::support::scenario::Scenario;

const SERVICES: [&str; 2] = ["backend", "frontend"];

/// The journal of the only run.
fn journal(scenario: &Scenario) -> (RunId, String) {
    let world = scenario.world.lock();
    assert_eq!(world.surroundings.runs.len(), 1);
    world.surroundings.runs.iter().map(|(run, text)| (run.clone(), text.clone())).next().unwrap()
}

/// Revisions of the service's family, and its service deployments.
fn made(scenario: &Scenario, service: &str) -> (usize, usize) {
    let revisions = scenario.world.lock().ecs.revisions.all.iter().filter(|known| known.arn.family() == service).count();
    (revisions, scenario.ecs(service, |service| service.deployments.len()))
}

/// Nothing was done twice: one revision beside the first, and one deployment of it.
#[track_caller]
fn done_once(scenario: &Scenario, what: &str) {
    for service in SERVICES {
        assert_eq!(made(scenario, service), (2, 2), "{what}: {service}");
        assert_eq!(scenario.serves(service), Some(format!("{service}:2")), "{what}");
    }
}

async fn resumed(scenario: &Scenario) -> Run {
    scenario.resume(Which::Last, Foreign::Refuse).await
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_and_resumed_it_ends_as_the_whole_run_and_does_nothing_twice() {
    let calls = Scenario::storefront().deploy().await.all_calls().count();
    for when in [When::Before, When::After] {
        for number in 0..calls {
            let what = format!("killed {when:?} call {number} of {calls}");
            let scenario = Scenario::storefront();
            if scenario.killed_at(number, when).await.is_some() {
                panic!("{what}: it ended before");
            }
            let mut run = resumed(&scenario).await;
            if run.outcome.is_none() {
                assert_eq!(run.code(), Code::NoJournal, "{what}: {:?}", run.refusals);
                assert_eq!((made(&scenario, "backend"), made(&scenario, "frontend")), ((1, 1), (1, 1)), "{what}");
                run = scenario.deploy().await;
            }
            assert_eq!(run.exit, Exit::Done, "{what}: {:?}", run.outcome);
            done_once(&scenario, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn resumed_after_a_while_in_which_aws_went_on_alone_it_ends_the_same() {
    let calls = Scenario::storefront().deploy().await.all_calls().count();
    for number in (0..calls).step_by(2) {
        let what = format!("killed after call {number} of {calls}");
        let scenario = Scenario::storefront();
        assert!(scenario.killed_at(number, When::After).await.is_none());
        scenario.world.pass(Span::seconds(1800)).await;
        let mut run = resumed(&scenario).await;
        if run.outcome.is_none() {
            run = scenario.deploy().await;
        }
        assert_eq!(run.exit, Exit::Done, "{what}: {:?}", run.outcome);
        done_once(&scenario, &what);
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_cut_after_any_record_or_in_the_middle_of_one_leads_to_the_same_end() {
    let whole = Scenario::storefront();
    assert_eq!(whole.deploy().await.exit, Exit::Done);
    let lines = journal(&whole).1.lines().count();
    for kept in 1..=lines {
        for torn in [0, 1, 40] {
            let what = format!("{kept} of {lines} lines and {torn} bytes");
            let scenario = Scenario::storefront();
            scenario.deploy().await;
            let (run, text) = journal(&scenario);
            let end = text.match_indices('\n').nth(kept - 1).unwrap().0 + 1;
            let cut = text[..(end + torn).min(text.len())].trim_end_matches('\n').to_owned();
            let cut = if torn == 0 { text[..end].to_owned() } else { cut };
            scenario.world.lock().surroundings.runs.insert(run.clone(), cut);
            let run = scenario.resume(Which::Named(run), Foreign::Refuse).await;
            assert_eq!(run.exit, Exit::Done, "{what}: {:?} {:?}", run.outcome, run.refusals);
            done_once(&scenario, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_step_done_twice_makes_no_difference() {
    let whole = Scenario::storefront();
    whole.deploy().await;
    let steps: Vec<String> =
        journal(&whole).1.lines().filter(|line| line.contains(r#""fact":"succeeded""#)).map(str::to_owned).collect();
    for step in steps {
        let name = step.split(r#""step":""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        for forgets_the_handle in [false, true] {
            let scenario = Scenario::storefront();
            scenario.deploy().await;
            let (run, text) = journal(&scenario);
            let of_step = format!(r#""step":"{name}""#);
            let forgotten = |line: &&str| {
                line.contains(&of_step)
                    && (line.contains(r#""fact":"succeeded""#)
                        || forgets_the_handle && (line.contains(r#""fact":"began""#) || line.contains(r#""fact":"decided""#)))
            };
            let kept: String = text.lines().filter(|line| !forgotten(line)).map(|line| format!("{line}\n")).collect();
            scenario.world.lock().surroundings.runs.insert(run.clone(), kept);
            let run = scenario.resume(Which::Named(run), Foreign::Refuse).await;
            assert_eq!(run.exit, Exit::Done, "{name} again: {:?}", run.outcome);
            done_once(&scenario, &name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_ended_says_how_and_does_nothing() {
    for story in [Story::Good, Story::FrontendCrashes, Story::BackendHangs, Story::SmokeFails] {
        let scenario = story.told();
        let first = scenario.deploy().await;
        let (run, _) = journal(&scenario);
        let again = scenario.resume(Which::Named(run), Foreign::Refuse).await;
        assert_eq!(again.exit, first.exit, "{story:?}: {:?}", again.outcome);
        assert_eq!(again.writes(), [], "{story:?}");
        let (first, again) = (first.outcome.unwrap(), again.outcome.unwrap());
        assert_eq!((first.services, first.failure), (again.services, again.failure), "{story:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_going_back_goes_on_going_back_and_never_forward() {
    for story in [Story::FrontendCrashesWithoutRollback, Story::SmokeFails] {
        let whole = story.told().deploy().await;
        let calls = whole.all_calls().count();
        for when in [When::Before, When::After] {
            for number in (calls / 3..calls).step_by(2) {
                let scenario = story.told();
                if scenario.killed_at(number, when).await.is_some() {
                    continue;
                }
                let given_up = scenario.world.lock().surroundings.runs.values().any(|text| text.contains(r#""fact":"failed""#));
                if !given_up {
                    continue;
                }
                let what = format!("{story:?} killed {when:?} call {number} of {calls}");
                let run = resumed(&scenario).await;
                assert_eq!(run.exit, Exit::TurnedBack, "{what}: {:?}", run.outcome);
                for call in run.calls(Op::UpdateService) {
                    assert!(call.body["taskDefinition"].to_string().ends_with(":1\""), "{what}: {:?}", call.body);
                }
                for service in SERVICES {
                    assert_eq!(scenario.serves(service), Some(format!("{service}:1")), "{what}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_ecs_took_back_while_nobody_looked_is_not_deployed_again() {
    let calls = Story::FrontendCrashes.told().deploy().await.all_calls().count();
    for number in (0..calls).step_by(2) {
        let scenario = Story::FrontendCrashes.told();
        if scenario.killed_at(number, When::After).await.is_some() {
            continue;
        }
        scenario.world.pass(Span::seconds(3600)).await;
        let mut run = resumed(&scenario).await;
        if run.outcome.is_none() {
            run = scenario.deploy().await;
        }
        assert_eq!(run.exit, Exit::TurnedBack, "after call {number}: {:?}", run.outcome);
        assert_eq!(made(&scenario, "frontend"), (2, 2), "after call {number}: it crashes once");
    }
}

#[tokio::test(start_paused = true)]
async fn what_someone_else_deployed_meanwhile_is_named_and_only_taken_over_when_told_to() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::UpdateService, 1, Happening::Deploys("frontend".into()));
    let update = Scenario::storefront().deploy().await.all_calls().position(|call| call.operation == Op::UpdateService).unwrap();
    assert!(scenario.killed_at(update, When::After).await.is_none());
    scenario.world.pass(Span::seconds(1800)).await;
    let run = resumed(&scenario).await;
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::DeployedMeanwhile), "{:?}", run.outcome);
    assert_eq!(run.writes(), []);
    for word in ["`frontend`", "theirs:1", "ben@desk", "frontend:1", "--take-over", "2026-11-20T09"] {
        assert!(run.words().contains(word), "{word} in {}", run.words());
    }
    let run = scenario.resume(Which::Last, Foreign::TakeOver).await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(scenario.serves("backend"), Some("backend:2".into()));
    assert_eq!(scenario.serves("frontend"), Some("frontend:2".into()));
    let before =
        matches!(run.stands("frontend"), ServiceOutcome::Deployed { before: Some(before), .. } if before.short() == "theirs:1");
    assert!(before, "{:?}", run.outcome);
}

#[tokio::test(start_paused = true)]
async fn a_take_over_that_fails_goes_back_to_what_was_taken_over() {
    let scenario = Story::FrontendCrashes.told();
    scenario.world.lock().on(Op::UpdateService, 1, Happening::Deploys("frontend".into()));
    let update = Scenario::storefront().deploy().await.all_calls().position(|call| call.operation == Op::UpdateService).unwrap();
    assert!(scenario.killed_at(update, When::After).await.is_none());
    scenario.world.pass(Span::seconds(1800)).await;
    let run = scenario.resume(Which::Last, Foreign::TakeOver).await;
    assert_eq!(run.exit, Exit::TurnedBack, "{:?}", run.outcome);
    run.turned_back("frontend", "theirs:1");
    assert_eq!(scenario.serves("frontend"), Some("theirs:1".into()));
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
}

#[tokio::test(start_paused = true)]
async fn the_journal_goes_to_another_machine_as_one_file() {
    let scenario = Scenario::storefront();
    let update = Scenario::storefront().deploy().await.all_calls().position(|call| call.operation == Op::UpdateService).unwrap();
    assert!(scenario.killed_at(update, When::After).await.is_none());
    let (run, text) = journal(&scenario);
    scenario.world.lock().surroundings.runs.clear();
    let resumed = scenario.resume(Which::Journal(text), Foreign::Refuse).await;
    assert_eq!(resumed.exit, Exit::Done, "{:?}", resumed.outcome);
    assert!(scenario.world.lock().surroundings.runs.contains_key(&run));
    done_once(&scenario, "elsewhere");
}

#[tokio::test(start_paused = true)]
async fn revisions_carry_who_and_what_was_before() {
    let scenario = Scenario::storefront();
    scenario.deploy().await;
    let world = scenario.world.lock();
    let tags = &world.ecs.revisions.all.iter().find(|known| known.arn.short() == "backend:2").unwrap().tags;
    let tag = |name: &str| tags.get(name).map(String::as_str);
    assert_eq!(tag(tags::BY), Some("ana@laptop"));
    assert_eq!(tag(tags::MOVES), Some("backend frontend"));
    assert_eq!(tag(tags::RUN), Some("20261120T090000"));
    assert!(tag(tags::BEFORE).unwrap().ends_with("/backend:1"));
    assert_eq!(tag(tags::BEFORE_CONFIG), Some("min=100 max=200 cb.on=true cb.rb=true"));
}

/// For every cut: what the tags lead to begins nothing, and says of no unfinished run that it is done.
#[tokio::test(start_paused = true)]
async fn without_a_journal_the_tags_lead_to_the_same_end_or_a_more_careful_one() {
    for story in [Story::Good, Story::FrontendCrashes, Story::FrontendCrashesWithoutRollback, Story::BackendHangs] {
        let calls = story.told().deploy().await.all_calls().count();
        for when in [When::Before, When::After] {
            for number in (0..calls).step_by(if story == Story::Good { 1 } else { 3 }) {
                let what = format!("{story:?} killed {when:?} call {number} of {calls}");
                let scenario = story.told();
                let before = scenario.killed_at(number, when).await;
                assert!(before.is_none(), "{what}");
                scenario.world.lock().surroundings.runs.clear();
                let run = resumed(&scenario).await;
                for call in run.calls(Op::UpdateService) {
                    assert!(call.body["taskDefinition"].to_string().ends_with(":1\""), "{what}: {:?}", call.body);
                }
                for touched in [Op::RegisterTaskDefinition, Op::CreateService, Op::Push, Op::Build] {
                    assert_eq!(run.calls(touched).len(), 0, "{what}");
                }
                if run.exit == Exit::Done {
                    for service in SERVICES {
                        assert_eq!(scenario.serves(service), Some(format!("{service}:2")), "{what}: {:?}", run.outcome);
                    }
                }
                scenario.world.pass(Span::seconds(3600)).await;
                for service in SERVICES {
                    let told = run.outcome.as_ref().is_none_or(|outcome| {
                        !matches!(outcome.services[service], ServiceOutcome::Stuck { .. }) || outcome.exit == Exit::Stuck
                    });
                    assert!(told, "{what}: {:?}", run.outcome);
                    let whole = scenario.serves(service).is_some_and(|serves| serves.starts_with(service));
                    let hangs = story == Story::BackendHangs || story == Story::FrontendCrashesWithoutRollback;
                    assert!(whole || hangs && run.exit != Exit::Done, "{what}: {service} {:?} {:?}", run.outcome, run.refusals);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_a_rollout_that_fails_goes_back_with_the_configuration_from_before() {
    let mut scenario = Scenario::storefront();
    let strategy = shipit_core::pipeline::Strategy::Rolling { minimum_percent: Some(50), maximum_percent: Some(150) };
    scenario.wanted("backend").strategy = strategy;
    let scenario = scenario
        .new_tasks("backend", crate::support::revisions::Behaviour::Crashes)
        .breaker("backend", shipit_scheduler::Breaker::without_rollback());
    let before = scenario.ecs("backend", |service| service.configuration.clone());
    let update = Scenario::storefront().deploy().await.all_calls().position(|call| call.operation == Op::UpdateService).unwrap();
    assert!(scenario.killed_at(update, When::After).await.is_none());
    scenario.world.lock().surroundings.runs.clear();
    assert_ne!(scenario.ecs("backend", |service| service.configuration.clone()), before);
    let run = resumed(&scenario).await;
    assert_eq!(run.exit, Exit::TurnedBack, "{:?} {:?}", run.outcome, run.refusals);
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    assert_eq!(scenario.ecs("backend", |service| service.configuration.clone()), before);
}

#[tokio::test(start_paused = true)]
async fn whatever_call_always_fails_nothing_is_left_in_between_silently() {
    use Op::*;
    let operations = [
        ReadSource,
        HashInputs,
        Build,
        Push,
        DescribeRepository,
        Login,
        DescribeScan,
        DescribeService,
        FindRevision,
        RegisterTaskDefinition,
        CreateService,
        UpdateService,
        Follow,
        Current,
        StopServiceDeployment,
        DescribeStoppedTasks,
        GetCallerIdentity,
        OpenRun,
        Record,
        WriteArtefact,
        Probe,
    ];
    for story in [Story::Good, Story::FrontendCrashesWithoutRollback, Story::SmokeFails, Story::CreatedAndGood] {
        for operation in operations {
            for error in [throttled(operation), unreachable(), denied(operation), refused(operation)] {
                let scenario = story.told();
                scenario.world.lock().faults.fail_next(operation, usize::MAX, When::Before, error.clone());
                let run = scenario.deploy().await;
                let told = is_told(&scenario, &run);
                assert!(told.is_ok(), "{story:?}, {operation:?} always {error:?}: {told:?}");
            }
        }
    }
}

#[test]
fn killed_twice_anywhere_and_resumed_it_tells_the_truth() {
    let places = any::<[prop::sample::Index; 2]>();
    holds(8, &(stories(), places, any::<[bool; 2]>(), 0_u64..1200), |(story, places, after, waits)| {
        in_paused_time(async {
            let whole = story.told().deploy().await;
            let calls = whole.all_calls().count();
            let when = after.map(|after| if after { When::After } else { When::Before });
            let scenario = story.told();
            if scenario.killed_at(places[0].index(calls), when[0]).await.is_some() {
                return Ok(());
            }
            scenario.world.pass(Span::seconds(waits)).await;
            let killed = scenario.world.lock().kill_at(places[1].index(calls), when[1]);
            let again = tokio::select! {
                run = resumed(&scenario) => Some(run),
                () = killed.notified() => None,
            };
            scenario.world.lock().spare();
            let mut run = match again {
                Some(run) => run,
                None => resumed(&scenario).await,
            };
            if run.outcome.is_none() {
                prop_assert_eq!(run.code(), Code::NoJournal);
                run = scenario.deploy().await;
            }
            prop_assert_eq!(run.exit, whole.exit, "{:?}", run.outcome);
            is_told(&scenario, &run)?;
            for service in SERVICES {
                let newest = scenario.newest_status(service);
                prop_assert!(newest != Status::InProgress, "{} {:?}", service, run.outcome);
            }
            Ok(())
        })
    });
}
