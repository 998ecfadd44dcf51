//! Deploys that go well, and what they leave alone.

use serde_json::json;
use shipit_core::event::{Event, ServiceOutcome, StepResult};
use shipit_core::failure::Exit;
use shipit_core::journal::Fact;
use shipit_core::pipeline::{Strategy, TaskDefinitionSource};
use shipit_core::settled::Status;
use shipit_scheduler::{Percents, Span};

use crate::support::faults::{Op, When, refused};
use crate::support::run::Run;
use crate::support::scenario::Scenario;

/// When a step started and when it succeeded, in seconds of the run.
fn span(run: &Run, step: &str) -> (i64, i64) {
    let at = |wanted: fn(&Fact) -> bool| {
        let found = run.facts().into_iter().find(|entry| entry.step.0 == step && wanted(&entry.fact));
        found.unwrap_or_else(|| panic!("`{step}` has no such fact")).at.as_second()
    };
    (at(|fact| matches!(fact, Fact::Started { .. })), at(|fact| matches!(fact, Fact::Succeeded { .. })))
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_replaces_the_placeholders_backend_first() {
    let scenario = Scenario::storefront();
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    run.deployed("backend", "backend:2");
    run.deployed("frontend", "frontend:2");
    for service in ["backend", "frontend"] {
        assert_eq!(scenario.serves(service), Some(format!("{service}:2")));
        assert_eq!(scenario.newest_status(service), Status::Successful);
        assert_eq!(run.calls(Op::Build).iter().filter(|call| call.subject == service).count(), 1);
    }
    assert_eq!(run.touches(), [(Op::UpdateService, "backend"), (Op::UpdateService, "frontend")]);
    assert!(
        matches!(run.stands("backend"), ServiceOutcome::Deployed { before: Some(before), .. } if before.short() == "backend:1")
    );
    assert!(span(&run, "roll backend").1 <= span(&run, "roll frontend").0, "frontend needs backend");
    assert!(span(&run, "build backend").0 < span(&run, "build frontend").1, "builds go side by side");
    assert!(span(&run, "build frontend").0 < span(&run, "build backend").1, "builds go side by side");
}

#[tokio::test(start_paused = true)]
async fn the_revision_names_its_image_by_digest_and_its_run_by_tags() {
    let scenario = Scenario::storefront();
    let run = scenario.deploy().await;
    let sent = &run.calls(Op::RegisterTaskDefinition)[0].body;
    let pushed = &run.outcome.as_ref().unwrap().images["backend"];
    let image = sent["containerDefinitions"][0]["image"].as_str().unwrap();
    assert!(image.ends_with(&format!("shop/backend@{pushed}")), "{image}");
    let tags = sent["tags"].to_string();
    for (key, value) in [
        ("shipit:commit", "4f2a91c0000000000000000000000000000000aa"),
        ("shipit:pipeline", "storefront"),
        ("shipit:by", "ana@laptop"),
    ] {
        assert!(tags.contains(&json!({"key": key, "value": value}).to_string()), "{tags}");
    }
    assert!(tags.contains("task-definition/backend:1"), "the revision before is a tag: {tags}");
    let artefacts = &scenario.world.lock().surroundings.artefacts;
    let definitions: serde_json::Value = serde_json::from_slice(&artefacts["artifacts/backend/imagedefinitions.json"]).unwrap();
    assert_eq!(definitions, json!([{"name": "api", "imageUri": image}]));
}

#[tokio::test(start_paused = true)]
async fn the_same_commit_again_builds_pushes_and_touches_nothing() {
    let scenario = Scenario::storefront();
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
    let again = scenario.deploy().await;
    assert_eq!(again.exit, Exit::Done);
    assert_eq!(again.calls(Op::Build).len(), 0);
    assert_eq!(again.writes(), []);
    let begun: Vec<&str> = again
        .events
        .iter()
        .filter_map(|event| match event {
            Event::StepStarted { step } => Some(step.0.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(begun, ["gate backend", "gate frontend"], "what is there is judged again, and that is all");
    assert!(matches!(again.stands("backend"), ServiceOutcome::Unchanged { revision } if revision.short() == "backend:2"));
    assert_eq!(scenario.serves("frontend"), Some("frontend:2".into()));
}

#[tokio::test(start_paused = true)]
async fn where_only_the_frontends_definition_changes_images_are_reused_and_the_backend_is_left_alone() {
    let mut scenario = Scenario::storefront();
    scenario.deploy().await;
    let wanted = scenario.wanted("frontend");
    let TaskDefinitionSource::File { definition, .. } = &mut wanted.task_definition else { panic!("a file") };
    definition["containerDefinitions"][0]["environment"] = json!([{"name": "BANNER", "value": "free shipping"}]);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(run.writes(), [(Op::RegisterTaskDefinition, "frontend"), (Op::UpdateService, "frontend")]);
    assert!(matches!(run.stands("backend"), ServiceOutcome::Unchanged { .. }));
    run.deployed("frontend", "frontend:3");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_an_earlier_run_of_this_commit_pushed_is_not_built_again() {
    let scenario = Scenario::storefront();
    scenario.world.lock().faults.fail_next(Op::Build, 1, When::Before, refused(Op::Build));
    let first = scenario.deploy().await;
    assert_eq!(first.exit, Exit::Failed);
    let pushed: Vec<String> = first.calls(Op::Push).iter().map(|call| call.subject.clone()).collect();
    scenario.commit("4f2a91c0000000000000000000000000000000aa", &[]);
    let second = scenario.deploy().await;
    assert_eq!(second.exit, Exit::Done);
    let built = second.calls(Op::Build).len();
    assert_eq!(built, 2 - pushed.len(), "pushed before: {pushed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_commit_is_built_and_both_services_move_on_from_what_runs() {
    let scenario = Scenario::storefront().on_what_runs("frontend");
    scenario.deploy().await;
    scenario.commit("8d01c2e000000000000000000000000000000bbb", &["backend", "frontend"]);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    assert_eq!(scenario.serves("frontend"), Some("frontend:3".into()));
    let sent = &run.calls(Op::RegisterTaskDefinition)[1].body;
    assert_eq!(sent["tags"].as_array().unwrap().iter().filter(|tag| tag["key"] == "shipit:run").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_services_without_needs_roll_side_by_side() {
    let mut scenario = Scenario::empty();
    scenario.service("search", "search", &[]);
    scenario.service("mail", "mail", &[]);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    let (search, mail) = (span(&run, "roll search"), span(&run, "roll mail"));
    assert!(search.0 < mail.1 && mail.0 < search.1, "{search:?} {mail:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_needs_two_others_waits_for_both() {
    let mut scenario = Scenario::empty();
    scenario.service("shop", "shop", &["search", "mail"]);
    scenario.service("search", "search", &[]);
    scenario.service("mail", "mail", &["search"]);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    let order: Vec<&str> = run.touches().into_iter().map(|(_, service)| service).collect();
    assert_eq!(order, ["search", "mail", "shop"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_wants_no_tasks_gets_the_revision_and_nothing_runs() {
    let scenario = Scenario::storefront();
    scenario.ecs("backend", |service| {
        service.plan.scale(0);
        service.plan.tasks.clear();
    });
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(scenario.serves("backend"), Some("backend:2".into()));
    assert!(scenario.ecs("backend", |service| service.plan.tasks.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_exist_is_created_from_its_definition() {
    let scenario = Scenario::storefront().created("backend");
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(run.touches(), [(Op::CreateService, "backend"), (Op::UpdateService, "frontend")]);
    assert_eq!(scenario.ecs("backend", |service| service.plan.desired), 2);
    assert!(matches!(run.stands("backend"), ServiceOutcome::Deployed { before: None, .. }));
}

#[tokio::test(start_paused = true)]
async fn percents_of_the_file_are_sent_over_what_the_service_has_and_the_breaker_stays() {
    let mut scenario = Scenario::storefront();
    scenario.wanted("backend").strategy = Strategy::Rolling { minimum_percent: Some(50), maximum_percent: Some(100) };
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    let sent = run.calls(Op::UpdateService)[0].body["deploymentConfiguration"].clone();
    assert_eq!(
        sent,
        json!({"minimumHealthyPercent": 50, "maximumPercent": 100, "deploymentCircuitBreaker": {"enable": true, "rollback": true}})
    );
    assert!(run.calls(Op::UpdateService)[1].body["deploymentConfiguration"].is_null(), "the frontend's stays as it is");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_slow_but_moves_is_waited_for_longer_than_the_patience() {
    let scenario = Scenario::storefront().sized("backend", 10, Percents::new(90, 100));
    scenario.world.lock().ecs.spans.drain = Span::seconds(200);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    let (start, end) = span(&run, "roll backend");
    assert!(end - start > 600, "ten tasks, one at a time: {} s", end - start);
    assert!(run.calls(Op::Follow).len() < 400, "{} looks", run.calls(Op::Follow).len());
}

#[tokio::test(start_paused = true)]
async fn smoke_is_asked_after_the_rollout_at_the_load_balancers_address() {
    let scenario = Scenario::storefront().smoked("backend");
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    assert_eq!(run.calls(Op::Probe)[0].subject, "http://shop-1.elb.amazonaws.com:3333/health");
    assert!(span(&run, "roll backend").1 <= span(&run, "smoke backend").0);
    assert!(span(&run, "smoke backend").1 <= span(&run, "roll frontend").0, "who needs backend waits for its smoke");
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_behind_the_update_are_waited_out() {
    let scenario = Scenario::storefront();
    {
        let spans = &mut scenario.world.lock().ecs.spans;
        (spans.stale, spans.listed) = (Span::seconds(15), Span::seconds(25));
    }
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    run.deployed("backend", "backend:2");
    assert_eq!(run.touches().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_platform_without_service_deployments_is_judged_by_the_primary_and_said_to_be() {
    let scenario = Scenario::storefront();
    scenario.world.lock().ecs.without_service_deployments = true;
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    let weaker = |event: &&Event| matches!(event, Event::StepSucceeded { result: StepResult::RolledOut { evidence, .. }, .. } if evidence == "weaker evidence");
    assert_eq!(run.events.iter().filter(weaker).count(), 2);
}
