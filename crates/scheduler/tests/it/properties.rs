//! What holds for every service in every world: safety of each step, and an end of every rollout.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use shipit_scheduler::{Action, Breaker, Note, Role, Rollback, Rollout, step};

use crate::script::{Script, play, script};
use crate::world::{Look, Quality, alive, bounds, healthy, is_healthy, is_settled, starts};

fn each_look(script: &Script, judge: impl Fn(&Look) -> Result<(), TestCaseError>) -> Result<(), TestCaseError> {
    play(script).0.looks.iter().try_for_each(judge)
}

#[expect(clippy::disallowed_methods, reason = "a test may be asked for more cases")]
pub fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 512;
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_stop_never_takes_healthy_tasks_below_the_lower_bound(script in script()) {
        each_look(&script, |look| {
            let (lower, _) = bounds(&look.before);
            let (had, has) = (healthy(&look.before, look.now), healthy(&look.after, look.now));
            prop_assert!(has >= had.min(lower), "{had} healthy became {has}, lower bound {lower}: {:?}", look.step);
            Ok(())
        })?;
    }

    #[test]
    fn a_start_never_takes_the_tasks_above_the_upper_bound(script in script()) {
        each_look(&script, |look| {
            let (_, upper) = bounds(&look.before);
            if starts(&look.step) > 0 {
                prop_assert!(alive(&look.after) <= upper, "{} tasks, upper bound {upper}: {:?}", alive(&look.after), look.step);
            }
            Ok(())
        })?;
    }

    #[test]
    fn deciding_twice_acts_once(script in script()) {
        each_look(&script, |look| {
            let mut again = look.after.clone();
            let second = step(&mut again, look.now);
            prop_assert!(second.actions.is_empty() && second.notes.is_empty(), "again: {second:?}");
            prop_assert_eq!(&again, &look.after);
            prop_assert_eq!(second.wake, look.step.wake);
            Ok(())
        })?;
    }

    #[test]
    fn a_failed_deployment_never_starts_a_task(script in script()) {
        let mut failed = BTreeSet::new();
        for look in &play(&script).0.looks {
            for action in &look.step.actions {
                if let Action::Start { deployment, .. } = action {
                    prop_assert!(!failed.contains(deployment), "{deployment:?} has failed: {:?}", look.step);
                }
            }
            let is_failed = |note: &Note| match note {
                Note::DeploymentFailed { deployment, .. } => Some(*deployment),
                _ => None,
            };
            failed.extend(look.step.notes.iter().filter_map(is_failed));
            for deployment in &look.after.deployments {
                prop_assert!(!failed.contains(&deployment.id) || deployment.rollout == Rollout::Failed);
            }
        }
    }

    #[test]
    fn there_is_always_exactly_one_primary_and_it_is_first(script in script()) {
        each_look(&script, |look| {
            for service in [&look.before, &look.after] {
                let primaries = service.deployments.iter().filter(|deployment| deployment.role == Role::Primary);
                prop_assert_eq!(primaries.count(), 1);
                prop_assert_eq!(service.deployments[0].role, Role::Primary);
            }
            for task in &look.after.tasks {
                prop_assert!(look.after.deployment(task.deployment).is_some(), "a task of a forgotten deployment");
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_completed_deployment_is_the_only_one_and_as_wanted(script in script()) {
        each_look(&script, |look| {
            for note in &look.step.notes {
                if let Note::DeploymentCompleted { deployment } = note {
                    let after = &look.after;
                    prop_assert_eq!(after.deployments.len(), 1);
                    prop_assert_eq!(after.primary().id, *deployment);
                    prop_assert_eq!(healthy(after, look.now), u64::from(after.desired));
                    prop_assert_eq!(alive(after), u64::from(after.desired));
                    prop_assert!(after.tasks.iter().all(|task| task.deployment == *deployment), "an older task is left");
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn notes_and_actions_tell_the_same(script in script()) {
        each_look(&script, |look| {
            let (mut started, mut stopped) = (Vec::new(), Vec::new());
            for action in &look.step.actions {
                match action {
                    Action::Start { task, .. } => started.push(*task),
                    Action::Stop { task, .. } => stopped.push(*task),
                    Action::Route { .. } => {}
                }
            }
            for note in &look.step.notes {
                match note {
                    Note::StartedTasks { tasks } => started.retain(|task| !tasks.contains(task)),
                    Note::StoppedTasks { tasks } => stopped.retain(|task| !tasks.contains(task)),
                    _ => {}
                }
            }
            prop_assert!(started.is_empty() && stopped.is_empty(), "unannounced: {started:?} {stopped:?}");
            prop_assert!(look.step.wake.is_none_or(|wake| wake > look.now), "woken in the past");
            Ok(())
        })?;
    }

    #[test]
    fn every_run_ends_settled_or_stalled_or_stuck_as_predicted(script in script()) {
        let (world, rest) = play(&script);
        let service = &world.service;
        let primary = service.primary();
        let quality = world.qualities[primary.revision as usize];
        let broken = quality != Quality::Good && service.desired > 0;
        if !rest {
            // a broken revision is tried for ever when no breaker looks on any more
            let unwatched = service.breaker == Breaker::Off || primary.rollout == Rollout::Completed;
            prop_assert!(broken && unwatched, "no end: {service:?}");
            return Ok(());
        }
        match primary.rollout {
            Rollout::Failed => {
                let may_return = match service.breaker.rollback() {
                    Rollback::ToLastCompleted => service.alarm_rollback,
                    Rollback::Stay => false,
                };
                let completed = service.deployments.iter().any(|deployment| deployment.rollout == Rollout::Completed);
                prop_assert!(!may_return || primary.rolls_back.is_some() || !completed, "stalled for no reason: {service:?}");
            }
            Rollout::InProgress => {
                prop_assert!(service.percents.stuck(service.desired) && service.stuck, "stuck unannounced: {service:?}");
            }
            Rollout::Completed => {
                let (_, upper) = bounds(service);
                let never_fits = upper < u64::from(service.desired);
                prop_assert!(is_settled(service, world.now) || never_fits, "not settled: {service:?}");
                prop_assert_eq!(service.deployments.len(), 1);
            }
        }
    }

    #[test]
    fn only_a_replacement_lets_an_old_healthy_task_of_a_stalled_service_go(script in script()) {
        each_look(&script, |look| {
            let stalled = look.before.primary().rollout == Rollout::Failed;
            let lost = look.before.tasks.iter().filter(|task| {
                is_healthy(&look.before, task, look.now)
                    && look.after.task(task.id).is_some_and(|after| after.phase != task.phase)
            });
            if stalled && alive(&look.before) <= u64::from(look.before.desired) {
                prop_assert_eq!(lost.count(), 0, "{:?}", look.step);
            }
            Ok(())
        })?;
    }
}

#[test]
fn the_scripts_reach_every_end() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..512 {
        let script = script().new_tree(&mut runner).expect("the strategy rejects nothing").current();
        let (world, rest) = play(&script);
        let primary = world.service.primary();
        seen.insert(match (rest, primary.rollout) {
            (false, _) => "for ever",
            (true, Rollout::InProgress) => "stuck",
            (true, Rollout::Failed) if primary.rolls_back.is_some() => "rollback failed",
            (true, Rollout::Failed) => "stalled",
            (true, Rollout::Completed) if primary.rolls_back.is_some() => "rolled back",
            (true, Rollout::Completed) => "settled",
        });
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}
