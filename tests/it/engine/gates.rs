//! The scan gate: no service is touched before every image has passed.

use shipit_core::event::{Event, ServiceOutcome, StepResult};
use shipit_core::failure::{Code, Exit};
use shipit_core::gate::{Allowable, Known, Severity, Status, Waiver};
use shipit_core::journal::{Fact, Output};
use shipit_scheduler::Span;

use crate::support::faults::{Op, When, unreachable};
use crate::support::images::{ScanStory, finding};
use crate::support::scenario::Scenario;

fn scanned(repository: &str, story: ScanStory) -> Scenario {
    let scenario = Scenario::storefront();
    scenario.world.lock().images.scans.insert(repository.into(), story);
    scenario
}

#[tokio::test(start_paused = true)]
async fn one_blocked_image_keeps_every_service_as_it_is() {
    let scenario = scanned("shop/frontend", ScanStory::Finds(vec![finding("CVE-2026-1", Severity::Critical)]));
    scenario.world.lock().images.scans_take.insert("shop/frontend".into(), Span::seconds(240));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Gate, Code::GateBlocked));
    assert!(run.words().contains("CVE-2026-1"), "{}", run.words());
    assert_eq!(run.touches(), []);
    assert_eq!(run.calls(Op::RegisterTaskDefinition).len(), 0);
    let passed = run.facts().iter().any(|entry| entry.step.0 == "gate backend" && matches!(entry.fact, Fact::Succeeded { .. }));
    assert!(passed, "the other image did pass, minutes before");
    for service in ["backend", "frontend"] {
        assert_eq!(*run.stands(service), ServiceOutcome::Untouched);
        assert_eq!(scenario.serves(service), Some(format!("{service}:1")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_is_not_known_yet_is_waited_for() {
    let scenario = scanned("shop/backend", ScanStory::Finds(vec![finding("CVE-2026-1", Severity::Low)]));
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    let looks = run.calls(Op::DescribeScan).iter().filter(|call| call.subject == "shop/backend").count();
    assert!((3..=20).contains(&looks), "15 s of scan took {looks} looks");
    assert_eq!(run.calls(Op::Build).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waived_finding_passes_and_an_expired_waiver_does_not() {
    for (until, exit) in [("2026-11-20", Exit::Done), ("2026-11-19", Exit::Gate)] {
        let mut scenario = scanned("shop/backend", ScanStory::Finds(vec![finding("CVE-2026-1", Severity::High)]));
        let until = until.parse().unwrap();
        let waiver =
            Waiver { id: "CVE-2026-1".into(), package: None, until, reason: "SEC-77".into(), place: "shop.yaml:14:7".into() };
        scenario.pipeline.gate.waivers.push(waiver);
        assert_eq!(scenario.deploy().await.exit, exit, "waived until {until}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_scanned_is_refused() {
    let scenario = scanned("shop/backend", ScanStory::Stands(Status::UnsupportedImage));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Gate, Code::GateUnknown));
    assert!(run.words().contains("UNSUPPORTED_IMAGE"), "{}", run.words());
    assert_eq!(run.touches(), []);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_scanned_passes_where_the_policy_allows_it_and_it_is_said() {
    let mut scenario = scanned("shop/backend", ScanStory::Stands(Status::UnsupportedImage));
    scenario.pipeline.gate.allow_status.insert(Allowable::UnsupportedImage);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    let said = run.events.iter().any(
        |event| matches!(event, Event::StepSucceeded { result: StepResult::Gate { record }, .. } if !record.without.is_empty()),
    );
    assert!(said);
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_never_ends_is_given_up_and_fails_closed() {
    let scenario = scanned("shop/backend", ScanStory::NeverEnds);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Gate, Code::GateUnknown));
    assert_eq!(run.touches(), []);
    assert!(run.took.as_secs() < 900, "{}", run.took);
}

#[tokio::test(start_paused = true)]
async fn what_was_signed_off_stands_in_the_journal() {
    let mut scenario = scanned("shop/backend", ScanStory::Finds(vec![finding("CVE-2026-1", Severity::High)]));
    let until = "2099-01-01".parse().unwrap();
    let waiver =
        Waiver { id: "CVE-2026-1".into(), package: None, until, reason: "SEC-77".into(), place: "shop.yaml:14:7".into() };
    scenario.pipeline.gate.waivers.push(waiver);
    let run = scenario.deploy().await;
    let facts = run.facts();
    let signed = facts.iter().filter(|entry| entry.step.0 == "gate backend").find_map(|entry| match &entry.fact {
        Fact::Succeeded { output: Output::Passed { digest, record } } => Some((digest.clone(), record.clone())),
        _ => None,
    });
    let (digest, record) = signed.expect("the gate was passed");
    assert_eq!(run.outcome.as_ref().unwrap().images["backend"], digest, "what is deployed is what was judged");
    let (finding, waiver) = &record.waived[0];
    assert_eq!((finding.id.as_str(), waiver.place.as_str()), ("CVE-2026-1", "shop.yaml:14:7"));
    assert!(record.database_at.is_some() && record.scanned_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_another_verb_handed_over_is_not_believed() {
    let scenario = scanned("shop/backend", ScanStory::Finds(vec![finding("CVE-2026-1", Severity::Critical)]));
    let passed = r#"{"pipeline": "shop", "images": {"backend": {"gate": {"verdict": "pass"}}}}"#;
    scenario.world.lock().surroundings.handed_over = Some(passed.to_owned());
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Gate);
    assert_eq!(run.touches(), []);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_old_is_asked_for_anew_once() {
    let mut scenario = scanned("shop/backend", ScanStory::Old(vec![]));
    scenario.pipeline.gate.max_age = Some(Span::seconds(7 * 24 * 3600));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Gate, Code::GateUnknown));
    assert!(run.words().contains("max_age"), "{}", run.words());
    let anew = run.calls(Op::DescribeScan).iter().filter(|call| call.body["ask"] == "Anew").count();
    assert_eq!(anew, 1);
    scenario.pipeline.gate.max_age = None;
    assert_eq!(scenario.deploy().await.exit, Exit::Done, "nobody minds its age");
}

#[tokio::test(start_paused = true)]
async fn what_runs_already_does_not_block_where_only_what_is_new_counts() {
    let mut scenario = Scenario::storefront();
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
    scenario.commit("5b1f00d0000000000000000000000000000000bb", &["backend"]);
    let old = ScanStory::Finds(vec![finding("CVE-2026-1", Severity::High)]);
    scenario.world.lock().images.scans.insert("shop/backend".into(), old);
    for (known, exit) in [(Known::Counts, Exit::Gate), (Known::Passes, Exit::Done)] {
        scenario.pipeline.gate.known = known;
        assert_eq!(scenario.deploy().await.exit, exit, "{known:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_does_not_answer_for_a_while_is_asked_again() {
    let scenario = Scenario::storefront();
    scenario.world.lock().faults.fail_next(Op::DescribeScan, 5, When::Before, unreachable());
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
}
