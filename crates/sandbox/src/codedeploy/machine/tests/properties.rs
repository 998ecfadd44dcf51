//! Whatever happens: stages in order, no traffic to what is not full, nothing with traffic goes, every run ends.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shipit_scheduler::Span;

use super::super::course::{Course, Ready, Routing, Termination};
use super::super::lifecycle::Event;
use super::super::over::End;
use super::super::{Act, Answer, Side};
use super::world::{Script, run, take_back};

fn routing() -> impl Strategy<Value = Routing> {
    let minutes = (0_u64..2880).prop_map(|minutes| Span::seconds(minutes * 60));
    prop_oneof![
        Just(Routing::AllAtOnce),
        (1_u8..=99, minutes.clone()).prop_map(|(percent, interval)| Routing::Canary { percent, interval }),
        (1_u8..=99, minutes).prop_map(|(percent, interval)| Routing::Linear { percent, interval }),
    ]
}

fn course() -> impl Strategy<Value = Course> {
    let hooks = proptest::sample::subsequence(Event::ALL.into_iter().filter(|it| it.takes_hook()).collect::<Vec<_>>(), 0..=5);
    let ready = prop_oneof![Just(Ready::GoesOn), (0_u64..7200).prop_map(|wait| Ready::Waits(Span::seconds(wait)))];
    let termination =
        prop_oneof![Just(Termination::Never), (0_u64..172_800).prop_map(|wait| Termination::After(Span::seconds(wait)))];
    (routing(), hooks, ready, termination).prop_map(|(routing, hooks, ready, termination)| Course {
        routing,
        hooks: hooks.into_iter().collect(),
        ready,
        termination,
        takes_back: false,
    })
}

fn script() -> impl Strategy<Value = Script> {
    let answer = prop_oneof![4 => Just(Answer::Passed), 1 => Just(Answer::Failed)];
    let answers = proptest::collection::vec((0_u64..4000, answer, prop::bool::weighted(0.9)), 8);
    let at = |most: u64| prop_oneof![2 => Just(None), 1 => (0..most).prop_map(Some)];
    let dips = proptest::collection::vec((0_u64..20_000, 1_u64..700), 0..4);
    let full_after = prop_oneof![9 => (0_u64..3599).prop_map(Some), 1 => Just(None)];
    let continue_at = proptest::collection::vec(0_u64..20_000, 0..4);
    (course(), full_after, dips, answers, at(20_000), at(20_000), continue_at, 0_u64..600).prop_map(
        |(course, full_after, dips, answers, alarm_at, stop_at, continue_at, goes_in)| {
            let said = Event::ALL.into_iter().zip(answers).filter(|(_, (_, _, speaks))| *speaks);
            let answers: BTreeMap<_, _> = said.map(|(event, (after, answer, _))| (event, (after, answer))).collect();
            Script { course, full_after, dips, answers, alarm_at, stop_at, continue_at, goes_in }
        },
    )
}

proptest! {
    /// The world asserts at each act that nothing with traffic goes, that only a full replacement gets some, that events
    /// are in order; here is what must hold of the whole run.
    #[test]
    fn every_deployment_keeps_its_rules_and_ends(script in script()) {
        let told = run(&script);
        let shares: Vec<(u64, u8)> = told.acts.iter().filter_map(|(at, act)| match act {
            Act::Production(share) => Some((*at, *share)),
            _ => None,
        }).collect();
        let steps = script.course.routing.steps();
        let moved = shares.get(1..).unwrap_or_default();
        let of_plan: Vec<u8> = steps.iter().copied().take(moved.len()).collect();
        prop_assert_eq!(moved.iter().map(|(_, share)| *share).collect::<Vec<_>>(), of_plan);
        for pair in moved.windows(2) {
            prop_assert!(pair[1].0 - pair[0].0 >= script.course.routing.interval().0 / 1000);
        }
        match &told.end {
            End::Succeeded => {
                prop_assert_eq!((told.stands.production, told.stands.primary), (100, Side::Replacement));
                prop_assert_eq!(told.stands.original_removed.is_some(), script.course.termination != Termination::Never);
            }
            End::Failed(_) | End::Stopped(_) => {
                prop_assert_eq!(told.stands.original_removed, None);
                prop_assert!(!told.stands.replacement_removed);
                prop_assert_eq!(told.machine.done.installed, told.stands.installed.is_some());
                if told.machine.done.installed {
                    let back = take_back(&script, &told);
                    prop_assert_eq!(&back.end, &End::Succeeded);
                    prop_assert_eq!((back.stands.production, back.stands.test), (0, Side::Original));
                    prop_assert_eq!((back.stands.primary, back.stands.replacement_removed), (Side::Original, true));
                }
            }
        }
    }
}
