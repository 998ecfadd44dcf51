//! What holds for traffic and the capacity under it, in every shift in every world.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shipit_scheduler::{Action, DeploymentId, Service, Share, TaskId, Way, Weights};

use crate::properties::config;
use crate::shift_script::{each_look, play, shift_script};
use crate::world::{Look, is_healthy};

/// Who has traffic, and nobody that has none. Where there is no test listener only production counts.
pub fn traffic(service: &Service) -> BTreeMap<DeploymentId, Weights> {
    let listens = service.shifting.as_ref().is_none_or(|shifting| shifting.shift.test_listener || shifting.remains.is_some());
    let counted = |weights: Weights| if listens { weights } else { Weights { test: weights.production, ..weights } };
    let all = service.serving().into_iter().map(|(id, weights)| (id, counted(weights)));
    all.filter(|(_, weights)| *weights != Weights::NONE).collect()
}

fn production(service: &Service) -> BTreeMap<DeploymentId, Share> {
    let shares = service.serving().into_iter().map(|(id, weights)| (id, weights.production));
    shares.filter(|(_, share)| *share > Share::NONE).collect()
}

fn healthy_of(service: &Service, id: DeploymentId, look: &Look) -> u32 {
    let healthy = |task: &&shipit_scheduler::Task| task.deployment == id && is_healthy(service, task, look.now);
    service.tasks.iter().filter(healthy).count() as u32
}

fn owner(service: &Service, id: TaskId) -> Option<DeploymentId> {
    service.task(id).map(|task| task.deployment)
}

fn is_route(action: &Action) -> bool {
    matches!(action, Action::Route { .. })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_with_traffic_is_stopped_below_the_full_count(script in shift_script()) {
        each_look(&script, |look| {
            if look.before.shifting.is_none() {
                return Ok(());
            }
            let after = traffic(&look.after);
            for (id, _) in traffic(&look.before) {
                let (had, has) = (healthy_of(&look.before, id, look), healthy_of(&look.after, id, look));
                if after.contains_key(&id) {
                    prop_assert!(has >= had.min(look.before.desired), "{id:?}: {had} became {has}: {:?}", look.step);
                } else {
                    let route = look.step.actions.iter().rposition(is_route).expect("traffic has left it");
                    let lost = |action: &&Action| match action {
                        Action::Stop { task, .. } => look.before.task(*task).is_some_and(|task| {
                            task.deployment == id && is_healthy(&look.before, task, look.now)
                        }),
                        Action::Start { .. } | Action::Route { .. } => false,
                    };
                    let has = had - look.step.actions[..route].iter().filter(lost).count() as u32;
                    prop_assert!(has >= had.min(look.before.desired), "{id:?} lost capacity before traffic: {:?}", look.step);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_candidate_gets_traffic_only_with_its_full_capacity(script in shift_script()) {
        each_look(&script, |look| {
            for action in &look.step.actions {
                let Action::Route { candidate, weights } = *action else { continue };
                let had = traffic(&look.before).get(&candidate).copied().unwrap_or_default();
                let own = look.before.shifting.as_ref().is_some_and(|shifting| shifting.candidate == candidate);
                let more = weights.test > had.test || weights.production > had.production;
                if own && more {
                    let healthy = healthy_of(&look.after, candidate, look);
                    prop_assert!(healthy >= look.after.desired, "{healthy} healthy: {:?}", look.step);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn traffic_never_moves_onto_nothing_while_there_is_something(script in shift_script()) {
        each_look(&script, |look| {
            let serves = |id: &DeploymentId| healthy_of(&look.after, *id, look) > 0;
            let (before, after) = (production(&look.before), production(&look.after));
            if look.before.shifting.is_some() && look.after.desired > 0 && before != after && before.keys().any(serves) {
                prop_assert!(after.keys().any(serves), "{before:?} became {after:?}: {:?}", look.step);
            }
            Ok(())
        })?;
    }

    #[test]
    fn traffic_moves_by_routes_alone(script in shift_script()) {
        let (world, facts) = play(&script);
        for look in &world.looks {
            let moved = traffic(&look.before) != traffic(&look.after);
            let shifts = look.before.shifting.is_some() && (look.after.shifting.is_some() || look.before.primary() == look.after.primary());
            if shifts && moved {
                prop_assert!(look.step.actions.iter().any(is_route), "{:?} became {:?}", look.before, look.after);
            }
        }
        for fact in facts {
            let after = &world.looks[fact.look].before;
            let (had, has) = (production(&fact.before), production(after));
            let served = fact.before.tasks.iter().any(|task| had.contains_key(&task.deployment) && is_healthy(&fact.before, task, world.looks[fact.look].now));
            if fact.before.shifting.is_some() && served {
                prop_assert_eq!(had, has, "{}: {:?}", fact.told, fact.before);
            }
        }
    }

    #[test]
    fn weights_are_shares_and_only_grow_on_the_way_forward(script in shift_script()) {
        each_look(&script, |look| {
            for action in &look.step.actions {
                if let Action::Route { weights, .. } = action {
                    prop_assert!(weights.test <= Share::ALL && weights.production <= Share::ALL, "{weights:?}");
                }
            }
            let total: u32 = look.after.serving().iter().map(|(_, weights)| weights.production.0).sum();
            let source = look.after.shifting.as_ref().is_none_or(|shifting| shifting.source.is_some());
            prop_assert!(total == 1000 || (!source && total == 0), "{total}");
            if let (Some(before), Some(after)) = (&look.before.shifting, &look.after.shifting)
                && before.candidate == after.candidate
            {
                let shrinks = after.weights.test < before.weights.test || after.weights.production < before.weights.production;
                prop_assert!(!shrinks || matches!(after.way, Way::Back(_)), "{before:?} became {after:?}");
                let turned = before.way != Way::Forward && after.way == Way::Forward;
                prop_assert!(!turned, "forward again: {before:?} became {after:?}");
            }
            Ok(())
        })?;
    }

    #[test]
    fn going_back_restores_traffic_before_capacity(script in shift_script()) {
        each_look(&script, |look| {
            let Some(shifting) = look.before.shifting.as_ref().filter(|shifting| matches!(shifting.way, Way::Back(_))) else {
                return Ok(());
            };
            let of = |action: &Action| matches!(action, Action::Stop { task, .. } if owner(&look.before, *task) == Some(shifting.candidate));
            let halts = look.after.shifting.as_ref().is_some_and(|shifting| matches!(shifting.way, Way::Halted(_)));
            if !halts && shifting.weights != Weights::NONE && look.step.actions.iter().any(of) {
                let last = look.step.actions.iter().rposition(is_route);
                let gone = last.is_some_and(|last| matches!(look.step.actions[last], Action::Route { weights: Weights::NONE, .. }));
                prop_assert!(gone && last < look.step.actions.iter().position(of), "{:?}", look.step);
            }
            Ok(())
        })?;
    }
}
