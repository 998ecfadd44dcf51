//! Pruning: whatever a family looks like, nothing that is used or would be returned to goes, and what goes is the oldest.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shipit_core::prune::{Family, Fate, Use, judge};
use shipit_core::release::Revision;

fn web(number: u64) -> Revision {
    Revision(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:{number}"))
}

fn service() -> Use {
    Use::Service { service: "shop/web".into() }
}

fn told(family: &Family, keep: usize) -> Vec<String> {
    judge(family, keep).into_iter().map(|(revision, fate)| format!("{} {fate}", revision.short())).collect()
}

#[test]
fn a_family_is_told_newest_first_with_the_reason() {
    let family = Family {
        revisions: [3, 11, 9, 10, 8, 7, 6, 5, 4].map(web).to_vec(),
        uses: BTreeMap::from([
            (web(10), vec![Use::Task { task: "0f3a".into() }, service()]),
            (web(4), vec![Use::Schedule { schedule: "events-rule/nightly".into() }]),
            (web(5), vec![Use::Spared]),
        ]),
        ways_back: BTreeMap::from([("web".into(), [9, 6, 3].map(web).to_vec())]),
    };
    assert_eq!(
        told(&family, 2),
        [
            "web:11 newer than what runs: it may be on its way",
            "web:10 used by the service shop/web",
            "web:9 `web` would be rolled back to it",
            "web:8 one of the newest",
            "web:7 old, and nothing uses it",
            "web:6 `web` would be rolled back to it in 2 steps",
            "web:5 spared, as told",
            "web:4 used by the schedule events-rule/nightly",
            "web:3 old, and nothing uses it",
        ]
    );
    assert!(told(&family, 0).iter().any(|line| line.starts_with("web:9 `web`")), "the way back stays, whatever is asked");
}

fn families() -> impl Strategy<Value = (Family, usize)> {
    let using = prop_oneof![
        Just(service()),
        Just(Use::Task { task: "1".into() }),
        Just(Use::Schedule { schedule: "events-rule/x".into() }),
        Just(Use::Spared)
    ];
    let uses = prop::collection::btree_map((1_u64..40).prop_map(web), prop::collection::vec(using, 1..3), 0..6);
    let way = prop::collection::vec((1_u64..40).prop_map(web), 0..8);
    let ways = prop::collection::btree_map("[a-c]", way, 0..3);
    let revisions = prop::collection::btree_set(1_u64..40, 0..30);
    (revisions, uses, ways, 0_usize..12).prop_map(|(revisions, uses, ways_back, keep)| {
        (Family { revisions: revisions.into_iter().map(web).collect(), uses, ways_back }, keep)
    })
}

fn number(revision: &Revision) -> u64 {
    revision.short()["web:".len()..].parse().expect("a number")
}

proptest! {
    #[test]
    fn what_goes_is_used_by_nothing_and_on_no_way_back((family, keep) in families()) {
        let fates = judge(&family, keep);
        let judged: Vec<&Revision> = fates.iter().map(|(revision, _)| revision).collect();
        prop_assert_eq!(judged.len(), family.revisions.len(), "each is judged once");
        let gone: Vec<&Revision> = fates.iter().filter(|(_, fate)| *fate == Fate::Goes).map(|(revision, _)| revision).collect();
        for revision in &gone {
            prop_assert!(!family.uses.contains_key(*revision), "{revision} is used");
            for way in family.ways_back.values() {
                prop_assert!(!way.iter().take(keep.max(1)).any(|back| back == *revision), "{revision} is on a way back");
            }
            let runs: Vec<u64> = family.uses.iter().filter(|(revision, uses)| uses.contains(&service()) && judged.contains(revision))
                .map(|(revision, _)| number(revision)).collect();
            prop_assert!(runs.iter().max().is_none_or(|running| number(revision) < *running), "{revision} may be on its way");
        }
        // At least `keep` of those that nothing uses stay, and each of them for a reason that is not its luck.
        let unused = family.revisions.iter().filter(|revision| !family.uses.contains_key(*revision)).count();
        prop_assert!(unused - gone.len() >= keep.max(1).min(unused));
        // Keeping more never lets one go that stayed before.
        let more: Vec<Revision> = judge(&family, keep + 1).into_iter().filter(|(_, fate)| *fate == Fate::Goes).map(|(revision, _)| revision).collect();
        prop_assert!(more.iter().all(|revision| gone.contains(&revision)));
    }

    #[test]
    fn after_pruning_there_is_nothing_left_to_prune((family, keep) in families()) {
        let left: Vec<Revision> =
            judge(&family, keep).into_iter().filter(|(_, fate)| *fate != Fate::Goes).map(|(revision, _)| revision).collect();
        let again = judge(&Family { revisions: left, ..family }, keep);
        prop_assert!(again.iter().all(|(_, fate)| *fate != Fate::Goes));
    }
}
