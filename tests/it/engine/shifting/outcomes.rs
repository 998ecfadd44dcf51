//! Every strategy with every outcome: the exit, the revision that serves in the end, the shares that the candidate had, and
//! that nothing of the rollout is left.

use shipit_core::analysis::Judge;
use shipit_core::event::{Event, Progress};
use shipit_core::failure::{Code, Exit};
use shipit_core::pipeline::PauseAt;
use shipit_core::rollout::Answer;
use shipit_core::settled::Status;
use shipit_scheduler::Span;

use super::stories::{ALARM, By, MINUTE, WEB, alarmed, asked, candidate, fares, had, judged, nothing_is_left, tasks, told, web};
use crate::support::ecs::Happening;
use crate::support::faults::{Op, When, denied, throttled};
use crate::support::revisions::Behaviour;
use crate::support::routed::{Quality, Requests};
use crate::support::run::Run;
use crate::support::scenario::Scenario;

/// What is expected of a deploy, each the same for every strategy but for the shares.
struct Wanted {
    exit: Exit,
    code: Option<Code>,
    serves: &'static str,
    /// From the strategy.
    shares: fn(By) -> Vec<u32>,
}

const fn back(code: Code, shares: fn(By) -> Vec<u32>) -> Wanted {
    Wanted { exit: Exit::TurnedBack, code: Some(code), serves: "web:1", shares }
}

const DONE: Wanted = Wanted { exit: Exit::Done, code: None, serves: "web:2", shares: |by| by.shares().to_vec() };

/// The candidate never had any traffic.
fn none(_: By) -> Vec<u32> {
    vec![0]
}

/// It had the first share, and lost it.
fn first(by: By) -> Vec<u32> {
    vec![0, by.shares()[1], 0]
}

#[track_caller]
fn is_as(by: By, wanted: &Wanted, scenario: &Scenario, run: &Run) -> Requests {
    let what = format!("{by:?}: {}", told(run));
    assert_eq!(run.exit, wanted.exit, "{what}");
    assert_eq!(run.outcome.as_ref().unwrap().failure.as_ref().map(|failure| failure.code), wanted.code, "{what}");
    assert_eq!(scenario.serves(WEB).as_deref(), Some(wanted.serves), "{what}");
    let (shares, requests) = had(scenario).unwrap();
    assert_eq!(shares, (wanted.shares)(by), "{what}");
    nothing_is_left(scenario, &what);
    requests
}

async fn each(wanted: &Wanted, tell: impl Fn(By) -> Scenario) {
    each_of(&By::ALL, wanted, tell).await;
}

async fn each_of(strategies: &[By], wanted: &Wanted, tell: impl Fn(By) -> Scenario) {
    for by in strategies.iter().copied() {
        let scenario = tell(by);
        let run = scenario.deploy().await;
        is_as(by, wanted, &scenario, &run);
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_version_gets_share_after_share_and_then_all() {
    each(&DONE, web).await;
    each_of(&By::BY_SHARES, &DONE, judged).await;
    each_of(&By::BY_SHARES, &DONE, alarmed).await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_never_comes_up_gets_no_request() {
    each(&back(Code::RolloutTurnedBack, none), |by| tasks(web(by), Behaviour::Crashes)).await;
    each(&back(Code::RolloutTurnedBack, none), |by| tasks(judged(by), Behaviour::Crashes)).await;
    each(&back(Code::RolloutTurnedBack, none), |by| tasks(judged(by), Behaviour::FailsChecks)).await;
    each(&back(Code::RolloutStalled, none), |by| tasks(judged(by), Behaviour::NeverStarts)).await;
}

/// Health checks do not show it, traffic does.
#[tokio::test(start_paused = true)]
async fn a_version_that_only_traffic_shows_to_be_broken_is_turned_back_at_its_first_share() {
    for by in By::BY_SHARES {
        let scenario = fares(judged(by), Quality::FAILS_UNDER_TRAFFIC);
        let run = scenario.deploy().await;
        let requests = is_as(by, &back(Code::CandidateWorse, first), &scenario, &run);
        assert!(requests.failed > 0, "{by:?}: {requests:?}");
        // A tenth of what it got failed, in the minutes that its judge needs: at most 10 of 6,000 requests each.
        let most = 10 * 6_000 * u64::from(by.shares()[1]) / 1000 / 10;
        assert!(requests.failed <= most, "{by:?}: {requests:?}, at most {most}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_judge_nobody_sees_it_but_an_alarm_does() {
    each(&DONE, |by| fares(web(by), Quality::FAILS_UNDER_TRAFFIC)).await;
    let at_first_share = |by: By| {
        let scenario = alarmed(by);
        scenario.world.lock().on(Op::GetMetricData, 2, Happening::Alarm(ALARM.into()));
        scenario
    };
    for by in By::ALL {
        let scenario = at_first_share(by);
        let run = scenario.deploy().await;
        // Whoever sees it first: ECS by itself, or the judge.
        assert!(matches!(run.code(), Code::CandidateWorse | Code::RolloutTurnedBack), "{}", told(&run));
        is_as(by, &back(run.code(), first), &scenario, &run);
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_stops_the_service_deployment() {
    each(&back(Code::RolloutTurnedBack, first), |by| {
        let scenario = judged(by);
        scenario.world.lock().on(Op::GetMetricData, 2, Happening::Stops(WEB.into()));
        scenario
    })
    .await;
    // Where it was to stay as it stands, this run brings the service back as a deployment of its own.
    each(&back(Code::RolloutTurnedBack, first), |by| {
        let scenario = judged(by);
        scenario.world.lock().on(Op::GetMetricData, 2, Happening::Aborts(WEB.into()));
        scenario
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_shift_goes_back() {
    for operation in [Op::GetMetricData, Op::ContinueServiceDeployment, Op::Follow] {
        for by in By::BY_SHARES {
            let scenario = judged(by);
            scenario.world.lock().on(operation, 2, Happening::Interrupt);
            let run = scenario.deploy().await;
            let shares = had(&scenario).unwrap().0;
            assert_eq!(run.exit, Exit::Interrupted, "{by:?} {operation:?}: {}", told(&run));
            assert_eq!(scenario.serves(WEB).as_deref(), Some("web:1"), "{by:?} {operation:?}: {}", told(&run));
            assert_eq!(shares.last(), Some(&0), "{by:?} {operation:?}");
            nothing_is_left(&scenario, &told(&run));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_at_the_terminal_lets_it_go_on_or_back() {
    let answered = |answer| move |by| Scenario { person: Some(answer), ..asked(by) };
    each(&DONE, answered(Answer::Continue)).await;
    each(&back(Code::RolloutTurnedBack, none), answered(Answer::Rollback)).await;
}

/// The dead man's switch of a pause: nobody answers, and AWS rolls back by itself.
#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_answers_ends_the_wait_and_times_out() {
    for by in By::ALL {
        let scenario = asked(by);
        let run = scenario.deploy().await;
        assert_eq!((run.exit, run.code()), (Exit::Running, Code::Paused), "{}", told(&run));
        assert!(run.words().contains("shipit continue web --proceed"), "{}", run.words());
        scenario.world.pass(Span(59 * MINUTE.0)).await;
        assert_eq!(scenario.newest_status(WEB), Status::InProgress, "{by:?}");
        scenario.world.pass(Span(5 * MINUTE.0)).await;
        assert_eq!(scenario.newest_status(WEB), Status::RollbackSuccessful, "{by:?}");
        assert_eq!(scenario.serves(WEB).as_deref(), Some("web:1"));
        let resumed = scenario.resumed().await;
        is_as(by, &back(Code::RolloutTurnedBack, none), &scenario, &resumed);
        assert!(resumed.words().contains("pause hook timed out"), "{}", resumed.words());
    }
}

#[tokio::test(start_paused = true)]
async fn evidence_that_is_missing_lets_no_more_traffic_through() {
    let judge = || Judge { patience: jiff::SignedDuration::from_mins(20), ..Judge::default() };
    for by in By::ALL {
        for error in [denied(Op::GetMetricData), throttled(Op::GetMetricData)] {
            let scenario = web(by).judged(WEB, judge());
            scenario.world.lock().faults.fail_next(Op::GetMetricData, usize::MAX, When::Before, error);
            let run = scenario.deploy().await;
            is_as(by, &back(Code::Inconclusive, first), &scenario, &run);
        }
        let quiet = web(by).judged(WEB, judge());
        quiet.ecs(WEB, |service| service.load = 0);
        let run = quiet.deploy().await;
        is_as(by, &back(Code::Inconclusive, first), &quiet, &run);
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_is_told_to_answer_only_what_no_verdict_answers() {
    for by in By::ALL {
        let judged = judged(by).deploy().await;
        let waits = waits(&judged);
        assert!(waits.iter().any(|waits| waits.starts_with("the verdict of `judge:`, else ")), "{by:?}: {waits:?}");
        assert!(waits.iter().all(|waits| !waits.contains("shipit continue")), "{by:?}: {waits:?}");
    }
}

/// What was waited for, in words.
fn waits(run: &Run) -> Vec<&str> {
    let seen = run.events.iter().filter_map(|event| match event {
        Event::StepProgress { progress: Progress::Rollout(seen), .. } => Some(seen.waiting_for.as_str()),
        _ => None,
    });
    seen.collect()
}

#[tokio::test(start_paused = true)]
async fn every_pause_is_answered_once_and_what_is_not_ours_not_at_all() {
    for by in By::BY_SHARES {
        let scenario = judged(by);
        let run = scenario.deploy().await;
        let sent: Vec<String> =
            run.calls(Op::ContinueServiceDeployment).iter().map(|call| call.body["hookId"].to_string()).collect();
        // One before each share, and one after the last.
        assert_eq!(sent.len(), by.shares().len(), "{by:?}: {sent:?}");
        let mut once = sent.clone();
        once.dedup();
        assert_eq!(once, sent, "{by:?}");
    }
    for by in By::ALL {
        let scenario = web(by).paused(WEB, &[PauseAt::ScaledUp], Span(10 * MINUTE.0));
        let theirs = serde_json::json!([{"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"],
            "timeoutConfiguration": {"timeoutInMinutes": 30, "action": "CONTINUE"}}]);
        scenario.ecs(WEB, |service| service.configuration["lifecycleHooks"] = theirs);
        let scenario = Scenario { person: Some(Answer::Continue), ..scenario };
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Done, "{by:?}: {}", told(&run));
        assert_eq!(run.calls(Op::ContinueServiceDeployment).len(), 1, "{by:?}");
        let kept = scenario.ecs(WEB, |service| service.configuration["lifecycleHooks"].clone());
        assert!(kept.to_string().contains("\"CONTINUE\""), "{by:?}: {kept}");
    }
}

#[tokio::test(start_paused = true)]
async fn target_groups_swap_at_each_deployment() {
    for by in By::BY_SHARES {
        let scenario = judged(by);
        for (commit, number) in [("b1", 2), ("b2", 3), ("b3", 4)] {
            scenario.commit(commit, &[WEB]);
            let run = scenario.deploy().await;
            assert_eq!(run.exit, Exit::Done, "{by:?} {number}: {}", told(&run));
            assert_eq!(scenario.serves(WEB), Some(format!("{WEB}:{number}")));
        }
        assert!(scenario.world.lock().requests(WEB, &candidate()).served > 0);
    }
}
