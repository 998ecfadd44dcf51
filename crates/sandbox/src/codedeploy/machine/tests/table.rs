//! Told deployments: what is done when, and how it ends.

use shipit_scheduler::Span;

use super::super::course::{Ready, Routing, Termination};
use super::super::lifecycle::{Event, Progress};
use super::super::over::{Cause, End, RollbackOn};
use super::super::{Act, Answer, Machine, Seen, Side, Stage, Standing};
use super::world::{Script, run, take_back};

const MINUTE: Span = Span::seconds(60);

fn canary() -> Routing {
    Routing::Canary { percent: 10, interval: Span::seconds(300) }
}

fn shares(acts: &[(u64, Act)]) -> Vec<(u64, u8)> {
    let share = |(at, act): &(u64, Act)| match act {
        Act::Production(share) => Some((*at, *share)),
        _ => None,
    };
    acts.iter().filter_map(share).collect()
}

#[test]
fn shares_come_in_the_steps_of_the_configuration() {
    let linear = |percent| Routing::Linear { percent, interval: MINUTE };
    for (routing, steps) in [
        (Routing::AllAtOnce, vec![100]),
        (canary(), vec![10, 100]),
        (linear(10), vec![10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
        (linear(33), vec![33, 66, 99, 100]),
        (linear(50), vec![50, 100]),
        (linear(99), vec![99, 100]),
        (linear(100), vec![100]),
    ] {
        assert_eq!(routing.steps(), steps);
        let told = run(&Script::well(routing, &[]));
        assert_eq!(told.end, End::Succeeded);
        let came: Vec<u8> = shares(&told.acts).into_iter().map(|(_, share)| share).collect();
        assert_eq!(came[0], 0, "the original has it all while the replacement is made");
        assert_eq!(came[1..], steps);
    }
}

#[test]
fn a_canary_with_all_hooks_and_a_termination_wait() {
    let hooks: Vec<Event> = Event::ALL.into_iter().filter(|event| event.takes_hook()).collect();
    let told = run(&Script::well(canary(), &hooks));
    let expected = [
        (0, Act::Ask(Event::BeforeInstall)),
        (10, Act::Production(0)),
        (10, Act::Test(Side::Original)),
        (10, Act::ClearLeftovers),
        (10, Act::Install),
        (70, Act::Ask(Event::AfterInstall)),
        (80, Act::Test(Side::Replacement)),
        (80, Act::Ask(Event::AfterAllowTestTraffic)),
        (90, Act::Ask(Event::BeforeAllowTraffic)),
        (100, Act::Production(10)),
        (400, Act::Production(100)),
        (400, Act::Promote(Side::Replacement)),
        (400, Act::Ask(Event::AfterAllowTraffic)),
        (710, Act::Remove(Side::Original)),
    ];
    assert_eq!(told.acts, expected);
    assert_eq!((told.end, told.over_at), (End::Succeeded, 740));
    assert!(Event::ALL.iter().all(|event| matches!(told.machine.lifecycle.of(*event), Progress::Succeeded(..))));
}

#[test]
fn the_original_can_be_kept_and_need_not_be_waited_for() {
    let mut script = Script::well(Routing::AllAtOnce, &[]);
    script.course.termination = Termination::Never;
    let told = run(&script);
    assert_eq!((told.end, told.over_at, told.stands.original_removed), (End::Succeeded, 60, None));
    script.course.termination = Termination::After(Span(0));
    let told = run(&script);
    assert_eq!((told.end, told.over_at, told.stands.original_removed), (End::Succeeded, 90, Some(60)));
    script.course.termination = Termination::After(Span::seconds(3600));
    script.continue_at = vec![100];
    let told = run(&script);
    assert_eq!((told.end, told.over_at, told.stands.original_removed), (End::Succeeded, 130, Some(100)));
}

#[test]
fn it_is_ready_until_it_is_continued_or_too_late() {
    let mut script = Script::well(canary(), &[]);
    script.course.ready = Ready::Waits(Span::seconds(600));
    // Too early it means nothing.
    script.continue_at = vec![30, 500];
    let told = run(&script);
    assert_eq!(shares(&told.acts), [(0, 0), (500, 10), (800, 100)]);
    assert_eq!(told.end, End::Succeeded);
    script.continue_at = vec![30];
    let told = run(&script);
    assert_eq!((told.end, told.over_at), (End::Stopped(Cause::NotContinued), 660));
    assert_eq!(told.machine.lifecycle.of(Event::AfterAllowTestTraffic), Progress::Succeeded(at(60), at(60)));
    assert_eq!(told.machine.lifecycle.of(Event::BeforeAllowTraffic), Progress::Skipped);
}

fn at(seconds: u64) -> shipit_scheduler::Time {
    shipit_scheduler::Time(seconds * 1000)
}

#[test]
fn every_way_to_end_before_its_time() {
    let well = || Script::well(canary(), &[Event::AfterInstall]);
    let alarms = || Cause::Alarms(vec!["too-slow".to_owned()]);
    let cases = [
        (Script { full_after: None, ..well() }, End::Failed(Cause::NeverHealthy), 3600, Event::Install, "TIMEOUT"),
        (
            Script { answers: [(Event::AfterInstall, (5, Answer::Failed))].into(), ..well() },
            End::Failed(Cause::HookFailed(Event::AfterInstall)),
            65,
            Event::AfterInstall,
            "HOOK_EXECUTION_FAILURE",
        ),
        (
            Script { answers: [].into(), ..well() },
            End::Failed(Cause::HookSilent(Event::AfterInstall)),
            3660,
            Event::AfterInstall,
            "HOOK_EXECUTION_FAILURE",
        ),
        (
            Script { dips: vec![(100, 9999)], ..well() },
            End::Failed(Cause::LostHealth),
            400,
            Event::AllowTraffic,
            "HEALTH_CONSTRAINTS",
        ),
        (Script { alarm_at: Some(0), ..well() }, End::Stopped(alarms()), 0, Event::Install, "ALARM_ACTIVE"),
        (Script { alarm_at: Some(200), ..well() }, End::Stopped(alarms()), 200, Event::AllowTraffic, "ALARM_ACTIVE"),
        (Script { stop_at: Some(20), ..well() }, End::Stopped(Cause::Asked), 20, Event::Install, "MANUAL_STOP"),
    ];
    for (script, end, over_at, failed, code) in cases {
        let told = run(&script);
        assert_eq!((&told.end, told.over_at), (&end, over_at));
        assert_eq!(end.cause().map(Cause::code), Some(code));
        assert_eq!(told.stands.primary, Side::Original);
        if over_at > 0 {
            assert!(matches!(told.machine.lifecycle.of(failed), Progress::Failed(..)), "{end:?}");
        }
        assert_eq!(told.machine.lifecycle.of(Event::AfterAllowTraffic), Progress::Skipped);
    }
}

#[test]
fn a_short_dip_holds_the_traffic_up_and_no_more() {
    let script = Script { dips: vec![(350, 50)], ..Script::well(canary(), &[]) };
    let told = run(&script);
    assert_eq!(shares(&told.acts), [(0, 0), (60, 10), (400, 100)]);
    assert_eq!(told.end, End::Succeeded);
}

#[test]
fn taken_back_traffic_comes_before_capacity() {
    for stop_at in [30, 100, 365, 500] {
        let script = Script { stop_at: Some(stop_at), ..Script::well(canary(), &[]) };
        let told = run(&script);
        assert_eq!(told.end, End::Stopped(Cause::Asked));
        assert_eq!(
            told.stands.production,
            if stop_at < 60 {
                0
            } else if stop_at < 360 {
                10
            } else {
                100
            }
        );
        let back = take_back(&script, &told);
        let acts: Vec<Act> = back.acts.iter().map(|(_, act)| *act).collect();
        let expected =
            [Act::Production(0), Act::Test(Side::Original), Act::Promote(Side::Original), Act::Remove(Side::Replacement)];
        assert_eq!(acts, expected);
        assert_eq!((back.end, back.over_at), (End::Succeeded, stop_at));
        assert!(back.stands.replacement_removed && back.stands.primary == Side::Original);
    }
}

#[test]
fn nothing_stops_it_once_the_original_goes() {
    let mut machine = Machine::new(Script::well(Routing::AllAtOnce, &[]).course, at(0));
    let full = Seen { original: Standing::Full, replacement: Standing::Full, alarms: Vec::new() };
    machine.step(&full, at(0));
    machine.step(&full, at(1));
    assert_eq!(machine.stage, Stage::TerminationWait);
    machine.step(&full, at(301));
    assert_eq!(machine.stage, Stage::Terminating);
    assert!(!machine.stop());
    machine.step(&Seen { alarms: vec!["late".into()], ..full.clone() }, at(302));
    assert_eq!(machine.stage, Stage::Terminating);
    machine.step(&Seen { original: Standing::Absent, ..full }, at(303));
    assert_eq!(machine.end(), Some(&End::Succeeded));
}

#[test]
fn an_answer_counts_once_and_only_for_the_hook_in_progress() {
    let mut machine = Machine::new(Script::well(Routing::AllAtOnce, &[Event::BeforeInstall]).course, at(0));
    let none = Seen { original: Standing::Full, replacement: Standing::Absent, alarms: Vec::new() };
    assert!(!machine.answer(Event::BeforeInstall, Answer::Passed), "it has not been asked");
    machine.step(&none, at(0));
    assert!(!machine.answer(Event::AfterInstall, Answer::Failed));
    assert!(machine.answer(Event::BeforeInstall, Answer::Passed));
    assert!(!machine.answer(Event::BeforeInstall, Answer::Failed));
    machine.step(&none, at(1));
    assert_eq!(machine.stage, Stage::In(Event::Install));
}

#[test]
fn rollback_events_are_those_of_the_configuration() {
    for (cause, on) in [
        (Cause::NeverHealthy, RollbackOn::Failure),
        (Cause::NotContinued, RollbackOn::Failure),
        (Cause::Alarms(Vec::new()), RollbackOn::Alarm),
        (Cause::Asked, RollbackOn::Request),
    ] {
        assert_eq!(cause.rollback_on(), on);
    }
}
