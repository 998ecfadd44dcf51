//! Refused before anything is done: exit 2, and not one call that changes anything.

use serde_json::json;
use shipit::port::Dirty;
use shipit_core::content::SOURCES_LABEL;
use shipit_core::failure::{Code, Exit};
use shipit_core::pipeline::{Strategy, TaskDefinitionSource, WhenSame};
use shipit_core::plan::REVISION_LABEL;
use shipit_core::release::Digest;
use shipit_scheduler::Span;

use crate::support::ecs::Happening;
use crate::support::faults::{Op, When, denied};
use crate::support::run::Run;
use crate::support::scenario::Scenario;

#[track_caller]
fn is_refused(run: &Run, code: Code) {
    assert_eq!((run.exit, run.code()), (Exit::Refused, code), "{}", run.words());
    assert_eq!(run.writes(), []);
    assert_eq!(run.calls(Op::Build).len() + run.calls(Op::OpenRun).len(), 0);
    assert!(run.outcome.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_dirty_tree_is_refused_and_shipped_under_its_own_tag_where_it_is_allowed() {
    let mut scenario = Scenario::storefront();
    scenario.world.lock().surroundings.changed.push("backend/main.go".into());
    is_refused(&scenario.deploy().await, Code::DirtyTree);
    scenario.wish.dirty = Dirty::Allow;
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    assert_eq!(run.calls(Op::Push)[0].body["tag"], "4f2a91c0000000000000000000000000000000aa-dirty-0123456789ab");
}

#[tokio::test(start_paused = true)]
async fn credentials_of_another_account_are_refused() {
    let scenario = Scenario::storefront();
    scenario.world.lock().surroundings.account = "999999999999".into();
    is_refused(&scenario.deploy().await, Code::WrongAccount);
}

#[tokio::test(start_paused = true)]
async fn a_missing_repository_is_refused_with_the_command_that_creates_it() {
    let scenario = Scenario::storefront();
    scenario.world.lock().images.repositories.remove("shop/backend");
    let run = scenario.deploy().await;
    is_refused(&run, Code::RepositoryMissing);
    assert!(run.words().contains("aws ecr create-repository --repository-name shop/backend"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn a_missing_service_is_refused_with_the_command_that_creates_it() {
    let scenario = Scenario::storefront();
    scenario.world.lock().ecs.services.remove("backend");
    let run = scenario.deploy().await;
    is_refused(&run, Code::ServiceMissing);
    assert!(run.words().contains("aws ecs create-service --cluster shop --service-name backend"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_not_in_the_definition_is_refused() {
    let mut scenario = Scenario::storefront();
    scenario.wanted("backend").containers.insert("worker".into(), "backend".into());
    let run = scenario.deploy().await;
    is_refused(&run, Code::ContainerMissing);
    assert!(run.words().contains("it has: api"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_wrong_is_said_at_once() {
    let mut scenario = Scenario::storefront();
    scenario.wanted("backend").containers.insert("worker".into(), "backend".into());
    {
        let mut world = scenario.world.lock();
        world.surroundings.account = "999999999999".into();
        world.images.repositories.remove("shop/frontend");
    }
    let run = scenario.deploy().await;
    let codes: Vec<Code> = run.refusals.iter().map(|failure| failure.code).collect();
    assert_eq!(codes, [Code::WrongAccount, Code::RepositoryMissing, Code::ContainerMissing]);
}

fn with_sidecar(scenario: &mut Scenario, image: &str) {
    let TaskDefinitionSource::File { definition, .. } = &mut scenario.wanted("backend").task_definition else { panic!("a file") };
    let containers = definition["containerDefinitions"].as_array_mut().unwrap();
    containers.push(json!({"name": "proxy", "image": image}));
}

#[tokio::test(start_paused = true)]
async fn a_sidecar_on_latest_is_refused_unless_it_is_allowed() {
    let mut scenario = Scenario::storefront();
    with_sidecar(&mut scenario, "envoy:latest");
    is_refused(&scenario.deploy().await, Code::MovingTag);
    scenario.pipeline.allow_latest.push("envoy:latest".into());
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_brings_its_images_itself_is_never_pinned_to_what_runs() {
    let mut scenario = Scenario::storefront();
    scenario.pipeline.images.retain(|image| image.name != "backend");
    let backend = scenario.wanted("backend");
    backend.containers.clear();
    let TaskDefinitionSource::File { definition, .. } = &mut backend.task_definition else { panic!("a file") };
    definition["containerDefinitions"][0]["image"] = "shop/backend:latest".into();
    scenario.ecs("backend", |service| {
        service.digests.insert("api".into(), Digest(format!("sha256:{}", "e".repeat(64))));
    });
    is_refused(&scenario.deploy().await, Code::MovingTag);
    let backend = scenario.wanted("backend");
    let TaskDefinitionSource::File { definition, .. } = &mut backend.task_definition else { panic!("a file") };
    definition["containerDefinitions"][0]["image"] = "shop/backend:1.2.3".into();
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    let sent = &run.calls(Op::RegisterTaskDefinition)[0].body;
    assert_eq!(sent["containerDefinitions"][0]["image"], "shop/backend:1.2.3", "as it stands");
}

#[tokio::test(start_paused = true)]
async fn what_runs_already_is_rolled_out_again_only_when_that_is_forced() {
    let mut scenario = Scenario::storefront();
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
    let again = scenario.deploy().await;
    assert_eq!((again.exit, again.calls(Op::UpdateService).len()), (Exit::Done, 0));
    scenario.wanted("backend").when_same = WhenSame::RollOut;
    let forced = scenario.deploy().await;
    assert_eq!(forced.exit, Exit::Done);
    let touched: Vec<&str> = forced.touches().iter().map(|(_, subject)| *subject).collect();
    assert_eq!(touched, ["backend"], "the other one stays as it is");
}

#[tokio::test(start_paused = true)]
async fn a_sidecar_on_latest_is_pinned_to_the_digest_that_runs() {
    let mut scenario = Scenario::storefront();
    let running = Digest(format!("sha256:{}", "e".repeat(64)));
    with_sidecar(&mut scenario, "envoy:latest");
    scenario.ecs("backend", |service| {
        service.digests.insert("proxy".into(), running.clone());
    });
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    let sent = &run.calls(Op::RegisterTaskDefinition)[0].body;
    assert_eq!(sent["containerDefinitions"][1]["image"], format!("envoy@{running}"));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_in_progress_is_not_taken_over() {
    let scenario = Scenario::storefront();
    {
        let mut world = scenario.world.lock();
        let now = world.now();
        world.happens(now, Happening::Deploys("backend".into()));
    }
    let run = scenario.deploy().await;
    is_refused(&run, Code::DeploymentInProgress);
    scenario.world.pass(Span::seconds(600)).await;
    assert_eq!(scenario.serves("backend"), Some("theirs:1".into()));
}

#[tokio::test(start_paused = true)]
async fn percents_that_can_never_move_are_refused_with_percents_that_can() {
    let mut scenario = Scenario::storefront();
    scenario.wanted("backend").strategy = Strategy::Rolling { minimum_percent: Some(100), maximum_percent: Some(149) };
    let run = scenario.deploy().await;
    is_refused(&run, Code::NeverMoves);
    assert!(run.words().contains("maximum_percent: 150"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn another_controller_and_an_inactive_service_are_refused() {
    let scenario = Scenario::storefront();
    scenario.ecs("backend", |service| service.controller = "CODE_DEPLOY".into());
    is_refused(&scenario.deploy().await, Code::ControllerMismatch);
    scenario.ecs("backend", |service| {
        service.controller = "ECS".into();
        service.status = "DRAINING".into();
    });
    is_refused(&scenario.deploy().await, Code::ServiceNotActive);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_exists_with_other_content_is_refused_and_what_is_stored_is_named() {
    let scenario = Scenario::storefront();
    scenario.deploy().await;
    scenario.commit("4f2a91c0000000000000000000000000000000aa", &["backend"]);
    let run = scenario.deploy().await;
    is_refused(&run, Code::TagTaken);
    let world = scenario.world.lock();
    let (stored, _) = &world.images.repositories["shop/backend"]["4f2a91c0000000000000000000000000000000aa"];
    assert!(run.words().contains(&stored.digest.0), "{}", run.words());
    for label in [SOURCES_LABEL, REVISION_LABEL] {
        assert!(run.words().contains(&stored.labels[label]), "{label} in {}", run.words());
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_read_is_refused_before_anything_with_the_statement_to_add() {
    for operation in [Op::DescribeService, Op::DescribeRepository, Op::GetCallerIdentity] {
        let scenario = Scenario::storefront();
        scenario.world.lock().faults.fail_next(operation, 2, When::Before, denied(operation));
        let run = scenario.deploy().await;
        is_refused(&run, Code::Denied);
        assert!(run.words().contains(&format!("\"Action\": \"{operation:?}\"")), "{}", run.words());
    }
}
