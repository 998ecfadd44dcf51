//! P8: what is worse never helps, what is stricter never lets more pass, a waiver never blocks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Span as Days};
use proptest::prelude::*;
use shipit_core::gate::{
    Allowable, Finding, Fix, GatePolicy, ImageScan, Known, Scan, Severity, Sight, Status, Threshold, Unfixed, Verdict, Waiver,
    judge,
};
use shipit_scheduler::Span;

use super::{finding, now, waiver};

fn severities() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let fix = prop::sample::select(vec![Fix::Untold, Fix::None, Fix::Some, Fix::In("2".into())]);
    let one = (0..6u8, severities(), 0..3u8, fix).prop_map(|(id, severity, package, fix)| Finding {
        fix,
        ..finding(&format!("CVE-{id}"), severity, &format!("package-{package}"))
    });
    prop::collection::vec(one, 0..8)
}

fn scans() -> impl Strategy<Value = Vec<ImageScan>> {
    use Status::{Active, Complete, Failed, InProgress, ScanEligibilityExpired, UnsupportedImage};
    let statuses =
        prop::sample::select(vec![Complete, Complete, Active, Failed, InProgress, ScanEligibilityExpired, UnsupportedImage]);
    let unlisted = prop::collection::btree_map(severities(), 1..4usize, 0..2);
    let one = (statuses, findings(), unlisted, prop::option::of(0..20i64)).prop_map(|(status, findings, unlisted, days)| {
        let completed_at = days.map(|days| now() - SignedDuration::from_hours(24 * days));
        let scan = Scan { findings, unlisted, completed_at, ..Scan::of(status, "") };
        ImageScan { platform: None, scan }
    });
    prop::collection::vec(one, 0..3)
}

fn waivers() -> impl Strategy<Value = Vec<Waiver>> {
    let one = (0..6u8, prop::option::of(0..3u8), -3..3i64).prop_map(|(id, package, days)| {
        let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let until = today.saturating_add(Days::new().days(days));
        Waiver { package: package.map(|package| format!("package-{package}")), ..waiver(&format!("CVE-{id}"), until) }
    });
    prop::collection::vec(one, 0..5)
}

fn policies() -> impl Strategy<Value = GatePolicy> {
    use Threshold::{Critical, High, Low, Medium, Never};
    let fail_on = prop::sample::select(vec![Low, Medium, High, Critical, Never]);
    let limited = prop::sample::select(vec![Severity::Low, Severity::Medium, Severity::High, Severity::Critical]);
    let thresholds = prop::collection::btree_map(limited, 0..4usize, 0..3);
    let unfixed = prop::sample::select(vec![Unfixed::Counts, Unfixed::Passes]);
    let known = prop::sample::select(vec![Known::Counts, Known::Passes]);
    let max_age = prop::option::of((1..20u64).prop_map(|days| Span::seconds(days * 24 * 3600)));
    let allow = vec![Allowable::UnsupportedImage, Allowable::ScanEligibilityExpired];
    let allow_status = prop::sample::subsequence(allow, 0..=2).prop_map(BTreeSet::from_iter);
    (fail_on, thresholds, unfixed, known, max_age, allow_status, waivers()).prop_map(
        |(fail_on, thresholds, unfixed, known, max_age, allow_status, waivers)| GatePolicy {
            fail_on,
            thresholds,
            unfixed,
            known,
            max_age,
            allow_status,
            waivers,
        },
    )
}

/// The stricter of both in everything.
fn strictest(a: &GatePolicy, b: &GatePolicy) -> GatePolicy {
    let mut thresholds: BTreeMap<Severity, usize> = a.thresholds.clone();
    for (severity, allowed) in &b.thresholds {
        thresholds.entry(*severity).and_modify(|known| *known = (*known).min(*allowed)).or_insert(*allowed);
    }
    GatePolicy {
        fail_on: a.fail_on.min(b.fail_on),
        thresholds,
        unfixed: if a.unfixed == b.unfixed { a.unfixed } else { Unfixed::Counts },
        known: if a.known == b.known { a.known } else { Known::Counts },
        max_age: a.max_age.into_iter().chain(b.max_age).min(),
        allow_status: a.allow_status.intersection(&b.allow_status).copied().collect(),
        waivers: a.waivers.iter().filter(|waiver| b.waivers.contains(waiver)).cloned().collect(),
    }
}

fn verdict(policy: &GatePolicy, scans: &[ImageScan], running: &[Vec<ImageScan>]) -> Verdict {
    let sight = Sight { now: now(), waited: SignedDuration::ZERO, scans, before: Some(scans), running };
    judge(policy, &sight).verdict
}

fn passes(policy: &GatePolicy, scans: &[ImageScan], running: &[Vec<ImageScan>]) -> bool {
    matches!(verdict(policy, scans, running), Verdict::Pass(_))
}

fn blocks(policy: &GatePolicy, scans: &[ImageScan], running: &[Vec<ImageScan>]) -> bool {
    matches!(verdict(policy, scans, running), Verdict::Block { .. })
}

proptest! {
    #[test]
    fn more_findings_never_turn_block_into_pass(policy in policies(), mut scans in scans(), running in scans(), more in findings()) {
        let running = [running];
        let (blocked, passed) = (blocks(&policy, &scans, &running), passes(&policy, &scans, &running));
        for image in &mut scans {
            image.scan.findings.extend(more.clone());
        }
        prop_assert!(!blocked || blocks(&policy, &scans, &running));
        prop_assert!(passed || !passes(&policy, &scans, &running));
    }

    #[test]
    fn a_finding_that_becomes_worse_never_helps(policy in policies(), mut scans in scans(), worse in severities()) {
        let blocked = blocks(&policy, &scans, &[]);
        for finding in scans.iter_mut().flat_map(|image| &mut image.scan.findings).take(1) {
            finding.severity = finding.severity.max(worse);
        }
        prop_assert!(!blocked || blocks(&policy, &scans, &[]));
    }

    #[test]
    fn what_a_stricter_policy_lets_pass_a_laxer_one_does(a in policies(), b in policies(), scans in scans(), running in scans()) {
        let (running, strict) = ([running], strictest(&a, &b));
        for lax in [&a, &b] {
            prop_assert!(!passes(&strict, &scans, &running) || passes(lax, &scans, &running));
            prop_assert!(blocks(&strict, &scans, &running) || !blocks(lax, &scans, &running));
        }
    }

    #[test]
    fn a_waiver_never_blocks_and_an_expired_one_waives_nothing(policy in policies(), scans in scans(), more in waivers()) {
        let mut with = policy.clone();
        with.waivers.extend(more);
        prop_assert!(!passes(&policy, &scans, &[]) || passes(&with, &scans, &[]));
        let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut held = with.clone();
        held.waivers.retain(|waiver| waiver.until >= today);
        prop_assert_eq!(passes(&with, &scans, &[]), passes(&held, &scans, &[]));
    }

    #[test]
    fn what_runs_already_only_ever_helps_where_that_is_asked_for(policy in policies(), scans in scans(), running in scans()) {
        let alone = verdict(&policy, &scans, &[]);
        let beside = verdict(&policy, &scans, &[running]);
        match policy.known {
            Known::Counts => prop_assert_eq!(alone, beside),
            Known::Passes => prop_assert!(!matches!(alone, Verdict::Pass(_)) || matches!(beside, Verdict::Pass(_))),
        }
    }

    #[test]
    fn a_pass_has_a_result_of_every_image_or_says_which_it_has_not(policy in policies(), scans in scans()) {
        if let Verdict::Pass(record) = verdict(&policy, &scans, &[]) {
            let results = scans.iter().filter(|image| matches!(image.scan.status, Status::Complete | Status::Active));
            prop_assert!(!scans.is_empty());
            prop_assert_eq!(results.count() + record.without.len(), scans.len());
            prop_assert!(record.without.is_empty() || !policy.allow_status.is_empty());
        }
    }

    #[test]
    fn every_finding_stands_somewhere_and_a_block_names_only_findings(policy in policies(), scans in scans()) {
        let listed: Vec<&Finding> = scans.iter().flat_map(|image| &image.scan.findings).collect();
        let unlisted: usize = scans.iter().flat_map(|image| image.scan.unlisted.values()).sum();
        let sight = Sight { now: now(), waited: SignedDuration::ZERO, scans: &scans, before: None, running: &[] };
        let judgement = judge(&policy, &sight);
        let holds = |judged: &Finding, finding: &Finding| judged.is_same(finding) && judged.severity >= finding.severity;
        prop_assert!(listed.iter().all(|finding| judgement.findings.iter().any(|judged| holds(&judged.finding, finding))));
        if let Some(record) = judgement.verdict.record() {
            let counted: usize = record.counts.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(counted, judgement.findings.len() + unlisted);
        }
        if let Verdict::Block { blocking, exceeded, .. } = judgement.verdict {
            prop_assert!(blocking.iter().all(|one| listed.iter().any(|found| one.is_same(found) && one.severity == found.severity)));
            prop_assert!(exceeded.iter().all(|limit| limit.found > limit.allowed));
        }
    }
}
