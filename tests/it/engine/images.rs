//! What is built and what is not: the same content, another commit, another base, another platform.

use serde_json::json;
use shipit::port::PortError;
use shipit_core::event::Event;
use shipit_core::failure::{Code, Exit};
use shipit_core::pipeline::TaskDefinitionSource;
use shipit_core::plan::Reuse;
use shipit_core::release::Tag;

use crate::support::faults::{Op, When, denied};
use crate::support::images::digest;
use crate::support::run::Run;
use crate::support::scenario::Scenario;

const NEXT: &str = "8d01c2e0000000000000000000000000000000bb";

/// A storefront that has been deployed, at the next commit.
async fn deployed() -> Scenario {
    let scenario = Scenario::storefront();
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
    scenario.world.lock().surroundings.commit = NEXT.into();
    scenario
}

fn subjects(run: &Run, operation: Op) -> Vec<&str> {
    run.calls(operation).into_iter().map(|call| call.subject.as_str()).collect()
}

/// Why a step is in the plan, or what it says of what is reused.
fn because(run: &Run, step: &str) -> String {
    let planned = run.events.iter().find_map(|event| match event {
        Event::Planned { steps, .. } => steps.iter().find(|planned| planned.step.0 == step),
        _ => None,
    });
    planned.unwrap_or_else(|| panic!("`{step}` is in the plan")).because.clone()
}

#[tokio::test(start_paused = true)]
async fn another_commit_of_the_same_content_builds_pushes_and_registers_nothing() {
    let scenario = deployed().await;
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(run.writes(), [(Op::Tag, "shop/backend"), (Op::Tag, "shop/frontend")], "only the commit's tags are added");
    let world = scenario.world.lock();
    let tags = &world.images.repositories["shop/backend"];
    let digests: Vec<_> = tags.values().map(|(stored, _)| &stored.digest).collect();
    assert!(tags.contains_key(NEXT) && digests.windows(2).all(|pair| pair[0] == pair[1]), "{tags:?}");
    assert_eq!(tags.keys().filter(|tag| tag.starts_with("src-")).count(), 1, "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn a_changed_frontend_is_built_and_the_backend_is_not() {
    let scenario = deployed().await;
    scenario.world.lock().images.contexts.insert("frontend".into(), "a banner".into());
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(subjects(&run, Op::Build), ["frontend"]);
    assert_eq!(subjects(&run, Op::Push), ["shop/frontend"]);
    assert_eq!(run.touches(), [(Op::UpdateService, "frontend")]);
    assert_eq!(because(&run, "build frontend"), "its files, arguments or Dockerfile changed since 4f2a91c");
    assert!(because(&run, "build backend").contains("of 4f2a91c, pushed on 2026-11-20, is reused"));
}

#[tokio::test(start_paused = true)]
async fn a_base_that_moved_is_named_and_built_on() {
    let scenario = deployed().await;
    scenario.world.lock().images.bases.insert("backend".into(), digest("busybox, patched"));
    let run = scenario.deploy().await;
    assert_eq!(subjects(&run, Op::Build), ["backend"]);
    let (before, now) = (digest("busybox"), digest("busybox, patched"));
    let moved = format!("base `busybox:1` moved from {} to {}", before.short(), now.short());
    assert_eq!(because(&run, "build backend"), format!("{moved} since 4f2a91c"));

    scenario.world.lock().images.bases.remove("backend");
    let again = scenario.deploy().await;
    assert_eq!(again.calls(Op::Build).len(), 0, "a commit's image stays what it is, whatever its base is by now");
    assert!(because(&again, "build backend").contains("the next commit is built on it"));
}

#[tokio::test(start_paused = true)]
async fn an_image_with_900_tags_gets_no_more_and_runs_by_its_digest() {
    let scenario = deployed().await;
    for (stored, _) in scenario.world.lock().images.repositories.get_mut("shop/backend").unwrap().values_mut() {
        stored.tags = 900;
    }
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    assert_eq!(run.writes(), [(Op::Tag, "shop/frontend")]);
    assert!(because(&run, "build backend").ends_with("it has 900 tags, so that this commit's is not added: it runs by digest"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_reused_where_that_is_asked_for_and_no_tag_is_overwritten() {
    let mut scenario = deployed().await;
    scenario.reuse = Reuse::Nothing;
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(subjects(&run, Op::Build), ["backend", "frontend"]);
    assert_eq!(run.calls(Op::Tag).len(), 0, "the tag of the content is another image's");
    assert!(because(&run, "push backend").contains("` stays with sha256:"), "{}", because(&run, "push backend"));
    let again = scenario.deploy().await;
    assert_eq!((again.exit, again.code(), again.writes()), (Exit::Refused, Code::TagTaken, vec![]));
    assert!(again.words().contains("git commit --allow-empty"), "{}", again.words());
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_tag_holds_other_content_is_refused() {
    let scenario = Scenario::storefront();
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
    scenario.world.lock().images.contexts.insert("backend".into(), "another checkout".into());
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code(), run.writes()), (Exit::Refused, Code::TagTaken, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_cannot_be_added_ends_the_run_before_a_service_is_touched() {
    let mut scenario = deployed().await;
    scenario.wanted("backend").task_definition = changed(&scenario, "backend");
    scenario.world.lock().faults.fail_next(Op::Tag, 2, When::Before, denied(Op::Tag));
    let run = scenario.deploy().await;
    assert!(run.exit != Exit::Done && run.touches().is_empty(), "{:?}", run.outcome);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.touches()), (Exit::Done, vec![(Op::UpdateService, "backend")]), "{:?}", run.outcome);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_someone_else_gives_meanwhile_stays_theirs_and_no_service_is_touched() {
    let mut scenario = deployed().await;
    scenario.wanted("backend").task_definition = changed(&scenario, "backend");
    let theirs = digest("theirs");
    scenario.world.lock().images.raced.insert("shop/backend".into(), theirs.clone());
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code(), run.touches()), (Exit::Failed, Code::TagTaken, vec![]), "{:?}", run.outcome);
    assert!(run.words().contains(&format!("it is {}, pushed since this plan was made", theirs.short())), "{}", run.words());
    assert_eq!(scenario.world.lock().images.repositories["shop/backend"][NEXT].0.digest, theirs);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_ends_in_the_middle_of_a_push_is_renewed_but_not_for_ever() {
    let expired = || PortError::Expired { message: "Your authorization token has expired".into() };
    let logins = |run: &Run| run.calls(Op::Login).len();
    let usual = logins(&Scenario::storefront().deploy().await);
    for (times, exit) in [(1, Exit::Done), (2, Exit::Done), (6, Exit::Failed)] {
        let scenario = Scenario::storefront();
        scenario.world.lock().faults.fail_next(Op::Push, times, When::Before, expired());
        let run = scenario.deploy().await;
        assert_eq!(run.exit, exit, "{times}: {:?}", run.outcome);
        if exit == Exit::Done {
            assert_eq!(logins(&run), usual + times, "each refusal is answered by a new login");
        } else {
            assert_eq!((run.code(), run.touches()), (Code::ExpiredCredentials, vec![]), "{:?}", run.outcome);
        }
    }
}

/// The definition of a service with more memory.
fn changed(scenario: &Scenario, name: &str) -> TaskDefinitionSource {
    let service = scenario.pipeline.service(name).unwrap();
    let TaskDefinitionSource::File { path, definition } = &service.task_definition else { unreachable!() };
    let mut definition = definition.clone();
    definition["memory"] = json!("1024");
    TaskDefinitionSource::File { path: path.clone(), definition }
}

#[tokio::test(start_paused = true)]
async fn an_image_for_another_machine_is_refused_before_anything_is_built() {
    let mut scenario = Scenario::storefront();
    let TaskDefinitionSource::File { definition, .. } = &mut scenario.wanted("backend").task_definition else { unreachable!() };
    definition["runtimePlatform"] = json!({"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"});
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code(), run.writes()), (Exit::Refused, Code::OtherPlatform, vec![]));
    assert!(run.words().contains("platforms: [linux/arm64]"), "{}", run.words());

    scenario.pipeline.images[0].platforms = vec!["linux/amd64".into(), "linux/arm64".into()];
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    let tags: Vec<_> =
        run.calls(Op::Push).iter().filter(|call| call.subject == "shop/backend").map(|call| call.body["tag"].clone()).collect();
    let commit = scenario.world.lock().surroundings.commit.clone();
    assert_eq!(tags, [json!(format!("{commit}-amd64")), json!(format!("{commit}-arm64"))]);
    assert_eq!(run.calls(Op::Join)[0].body["tag"], json!(Tag(commit)));
    scenario.world.lock().surroundings.commit = NEXT.into();
    let again = scenario.deploy().await;
    assert_eq!(subjects(&again, Op::Build), [""; 0], "the index is known again by its content");
}
