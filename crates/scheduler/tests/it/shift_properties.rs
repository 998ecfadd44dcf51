//! What holds for every service that shifts traffic, in every world: an end of each shift, hooks that hold, no second thoughts.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use shipit_scheduler::{Action, Answer, Hooks, Note, Phase, Role, Rollout, Span, Stage, Way, step};

use crate::properties::config;
use crate::shift_script::{End, each_look, play, rest, shift_script};
use crate::shift_traffic::traffic;
use crate::world::{Quality, World, is_healthy};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn deciding_twice_acts_once_in_a_shift(script in shift_script()) {
        each_look(&script, |look| {
            let mut again = look.after.clone();
            let second = step(&mut again, look.now);
            prop_assert!(second.actions.is_empty() && second.notes.is_empty(), "again: {second:?}");
            prop_assert_eq!(&again, &look.after);
            prop_assert_eq!(second.wake, look.step.wake);
            prop_assert!(second.wake.is_none_or(|wake| wake > look.now), "woken in the past: {:?}", look.after);
            Ok(())
        })?;
    }

    #[test]
    fn a_failed_candidate_never_starts_a_task(script in shift_script()) {
        each_look(&script, |look| {
            for action in &look.step.actions {
                let Action::Start { deployment, .. } = action else { continue };
                let rollout = look.before.deployment(*deployment).map(|deployment| deployment.rollout);
                prop_assert_ne!(rollout, Some(Rollout::Failed), "{:?}", look.step);
            }
            for deployment in &look.before.deployments {
                let after = look.after.deployment(deployment.id).map(|deployment| deployment.rollout);
                prop_assert!(deployment.rollout != Rollout::Failed || after.is_none_or(|after| after == Rollout::Failed));
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_primary_is_first_and_every_task_has_its_deployment(script in shift_script()) {
        each_look(&script, |look| {
            for service in [&look.before, &look.after] {
                let primaries = service.deployments.iter().filter(|deployment| deployment.role == Role::Primary);
                prop_assert_eq!(primaries.count(), 1);
                prop_assert_eq!(service.deployments[0].role, Role::Primary);
                prop_assert!(service.tasks.iter().all(|task| service.deployment(task.deployment).is_some()));
                let listed = service.serving().iter().all(|(id, _)| service.deployment(*id).is_some());
                prop_assert!(listed, "{:?}", service);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_failed_answer_always_goes_back(script in shift_script()) {
        let (world, _) = play(&script);
        for look in &world.looks {
            let Some(asked) = &look.after.shifting else { continue };
            if asked.hooks == Hooks::Asked && asked.way == Way::Forward {
                let mut service = look.after.clone();
                service.answer(Answer::Failed, look.now);
                step(&mut service, look.now);
                let gone = service.deployment(asked.candidate).is_none_or(|candidate| candidate.rollout == Rollout::Failed);
                prop_assert!(gone, "{:?}", service);
                let on = service.shifting.is_some_and(|shifting| shifting.way == Way::Forward);
                prop_assert!(!on);
            }
        }
    }

    #[test]
    fn time_alone_never_moves_past_a_hook_that_is_asked(script in shift_script()) {
        let (world, _) = play(&script);
        for look in &world.looks {
            let Some(asked) = look.after.shifting.as_ref().filter(|shifting| shifting.hooks == Hooks::Asked) else { continue };
            let mut service = look.after.clone();
            for days in [0, 1, 30] {
                step(&mut service, look.now + Span::seconds(days * 86_400 + 60));
            }
            let after = service.shifting.expect("an asked hook holds the shift");
            let stays = (after.stage, after.round, after.hooks) == (asked.stage, asked.round, Hooks::Asked);
            prop_assert!(stays || (asked.way == Way::Forward && after.way != Way::Forward), "{asked:?} became {after:?}");
        }
    }

    #[test]
    fn every_shift_ends_or_is_held_by_a_hook_alone(script in shift_script()) {
        let (mut world, _) = play(&script);
        let mut stages = 0;
        loop {
            match rest(&mut world) {
                Err(why) => {
                    prop_assert!(scales_up_in_vain(&world), "{why}");
                    return Ok(());
                }
                Ok(End::Asked) => {
                    both_sides_are_full(&world)?;
                    world.service.answer(Answer::Passed, world.now);
                    stages += 1;
                    prop_assert!(stages < 200, "asked for ever: {:?}", world.service.shifting);
                }
                Ok(End::Halted | End::Over) => break,
            }
        }
        let over = world.service.shifting.is_none();
        prop_assert!(over || world.service.primary().rollout == Rollout::Failed, "{:?}", world.service);
    }
}

/// Scaled up in its last stage, when the breaker and the stage's limit watch no more, and its tasks never start: this goes on
/// as it does in a rolling deployment without a breaker.
fn scales_up_in_vain(world: &World) -> bool {
    let service = &world.service;
    let quality = world.qualities[service.primary().revision as usize];
    service.shifting.as_ref().is_some_and(|it| it.stage == Stage::CleanUp && it.way == Way::Forward) && quality != Quality::Good
}

/// What has traffic has the desired count at rest, if it can have it at all.
fn both_sides_are_full(world: &World) -> Result<(), TestCaseError> {
    let service = &world.service;
    for (id, _) in traffic(service) {
        let deployment = service.deployment(id).expect("who serves is listed");
        let good = world.qualities[deployment.revision as usize] == Quality::Good && deployment.rollout != Rollout::Failed;
        let healthy = service.tasks.iter().filter(|task| task.deployment == id && is_healthy(service, task, world.now)).count();
        prop_assert!(!good || healthy as u32 == service.desired, "{healthy} of {}: {service:?}", service.desired);
    }
    Ok(())
}

#[test]
fn the_shift_scripts_reach_every_end() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..512 {
        let script = shift_script().new_tree(&mut runner).expect("the strategy rejects nothing").current();
        let (mut world, _) = play(&script);
        let end = rest(&mut world).expect("every run ends");
        seen.insert(format!("{end:?}"));
        for look in &world.looks {
            for note in &look.step.notes {
                match note {
                    Note::StageEntered { stage, .. } => {
                        let back = look.after.shifting.as_ref().is_some_and(|shifting| shifting.way != Way::Forward);
                        seen.insert(format!("{stage:?} back: {back}"));
                    }
                    Note::TurningBack { reason, .. } => {
                        let reason = format!("{reason:?}");
                        seen.insert(format!("back for {}", reason.split('(').next().unwrap_or_default()));
                    }
                    Note::TurnedBack { .. } => drop(seen.insert("turned back".into())),
                    Note::DeploymentCompleted { .. } if look.before.shifting.is_some() => drop(seen.insert("completed".into())),
                    _ => {}
                }
            }
            let stopping = look.after.tasks.iter().any(|task| task.phase == Phase::Stopping);
            let cleans = look.before.shifting.as_ref().is_some_and(|shifting| shifting.stage == Stage::CleanUp);
            if stopping && cleans {
                seen.insert("cleans up".into());
            }
        }
    }
    let missing: Vec<_> = [
        "Over",
        "Halted",
        "Asked",
        "turned back",
        "completed",
        "cleans up",
        "back for Failed",
        "back for Hook",
        "back for Asked",
        "back for TimedOut",
        "ReconcileService back: false",
        "BakeTime back: false",
        "CleanUp back: true",
        "ScaleUp back: true",
        "ProductionTrafficShift back: true",
        "TestTrafficShift back: true",
    ]
    .into_iter()
    .filter(|end| !seen.contains(*end))
    .collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
}
