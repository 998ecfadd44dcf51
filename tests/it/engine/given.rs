//! What another stage has built: taken by digest, judged at the gate, deployed; nothing is built in its place.

use serde_json::json;
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::gate::Severity;
use shipit_core::given::narrowed;
use shipit_core::imagedefinitions::read;
use shipit_core::pipeline::TaskDefinitionSource;
use shipit_core::plan::REVISION_LABEL;

use crate::support::faults::{Op, When};
use crate::support::images::{REGISTRY, ScanStory, finding};
use crate::support::run::Run;
use crate::support::scenario::{Scenario, revision};
use crate::support::world::World;

const EARLIER: &str = "1111111111111111111111111111111111111111";

/// A storefront whose images another stage has pushed, under the earlier commit.
async fn pushed() -> Scenario {
    let scenario = Scenario::storefront();
    scenario.world.lock().surroundings.commit = EARLIER.into();
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
    let mut world = scenario.world.lock();
    world.surroundings.commit = "4f2a91c0000000000000000000000000000000aa".into();
    for name in ["backend", "frontend"] {
        world.images.contexts.insert(name.into(), format!("{name}, second version"));
    }
    drop(world);
    scenario
}

/// The digest under the earlier commit's tag.
fn digest(scenario: &Scenario, repository: &str) -> String {
    scenario.world.lock().images.repositories[repository][EARLIER].0.digest.0.clone()
}

/// The scenario with these entries as its imagedefinitions.json.
fn given(mut scenario: Scenario, entries: &[(&str, &str)]) -> Result<Scenario, Failure> {
    let list: Vec<_> = entries.iter().map(|(name, uri)| json!({"name": name, "imageUri": uri})).collect();
    let definitions = read("imagedefinitions.json", json!(list).to_string().as_bytes())?;
    scenario.pipeline = narrowed(scenario.pipeline, &definitions)?;
    Ok(scenario)
}

fn is_untouched(run: &Run) {
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::ImageDefinitions), "{:?}", run.refusals);
    assert_eq!(run.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn images_by_digest_and_by_tag_are_deployed_by_digest_and_nothing_is_built() {
    let mut scenario = pushed().await;
    let (backend, frontend) = (digest(&scenario, "shop/backend"), digest(&scenario, "shop/frontend"));
    for (name, container) in [("backend", "api"), ("frontend", "web")] {
        let placeholder = format!("{REGISTRY}/placeholder@sha256:{}", "0".repeat(64));
        let definition = json!({"family": name, "cpu": "512", "memory": "1024", "networkMode": "awsvpc",
            "containerDefinitions": [{"name": container, "image": placeholder, "portMappings": [{"containerPort": 3333}]}]});
        scenario.wanted(name).task_definition = TaskDefinitionSource::File { path: "new.json".into(), definition };
    }
    let by_digest = format!("{REGISTRY}/shop/backend@{backend}");
    let by_tag = format!("{REGISTRY}/shop/frontend:{EARLIER}");
    let scenario = given(scenario, &[("api", &by_digest), ("web", &by_tag)]).unwrap();
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    run.deployed("backend", "backend:3");
    run.deployed("frontend", "frontend:3");
    for none in [Op::HashInputs, Op::Build, Op::Push, Op::Tag, Op::AskEngine] {
        assert_eq!(run.calls(none).len(), 0, "{none:?}");
    }
    let judged: Vec<&str> = run.calls(Op::DescribeScan).iter().map(|call| call.subject.as_str()).collect();
    assert!(judged.contains(&"shop/backend") && judged.contains(&"shop/frontend"), "{judged:?}");
    let world = scenario.world.lock();
    let place = world.ecs.revisions.place(&revision("frontend:3")).unwrap();
    let image = &world.ecs.revisions.at(place).definition["containerDefinitions"][0]["image"];
    assert_eq!(*image, json!(format!("{REGISTRY}/shop/frontend@{frontend}")), "the tag is resolved");
}

/// The backend's image of another stage, by its digest.
async fn backend_given() -> Scenario {
    let scenario = pushed().await;
    let uri = format!("{REGISTRY}/shop/backend@{}", digest(&scenario, "shop/backend"));
    given(scenario, &[("api", &uri)]).unwrap()
}

/// The scan of a repository's images finds what no gate lets through.
fn is_critical(scenario: &Scenario, repository: &str) {
    let finds = ScanStory::Finds(vec![finding("CVE-1", Severity::Critical)]);
    scenario.world.lock().images.scans.insert(repository.into(), finds);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_named_is_left_alone() {
    let scenario = backend_given().await;
    is_critical(&scenario, "shop/frontend");
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert!(run.all_calls().all(|call| !call.subject.contains("frontend")), "nobody asks for the other");
}

#[tokio::test(start_paused = true)]
async fn the_gate_holds_what_another_stage_built() {
    let scenario = backend_given().await;
    is_critical(&scenario, "shop/backend");
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Gate, Code::GateBlocked), "{:?}", run.outcome);
    assert_eq!(run.touches(), []);
    assert!(!matches!(run.stands("backend"), ServiceOutcome::Deployed { .. }));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_or_not_ours_is_refused_before_anything() {
    let scenario = pushed().await;
    let missing = format!("{REGISTRY}/shop/backend@sha256:{}", "f".repeat(64));
    let run = given(scenario, &[("api", &missing)]).unwrap().deploy().await;
    is_untouched(&run);
    assert!(run.words().contains("is not in the registry\n"), "{}", run.words());

    let scenario = pushed().await;
    let run =
        given(scenario, &[("api", "999999999999.dkr.ecr.eu-central-1.amazonaws.com/shop/backend:v1")]).unwrap().deploy().await;
    is_untouched(&run);
    assert!(run.words().contains("not in the registry of this account and region"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn what_the_pipeline_does_not_deploy_is_refused_all_at_once() {
    let mut scenario = Scenario::storefront();
    scenario.wanted("backend").containers.insert("log".into(), "frontend".into());
    let (backend, other) = (format!("{REGISTRY}/shop/backend:1"), format!("{REGISTRY}/shop/backend:2"));
    let wrong = [("api", backend.as_str()), ("api", &other), ("redis", "r.example/redis:7"), ("web", "r.example/other/web:1")];
    let Err(failure) = given(scenario, &wrong) else { panic!("it is taken") };
    assert_eq!(failure.code, Code::ImageDefinitions);
    let told = failure.because.join("\n");
    for line in [
        "image `backend` is named twice, as",
        "no service has a container `redis` with an image of this pipeline; there are `api`, `log`, `web`",
        "container `web` has its image in the repository `shop/frontend`, and `r.example/other/web:1` is of `other/web`",
        "service `backend` is named in part: an image of `frontend` is missing",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_else_names_the_commit_the_images_do() {
    let nothing = || Failure::new(Code::NoCommit, "no commit names this tree").into();
    let scenario = pushed().await;
    let uris = ["backend", "frontend"].map(|name| format!("{REGISTRY}/shop/{name}:{EARLIER}"));
    let scenario = given(scenario, &[("api", &uris[0]), ("web", &uris[1])]).unwrap();
    scenario.world.lock().faults.fail_next(Op::ReadSource, 1, When::Before, nothing());
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.refusals);

    let of_another = "2222222222222222222222222222222222222222".to_owned();
    let labelled = |world: &mut World| {
        let tags = world.images.repositories.get_mut("shop/backend").unwrap();
        for (stored, _) in tags.values_mut() {
            stored.labels.insert(REVISION_LABEL.into(), of_another.clone());
        }
    };
    labelled(&mut scenario.world.lock());
    scenario.world.lock().faults.fail_next(Op::ReadSource, 1, When::Before, nothing());
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::NoCommit));
    assert!(run.words().contains("differ: 1111"), "{}", run.words());
}

/// The backend as flags say it: no image of its own is built, and its task definition is the one that runs.
fn by_flags(mut scenario: Scenario) -> Scenario {
    scenario.pipeline.images.clear();
    scenario.pipeline.services.retain(|service| service.name == "backend");
    let service = scenario.wanted("backend");
    service.containers.clear();
    service.task_definition = TaskDefinitionSource::Running;
    scenario
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_pipeline_file_gets_the_images_into_what_it_runs() {
    let uri = format!("{REGISTRY}/shop/backend@sha256:{}", "c".repeat(64));
    let scenario = given(by_flags(pushed().await), &[("api", &uri)]).unwrap();
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    run.deployed("backend", "backend:3");
    assert_eq!(run.calls(Op::Build).len() + run.calls(Op::Push).len(), 0);
    {
        let world = scenario.world.lock();
        let at = |name: &str| &world.ecs.revisions.at(world.ecs.revisions.place(&revision(name)).unwrap()).definition;
        let (before, now) = (at("backend:2"), at("backend:3"));
        assert_eq!(now["containerDefinitions"][0]["image"], json!(uri));
        assert_eq!(now["cpu"], before["cpu"], "all else is as it was");
    }
    let again = scenario.deploy().await;
    assert_eq!((again.exit, again.writes()), (Exit::Done, Vec::new()), "it runs already");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_the_task_definition_has_not_is_refused() {
    let uri = format!("{REGISTRY}/shop/backend@sha256:{}", "c".repeat(64));
    let scenario = given(by_flags(pushed().await), &[("apj", &uri)]).unwrap();
    let run = scenario.deploy().await;
    is_untouched(&run);
    let failure = &run.refusals[0];
    assert_eq!(failure.what, "imagedefinitions.json names the container `apj`, which the task definition of `backend` has not");
    assert_eq!((failure.because.len(), failure.now.len(), failure.next.len()), (1, 1, 1), "{failure:?}");
    assert!(failure.next[0].starts_with("did you mean `api`?"), "{failure:?}");

    let other = format!("{REGISTRY}/shop/backend:1.2");
    let twice = given(by_flags(pushed().await), &[("api", &uri), ("api", &other)]).map(drop).unwrap_err();
    assert_eq!((twice.code, twice.because.len()), (Code::ImageDefinitions, 1), "{twice:?}");
}
