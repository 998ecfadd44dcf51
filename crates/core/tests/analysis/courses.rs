//! What follows from the looks.

use jiff::SignedDuration;
use proptest::prelude::*;
use shipit_core::analysis::{Course, Grounds, Judge, Judgement, Verdict, course};

use crate::given::{after, since};

use Verdict::{Better, Inconclusive, Same, Worse};

/// A look so many minutes after, at minutes that have settled.
fn look(minutes: i64, verdict: Verdict) -> Judgement {
    Judgement { at: after(minutes), through: Some(after(minutes - 3)), verdict, sides: None, findings: Vec::new() }
}

fn decided(looks: &[Judgement], now: i64) -> Course {
    course(&Judge::default(), since(), looks, after(now))
}

#[test]
fn courses() {
    let (undecided, worse) = (Course::TurnBack(Grounds::Inconclusive), Course::TurnBack(Grounds::Worse));
    for (name, looks, now, expected) in [
        ("no look yet", vec![], 1, Course::Wait),
        ("no look for an hour", vec![], 60, undecided),
        ("one look is one opinion", vec![look(8, Same)], 8, Course::Wait),
        ("two agree", vec![look(8, Same), look(9, Same)], 9, Course::Proceed),
        ("better and same agree", vec![look(8, Better), look(9, Same)], 9, Course::Proceed),
        ("something between", vec![look(7, Same), look(8, Inconclusive), look(9, Same)], 9, Course::Wait),
        ("inconclusive waits", vec![look(8, Same), look(9, Inconclusive)], 9, Course::Wait),
        ("inconclusive for an hour", vec![look(59, Inconclusive), look(60, Inconclusive)], 60, undecided),
        ("a pass that comes late still needs the second look", vec![look(60, Same)], 60, Course::Wait),
        ("and then passes", vec![look(60, Same), look(61, Same)], 61, Course::Proceed),
        ("one worse is enough", vec![look(5, Worse)], 5, worse),
        ("what was worse stays worse", vec![look(5, Worse), look(6, Same), look(7, Same)], 7, worse),
        ("old looks say nothing of now", vec![look(8, Same), look(9, Same)], 13, Course::Wait),
        ("and end when the patience does", vec![look(8, Same), look(9, Same)], 60, undecided),
        ("looks before the traffic began", vec![look(-5, Same), look(-4, Same)], 1, Course::Wait),
    ] {
        assert_eq!(decided(&looks, now), expected, "{name}");
    }
}

#[test]
fn the_second_look_must_have_seen_more() {
    let mut again = look(9, Same);
    again.through = look(8, Same).through;
    assert_eq!(decided(&[look(8, Same), again], 9), Course::Wait, "the same minutes looked at twice");
    let mut soon = look(9, Same);
    soon.at = after(8) + SignedDuration::from_secs(30);
    assert_eq!(decided(&[look(8, Same), soon], 9), Course::Wait, "half a minute later");
    let outside = |minutes| Judgement { through: None, ..look(minutes, Same) };
    assert_eq!(decided(&[outside(8), outside(9)], 9), Course::Proceed, "probes and alarms have no minutes");
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Better), Just(Same), Just(Same), Just(Inconclusive), Just(Worse)]
}

fn looks() -> impl Strategy<Value = Vec<Judgement>> {
    prop::collection::vec((0..90_i64, verdicts(), 0..3_i64, any::<bool>()), 0..8).prop_map(|all| {
        all.into_iter()
            .map(|(at, verdict, behind, minutes)| Judgement {
                through: minutes.then(|| after(at - 3 - behind)),
                ..look(at, verdict)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn never_proceeds_without_two_fresh_good_looks(looks in looks(), now in 0..95_i64) {
        let decision = decided(&looks, now);
        prop_assert_eq!(decided(&looks, now), decision, "deciding twice");
        let mut turned = looks.clone();
        turned.reverse();
        prop_assert_eq!(decided(&turned, now), decision, "another order");
        let known: Vec<&Judgement> = looks.iter().filter(|look| look.at <= after(now)).collect();
        if known.iter().any(|look| look.verdict == Worse) {
            prop_assert_eq!(decision, Course::TurnBack(Grounds::Worse));
        }
        if decision == Course::Proceed {
            let newest = known.iter().map(|look| look.at).max().unwrap();
            prop_assert!(after(now).duration_since(newest) <= SignedDuration::from_mins(3));
            prop_assert!(known.iter().filter(|look| look.at == newest).all(|look| look.verdict <= Same));
            prop_assert!(known.iter().filter(|look| look.verdict <= Same).count() >= 2);
        }
    }

    #[test]
    fn time_alone_lets_nothing_pass(looks in looks(), now in 0..95_i64, later in 1..200_i64) {
        let known: Vec<Judgement> = looks.into_iter().filter(|look| look.at <= after(now)).collect();
        let (before, then) = (decided(&known, now), decided(&known, now + later));
        prop_assert!(then != Course::Proceed || before == Course::Proceed, "{before:?} became {then:?}");
        prop_assert!(!matches!(before, Course::TurnBack(_)) || then == before, "{before:?} became {then:?}");
    }

    #[test]
    fn a_worse_look_never_helps(looks in looks(), now in 0..95_i64, which in any::<prop::sample::Index>()) {
        let looks = if looks.is_empty() { vec![look(now, Same)] } else { looks };
        let mut worse = looks.clone();
        let look = which.get(&looks);
        let at = looks.iter().position(|other| other == look).unwrap();
        worse[at].verdict = match look.verdict { Better => Same, Same => Inconclusive, Inconclusive | Worse => Worse };
        let rank = |course| match course { Course::Proceed => 0, Course::Wait => 1, Course::TurnBack(_) => 2 };
        prop_assert!(rank(decided(&worse, now)) >= rank(decided(&looks, now)));
    }

    #[test]
    fn every_wait_ends(looks in looks(), verdict in verdicts()) {
        // Whoever goes on looking every minute is answered at the latest a minute after the patience.
        let mut looks: Vec<Judgement> = looks.into_iter().filter(|look| look.at < after(60)).collect();
        looks.push(look(60, verdict));
        looks.push(look(61, verdict));
        prop_assert_ne!(decided(&looks, 61), Course::Wait);
    }
}
