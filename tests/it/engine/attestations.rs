//! What is told about images, and what is demanded of them: attached after the push, before any service is touched.

use shipit_core::attest::{Attestation, Referrer, Required};
use shipit_core::event::{Event, ServiceOutcome, StepResult};
use shipit_core::failure::{Code, Exit};
use shipit_core::release::Digest;
use shipit_scheduler::Span;

use crate::support::faults::{Op, When, unreachable};
use crate::support::images::digest;
use crate::support::scenario::Scenario;

const BOTH: [Attestation; 2] = [Attestation::Sbom, Attestation::Provenance];

fn attesting() -> Scenario {
    let mut scenario = Scenario::storefront();
    scenario.pipeline.attest = BOTH.to_vec();
    scenario.pipeline.verify = BOTH.map(Required::Told).to_vec();
    scenario
}

/// Its first image is an index of two.
fn of_two_platforms() -> Scenario {
    let mut scenario = attesting();
    scenario.pipeline.images[0].platforms = vec!["linux/amd64".into(), "linux/arm64".into()];
    scenario
}

/// Types of what refers to the one index of the registry, and to each of its images.
fn of_the_index(scenario: &Scenario) -> (Vec<String>, Vec<Vec<String>>) {
    let world = scenario.world.lock();
    let types = |digest: &Digest| -> Vec<String> {
        let all = world.images.attached.get(digest).into_iter().flatten();
        all.map(|(referrer, _)| referrer.artifact_type.clone()).collect()
    };
    assert_eq!(world.images.indices.len(), 1);
    let (index, children) = world.images.indices.iter().next().unwrap();
    (types(index), children.iter().map(|child| types(&child.digest)).collect())
}

/// The scans are over at once, and the first looks at referrers get no answer: the gates are passed long before.
fn slower_than_the_gate(scenario: &Scenario) {
    let mut world = scenario.world.lock();
    for repository in ["shop/backend", "shop/frontend"] {
        world.images.scans_take.insert(repository.into(), Span(0));
    }
    world.faults.fail_next(Op::ListReferrers, 4, When::Before, unreachable());
}

/// Types of what refers to each image of the registry.
fn attached(scenario: &Scenario) -> Vec<Vec<String>> {
    let world = scenario.world.lock();
    let types = |all: &Vec<(Referrer, Vec<u8>)>| all.iter().map(|(referrer, _)| referrer.artifact_type.clone()).collect();
    world.images.attached.values().map(types).collect()
}

fn both_for_each(scenario: &Scenario, what: &str) {
    let types = BOTH.map(|attestation| attestation.artifact_type().to_owned()).to_vec();
    assert_eq!(attached(scenario), [types.clone(), types], "{what}");
}

#[tokio::test(start_paused = true)]
async fn every_image_is_told_about_before_a_service_is_touched() {
    let scenario = attesting();
    slower_than_the_gate(&scenario);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    both_for_each(&scenario, "a whole run");
    let asked: Vec<Op> = run.all_calls().map(|call| call.operation).collect();
    let last = asked.iter().rposition(|operation| *operation == Op::Attach || *operation == Op::ReadReferrer);
    assert!(last < asked.iter().position(|operation| operation.touches_a_service()), "{asked:?}");
    let verified = |event: &&Event| matches!(event, Event::StepSucceeded { result: StepResult::Verified { .. }, .. });
    assert_eq!(run.events.iter().filter(verified).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_asked_for_nothing_is_looked_at() {
    let scenario = Scenario::storefront();
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.calls(Op::ListReferrers).len(), run.calls(Op::Attach).len()), (Exit::Done, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_attaches_nothing_twice() {
    let scenario = attesting();
    scenario.world.lock().faults.fail_next(Op::Attach, 3, When::After, unreachable());
    scenario.world.lock().faults.fail_next(Op::ListReferrers, 3, When::Before, unreachable());
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
    both_for_each(&scenario, "answers were lost");
}

/// What each image of an index is made of, and where all of it came from.
fn each_has_its_own(scenario: &Scenario, what: &str) {
    let [sbom, provenance] = BOTH.map(|attestation| attestation.artifact_type().to_owned());
    let child = vec![sbom, provenance.clone()];
    assert_eq!(of_the_index(scenario), (vec![provenance], vec![child.clone(), child]), "{what}");
}

#[tokio::test(start_paused = true)]
async fn every_image_of_an_index_is_told_about_and_demanded_by_itself() {
    let mut scenario = of_two_platforms();
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    each_has_its_own(&scenario, "a whole run");
    let again = scenario.deploy().await;
    assert_eq!((again.exit, again.calls(Op::Attach).len()), (Exit::Done, 0), "what is there is not attached again");

    // One platform's alone is lost.
    scenario.pipeline.attest.clear();
    {
        let mut world = scenario.world.lock();
        let arm = world.images.indices.values().flatten().find(|child| child.platform == "linux/arm64").cloned().unwrap();
        world.images.attached.remove(&arm.digest);
    }
    let refused = scenario.deploy().await;
    assert_eq!((refused.code(), refused.exit, refused.touches()), (Code::NotVerified, Exit::Gate, Vec::new()));
    let words = refused.words();
    assert!(words.contains("linux/arm64: no sbom") && !words.contains("linux/amd64"), "{words}");
    assert!(!words.contains("no provenance"), "that of the index holds for its images: {words}");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_and_resumed_every_image_of_an_index_is_told_about() {
    let calls = of_two_platforms().deploy().await.all_calls().count();
    for number in 0..calls {
        let scenario = of_two_platforms();
        assert!(scenario.killed_at(number, When::After).await.is_none(), "it ended before call {number}");
        let mut run = scenario.resumed().await;
        if run.outcome.is_none() {
            run = scenario.deploy().await;
        }
        assert_eq!(run.exit, Exit::Done, "killed after call {number}: {:?}", run.outcome);
        each_has_its_own(&scenario, &format!("killed after call {number}"));
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_and_resumed_every_image_is_told_about_once() {
    let calls = attesting().deploy().await.all_calls().count();
    for when in [When::Before, When::After] {
        for number in 0..calls {
            let scenario = attesting();
            assert!(scenario.killed_at(number, when).await.is_none(), "it ended before call {number}");
            let mut run = scenario.resumed().await;
            if run.outcome.is_none() {
                assert_eq!(run.code(), Code::NoJournal);
                run = scenario.deploy().await;
            }
            assert_eq!(run.exit, Exit::Done, "killed {when:?} call {number}: {:?}", run.outcome);
            both_for_each(&scenario, &format!("killed {when:?} call {number}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reused_image_is_told_about_by_whoever_knows_its_run() {
    let mut scenario = Scenario::storefront();
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
    assert!(attached(&scenario).is_empty());
    (scenario.pipeline.attest, scenario.pipeline.verify) = (attesting().pipeline.attest, attesting().pipeline.verify);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.calls(Op::Build).len()), (Exit::Done, 0));
    both_for_each(&scenario, "from the journal of the run that built it");
    let told = scenario.world.lock().images.attached.values().flatten().all(|(_, content)| !content.is_empty());
    assert!(told);
    let again = scenario.deploy().await;
    assert_eq!((again.exit, again.calls(Op::Attach).len()), (Exit::Done, 0), "what is there is not attached again");
}

#[tokio::test(start_paused = true)]
async fn a_reused_image_of_a_run_that_nobody_knows_is_refused_and_no_service_is_touched() {
    let mut scenario = Scenario::storefront();
    scenario.deploy().await;
    scenario.world.lock().surroundings.runs.clear();
    (scenario.pipeline.attest, scenario.pipeline.verify) = (attesting().pipeline.attest, attesting().pipeline.verify);
    let run = scenario.deploy().await;
    assert_eq!(run.code(), Code::NotVerified);
    assert_eq!(run.exit, Exit::Gate, "nothing was done before");
    assert_eq!((run.touches(), run.calls(Op::Attach).len()), (Vec::new(), 0));
    let words = run.words();
    assert!(words.contains("no sbom (application/spdx+json) refers to it") && words.contains("--rebuild"), "{words}");
    let told = |event: &Event| matches!(event, Event::Notice { message } if message.contains("was built elsewhere"));
    assert!(run.events.iter().any(told));
    for service in ["backend", "frontend"] {
        assert!(matches!(run.stands(service), ServiceOutcome::Untouched | ServiceOutcome::Unchanged { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_only_demanded_is_not_made() {
    let mut scenario = attesting();
    scenario.pipeline.attest.clear();
    slower_than_the_gate(&scenario);
    let run = scenario.deploy().await;
    assert_eq!((run.code(), run.exit, run.touches()), (Code::NotVerified, Exit::Gate, Vec::new()), "in the middle of a run");
    assert!(run.words().contains("`attest: [sbom, provenance]` in the pipeline file"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn a_statement_about_another_image_does_not_pass() {
    let mut scenario = attesting();
    scenario.deploy().await;
    scenario.pipeline.attest.clear();
    {
        let mut world = scenario.world.lock();
        let mut all: Vec<_> = world.images.attached.values_mut().collect();
        let (first, rest) = all.split_at_mut(1);
        std::mem::swap(first[0], rest[0]);
    }
    let run = scenario.deploy().await;
    assert_eq!((run.code(), run.touches()), (Code::NotVerified, Vec::new()));
    assert!(run.words().contains("its sbom describes") && run.words().contains("its provenance is about"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn any_artifact_can_be_demanded() {
    let mut scenario = Scenario::storefront();
    let signature = "application/vnd.cncf.notary.signature";
    scenario.pipeline.verify = vec![Required::Artifact(signature.into())];
    assert_eq!(scenario.deploy().await.code(), Code::NotVerified);
    {
        let mut world = scenario.world.lock();
        let images: Vec<_> =
            world.images.repositories.values().flat_map(|tags| tags.values()).map(|(image, _)| image.digest.clone()).collect();
        for image in images {
            let referrer = Referrer { digest: digest("signature"), artifact_type: signature.into(), predicate_type: None };
            world.images.attached.insert(image, vec![(referrer, Vec::new())]);
        }
    }
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.calls(Op::ReadReferrer).len()), (Exit::Done, 0), "nobody reads what only has to be there");
}
