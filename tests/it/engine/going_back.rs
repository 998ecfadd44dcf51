//! Going back: older commits, older revisions, and old revisions that may go.

use shipit::engine::rollback::Wanted;
use shipit_core::ancestry::{Ancestry, CommitSeen, Forced};
use shipit_core::failure::{Code, Exit};
use shipit_core::prune::Fate;
use shipit_core::release::Commit;
use shipit_core::settled::Status;

use crate::support::ecs::Happening;
use crate::support::faults::Op;
use crate::support::revisions::Behaviour;
use crate::support::run::Run;
use crate::support::scenario::{Scenario, revision};

const OLD: &str = "4f2a91c0000000000000000000000000000000aa";

/// So many commits deployed, each good: the backend runs `backend:<count + 1>`.
async fn deployed(count: usize) -> Scenario {
    let scenario = Scenario::storefront();
    for number in 0..count {
        scenario.commit(&format!("{number:040x}"), &["backend", "frontend"]);
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    }
    scenario
}

async fn back(scenario: &Scenario, steps: usize) -> Run {
    scenario.roll_back(&["backend"], Wanted::Steps(steps)).await
}

async fn back_to(scenario: &Scenario, name: &str) -> Run {
    scenario.roll_back(&["backend"], Wanted::Named(name.into())).await
}

fn deregister(scenario: &Scenario, short: &str) {
    let mut world = scenario.world.lock();
    let found = world.ecs.revisions.all.iter_mut().find(|known| known.arn == revision(short)).unwrap();
    found.definition["status"] = "INACTIVE".into();
}

#[tokio::test(start_paused = true)]
async fn an_older_commit_never_replaces_a_newer_one_unless_someone_says_why() {
    let mut scenario = deployed(1).await;
    let newer = Commit(format!("{:040x}", 0));
    let seen = |commit: Commit, subject: &str| CommitSeen {
        commit,
        subject: subject.into(),
        at: Some("2026-11-20T08:00:00Z".parse().unwrap()),
    };
    let after = Ancestry::After { running: seen(newer.clone(), "free shipping"), ours: seen(Commit(OLD.into()), "banner") };
    scenario.world.lock().surroundings.ancestry.insert(newer.0, after);
    scenario.commit(OLD, &["backend", "frontend"]);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::OlderCommit));
    for word in
        ["0000000 \"free shipping\" of 2026-11-20 08:00Z (backend:2)", "4f2a91c \"banner\" of 2026-11-20", "--force --reason"]
    {
        assert!(run.words().contains(word), "{word} in {}", run.words());
    }
    assert_eq!(run.writes(), []);

    scenario.forced = Some(Forced { reason: "payment fails, see SHOP-7 (ops)".into() });
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    let sent = run.calls(Op::RegisterTaskDefinition)[0].body["tags"].to_string();
    assert!(sent.contains(r#"{"key":"shipit:reason","value":"payment fails- see SHOP-7 -ops-"}"#), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_back_by_good_revisions_any_number_of_them() {
    let scenario = deployed(3).await;
    let run = back(&scenario, 1).await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    run.deployed("backend", "backend:3");
    assert!(format!("{:?}", run.events).contains("from backend:4 back to backend:3"), "{:?}", run.events);
    assert_eq!(run.touches(), [(Op::UpdateService, "backend")]);
    // The revision that was returned to has its own way back.
    back(&scenario, 2).await.deployed("backend", "backend:1");
    let run = back(&scenario, 1).await;
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::NothingToRollBackTo));
    let run = back_to(&scenario, "backend:4").await;
    run.deployed("backend", "backend:4");
    assert!(format!("{:?}", run.events).contains("from backend:1 forward to backend:4"), "{:?}", run.events);
    let run = back(&scenario, 9).await;
    assert_eq!(run.code(), Code::NothingToRollBackTo);
    assert!(run.words().contains("tell of 3"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn a_deploy_after_a_rollback_comes_from_what_was_returned_to() {
    let scenario = deployed(2).await;
    back(&scenario, 1).await.deployed("backend", "backend:2");
    scenario.commit(&format!("{:040x}", 9), &["backend"]);
    scenario.deploy().await.deployed("backend", "backend:4");
    back(&scenario, 1).await.deployed("backend", "backend:2");
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_never_came_to_its_end_is_not_gone_back_to() {
    let scenario = deployed(1).await;
    // A bad one that stays, because nobody brings the service back, and a good one over it.
    let bad = {
        let mut world = scenario.world.lock();
        let definition = serde_json::json!({"family": "backend", "containerDefinitions": [],
            "tags": [{"key": "shipit:before", "value": revision("backend:2").0}]});
        world.ecs.revisions.behaviour.insert("backend".into(), Behaviour::NeverStarts);
        let bad = world.ecs.revisions.register(&definition, jiff::Timestamp::UNIX_EPOCH);
        let now = world.now();
        world.happens(now, Happening::GoesBack("backend".into(), bad.clone()));
        world.happens(now, Happening::Aborts("backend".into()));
        world.ecs.revisions.behaviour.remove("backend");
        bad
    };
    assert_eq!((bad.short(), scenario.newest_status("backend")), ("backend:3", Status::Stopped));
    let good = {
        let mut world = scenario.world.lock();
        let definition = serde_json::json!({"family": "backend", "containerDefinitions": [],
            "tags": [{"key": "shipit:before", "value": bad.0}]});
        let good = world.ecs.revisions.register(&definition, jiff::Timestamp::UNIX_EPOCH);
        let now = world.now();
        world.happens(now, Happening::GoesBack("backend".into(), good.clone()));
        good
    };
    scenario.world.pass(shipit_scheduler::Span::seconds(1200)).await;
    assert_eq!(scenario.serves("backend"), Some(good.short().into()));
    back(&scenario, 1).await.deployed("backend", "backend:2");
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_cannot_run_again_is_refused_and_the_next_older_good_one_named() {
    let scenario = deployed(4).await;
    deregister(&scenario, "backend:4");
    // The image of `backend:3` goes by a lifecycle policy.
    let gone = format!("{:040x}", 1);
    {
        let mut world = scenario.world.lock();
        let tags = world.images.repositories.get_mut("shop/backend").unwrap();
        let gone = tags[&gone].0.digest.clone();
        tags.retain(|_, (stored, _)| stored.digest != gone);
    }
    let run = back(&scenario, 1).await;
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::RevisionUnusable));
    assert!(run.words().contains("it was deregistered"), "{}", run.words());
    assert!(run.words().contains("shipit rollback backend --to backend:2, the next older good one"), "{}", run.words());
    let run = back_to(&scenario, "backend:3").await;
    assert_eq!(run.code(), Code::RevisionUnusable);
    assert!(run.words().contains("the image of its container `api` is no longer in the registry"), "{}", run.words());
    assert!(run.words().contains("--to backend:2"), "{}", run.words());
    assert_eq!(back_to(&scenario, "backend").await.code(), Code::Usage);
    assert_eq!(back_to(&scenario, "backend:77").await.code(), Code::RevisionUnusable);
    assert_eq!(scenario.serves("backend"), Some("backend:5".into()), "nothing was touched");
    back_to(&scenario, "backend:2").await.deployed("backend", "backend:2");
}

#[tokio::test(start_paused = true)]
async fn all_services_go_back_those_that_need_others_first_and_none_when_one_cannot() {
    let scenario = deployed(2).await;
    let all = ["backend", "frontend"];
    let run = scenario.roll_back(&all, Wanted::Steps(1)).await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(run.touches(), [(Op::UpdateService, "frontend"), (Op::UpdateService, "backend")]);
    deregister(&scenario, "backend:1");
    let run = scenario.roll_back(&all, Wanted::Steps(1)).await;
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::RevisionUnusable));
    assert_eq!(run.touches(), []);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_moves_is_not_rolled_back_over_someone_elses_deployment() {
    let scenario = deployed(2).await;
    let now = scenario.world.lock().now();
    scenario.world.lock().happens(now, Happening::Deploys("backend".into()));
    let run = back(&scenario, 1).await;
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::DeploymentInProgress));
    assert_eq!(run.touches(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_pruned_is_used_by_nothing_and_the_way_back_stays_open() {
    let scenario = deployed(5).await;
    back(&scenario, 3).await.deployed("backend", "backend:3");
    let fates = scenario.prune(1).await;
    let told: Vec<String> = fates
        .iter()
        .filter(|(revision, _)| revision.family() == "backend")
        .map(|(revision, fate)| format!("{} {fate}", revision.short()))
        .collect();
    assert_eq!(
        told,
        [
            "backend:6 newer than what runs: it may be on its way",
            "backend:5 newer than what runs: it may be on its way",
            "backend:4 newer than what runs: it may be on its way",
            "backend:3 used by the service shop/backend",
            "backend:2 `backend` would be rolled back to it",
            "backend:1 old, and nothing uses it",
        ]
    );
    let gone: Vec<&str> = fates.iter().filter(|(_, fate)| *fate == Fate::Goes).map(|(revision, _)| revision.short()).collect();
    assert_eq!(gone, ["backend:1", "frontend:4", "frontend:3", "frontend:2", "frontend:1"]);
    back(&scenario, 1).await.deployed("backend", "backend:2");
}
