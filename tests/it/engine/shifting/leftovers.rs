//! The hooks that a rollout placed hold nobody once it has ended, whoever ended it.

use serde_json::{Value, json};
use shipit_core::event::Event;
use shipit_core::failure::{Code, Exit};
use shipit_core::rollout::Until;

use super::stories::{By, WEB, fares, judged};
use crate::support::faults::Op;
use crate::support::revisions::Behaviour;
use crate::support::routed::Quality;
use crate::support::scenario::Scenario;

fn hooks(scenario: &Scenario) -> usize {
    scenario.ecs(WEB, |service| service.configuration["lifecycleHooks"].as_array().map_or(0, Vec::len))
}

fn strategy(scenario: &Scenario) -> Value {
    scenario.ecs(WEB, |service| service.configuration["strategy"].clone())
}

#[tokio::test(start_paused = true)]
async fn after_success_no_hook_of_ours_is_there_and_the_strategy_is() {
    for by in By::BY_SHARES {
        for until in [Until::Deployed, Until::TrafficShifted] {
            let scenario = Scenario { until, ..judged(by) };
            let before = hooks(&scenario);
            let run = scenario.deploy().await;
            assert_eq!(run.exit, Exit::Done, "{by:?}: {:?}", run.outcome);
            let placed =
                run.calls(Op::UpdateService)[0].body["deploymentConfiguration"]["lifecycleHooks"].as_array().unwrap().len();
            assert_eq!((before, placed, hooks(&scenario)), (0, 2, 0), "{by:?}");
            assert_eq!(run.calls(Op::Configure).len(), 1, "{by:?}");
            assert_ne!(strategy(&scenario), json!("ROLLING"), "{by:?}: it is the service's own");
            assert_eq!(run.touches().iter().filter(|(call, _)| *call == Op::UpdateService).count(), 1, "{by:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_turn_back_inside_the_deployment_all_is_as_it_was() {
    for by in By::BY_SHARES {
        let worse = fares(judged(by), Quality::FAILS_UNDER_TRAFFIC);
        let crashes = judged(by).new_tasks(WEB, Behaviour::Crashes);
        for scenario in [worse, crashes] {
            let before = scenario.ecs(WEB, |service| service.configuration.clone());
            let run = scenario.deploy().await;
            assert_eq!(run.exit, Exit::TurnedBack, "{by:?}: {:?}", run.outcome);
            let after = scenario.ecs(WEB, |service| service.configuration.clone());
            for key in ["strategy", "lifecycleHooks", "minimumHealthyPercent", "maximumPercent"] {
                let nothing = |value: &Value| value.is_null() || *value == json!([]) || *value == json!("ROLLING");
                let same = after[key] == before[key] || nothing(&after[key]) && nothing(&before[key]);
                assert!(same, "{by:?} {key}: {} was {}", after[key], before[key]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_worse_version_is_told_with_what_it_has_cost_in_words_and_in_the_dossier() {
    let run = fares(judged(By::Canary), Quality::FAILS_UNDER_TRAFFIC).deploy().await;
    assert_eq!(run.code(), Code::CandidateWorse, "{:?}", run.outcome);
    let failure = run.failure();
    assert!(failure.what.contains("candidate answers") && failure.what.contains("p < "), "{}", failure.what);
    assert!(failure.now[0].contains("serves web:1 again, 100% of its traffic since"), "{:?}", failure.now);
    let toll = run.events.iter().rev().find_map(|event| match event {
        Event::Dossier { dossier, .. } => dossier.toll,
        _ => None,
    });
    let toll = toll.expect("the dossier has the numbers");
    assert!(toll.candidate.errors > 0 && toll.candidate.requests < toll.stable.requests, "{toll:?}");
    assert_eq!(failure.now[1], toll.words("web:2"));
}
