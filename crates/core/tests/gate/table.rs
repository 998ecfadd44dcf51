//! What the gate says, case by case.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::date;
use shipit_core::gate::{
    Allowable, Detail, Finding, Fix, GatePolicy, ImageScan, Known, Lack, Scan, Severity, Sight, Standing, Status, Threshold,
    Unfixed, Verdict, Waiver, judge,
};
use shipit_scheduler::Span;

use super::{complete, finding, judged, now, scanned, sight, waiver, word};

fn fail_on(fail_on: Threshold) -> GatePolicy {
    GatePolicy { fail_on, ..GatePolicy::default() }
}

fn waived(waiver: Waiver) -> GatePolicy {
    GatePolicy { waivers: vec![waiver], ..GatePolicy::default() }
}

fn of(status: Status) -> Vec<ImageScan> {
    vec![ImageScan { platform: None, scan: Scan::of(status, "why") }]
}

fn at_most(thresholds: &[(Severity, usize)]) -> GatePolicy {
    GatePolicy { thresholds: thresholds.iter().copied().collect::<BTreeMap<_, _>>(), ..fail_on(Threshold::Never) }
}

#[test]
fn findings_and_waivers() {
    let high = || complete(vec![finding("CVE-1", Severity::High, "libc")]);
    let today = date(2026, 11, 21);
    for (name, policy, scans, expected) in [
        ("no findings pass", fail_on(Threshold::High), complete(vec![]), "pass"),
        ("at the threshold blocks", fail_on(Threshold::High), high(), "block"),
        ("below the threshold passes", fail_on(Threshold::Critical), high(), "pass"),
        ("never blocks nothing", fail_on(Threshold::Never), high(), "pass"),
        ("a waiver waives on its last day", waived(waiver("CVE-1", today)), high(), "pass"),
        ("an expired waiver waives nothing", waived(waiver("CVE-1", today.yesterday().unwrap())), high(), "block"),
        ("a waiver of another id waives nothing", waived(waiver("CVE-2", today)), high(), "block"),
        (
            "a waiver of another package waives nothing",
            waived(Waiver { package: Some("zlib".into()), ..waiver("CVE-1", today) }),
            high(),
            "block",
        ),
        (
            "a severity that nobody knows blocks at every threshold",
            fail_on(Threshold::Critical),
            complete(vec![finding("CVE-3", Severity::Unknown, "libc")]),
            "block",
        ),
        ("as many as are allowed pass", at_most(&[(Severity::High, 1)]), high(), "pass"),
        ("a worse one counts for a lower limit", at_most(&[(Severity::Low, 0)]), high(), "block"),
        ("a lesser one does not count for a higher limit", at_most(&[(Severity::Critical, 0)]), high(), "pass"),
        (
            "`fail_on` holds beside a limit",
            GatePolicy { fail_on: Threshold::High, ..at_most(&[(Severity::High, 9)]) },
            high(),
            "block",
        ),
    ] {
        assert_eq!(word(&judged(&policy, &scans).verdict), expected, "{name}");
    }
}

#[test]
fn every_severity_at_every_threshold() {
    use Severity::{Critical, High, Informational, Low, Medium};
    for (threshold, blocking) in [
        (Threshold::Low, &[Low, Medium, High, Critical][..]),
        (Threshold::Medium, &[Medium, High, Critical]),
        (Threshold::High, &[High, Critical]),
        (Threshold::Critical, &[Critical]),
        (Threshold::Never, &[]),
    ] {
        for severity in [Informational, Low, Medium, High, Critical] {
            let judgement = judged(&fail_on(threshold), &complete(vec![finding("CVE-1", severity, "libc")]));
            let expected = if blocking.contains(&severity) { "block" } else { "pass" };
            assert_eq!(word(&judgement.verdict), expected, "{severity:?} at {threshold:?}");
        }
    }
}

#[test]
fn a_limit_that_is_exceeded_names_all_that_count_for_it() {
    let findings = ["CVE-1", "CVE-2", "CVE-3"].map(|id| finding(id, Severity::Medium, "zlib"));
    let low = finding("CVE-4", Severity::Low, "zlib");
    let policy = GatePolicy { waivers: vec![waiver("CVE-3", date(2027, 1, 1))], ..at_most(&[(Severity::Medium, 1)]) };
    let scans = complete(findings.iter().cloned().chain([low]).collect());
    let Verdict::Block { blocking, exceeded, record } = judged(&policy, &scans).verdict else { panic!("two are too many") };
    assert_eq!(blocking, findings[..2]);
    assert_eq!((exceeded[0].at, exceeded[0].allowed, exceeded[0].found), (Severity::Medium, 1, 2));
    assert_eq!(record.counts, [(Severity::Medium, 3), (Severity::Low, 1)]);
    assert_eq!(record.waived[0].1.place, "shipit.yaml:12:7");
}

#[test]
fn what_the_registry_only_counts_counts_too() {
    let mut scan = scanned(Status::Complete, vec![]);
    scan.unlisted = BTreeMap::from([(Severity::High, 2), (Severity::Low, 40)]);
    let scans = [ImageScan { platform: None, scan }];
    let Verdict::Block { blocking, exceeded, record } = judged(&GatePolicy::default(), &scans).verdict else { panic!("two") };
    assert_eq!((blocking.len(), exceeded[0].found), (0, 2));
    assert_eq!(record.counts, [(Severity::High, 2), (Severity::Low, 40)]);
    assert_eq!(GatePolicy::default().detail(), Detail::Counts);
    assert_eq!(waived(waiver("CVE-1", date(2027, 1, 1))).detail(), Detail::Findings, "it may be on any page");
}

#[test]
fn waivers_are_accounted_for_also_where_all_is_well() {
    let ended = date(2026, 11, 20);
    let still = date(2027, 1, 1);
    let waivers = vec![waiver("CVE-1", ended), waiver("CVE-2", still), waiver("CVE-3", still)];
    let policy = GatePolicy { waivers, ..GatePolicy::default() };
    let scans = complete(vec![finding("CVE-2", Severity::Low, "zlib")]);
    let Verdict::Pass(record) = judged(&policy, &scans).verdict else { panic!("a low one passes") };
    let ids = |waivers: &[Waiver]| waivers.iter().map(|waiver| waiver.id.clone()).collect::<Vec<_>>();
    assert_eq!((ids(&record.expired), ids(&record.unused)), (vec!["CVE-1".to_owned()], vec!["CVE-3".to_owned()]));
    assert_eq!(record.waived, [], "it needed no waiver");
    let hour_ago = now() - SignedDuration::from_hours(1);
    assert_eq!((record.scanned_at, record.database_at), (Some(hour_ago), Some(hour_ago)));
}

#[test]
fn only_what_can_be_fixed() {
    let policy = GatePolicy { unfixed: Unfixed::Passes, ..GatePolicy::default() };
    for (fix, expected) in [(Fix::None, "pass"), (Fix::Untold, "block"), (Fix::Some, "block"), (Fix::In("2".into()), "block")] {
        let found = shipit_core::gate::Finding { fix: fix.clone(), ..finding("CVE-1", Severity::High, "libc") };
        let judgement = judged(&policy, &complete(vec![found]));
        assert_eq!(word(&judgement.verdict), expected, "{fix:?}");
        assert_eq!(judgement.findings[0].standing == Standing::Unfixed, expected == "pass");
        let strict = judged(&GatePolicy::default(), &complete(vec![judgement.findings[0].finding.clone()]));
        assert_eq!(word(&strict.verdict), "block", "{fix:?}, and nobody asked for the difference");
    }
}

#[test]
fn only_what_is_new() {
    let policy = GatePolicy { known: Known::Passes, ..GatePolicy::default() };
    let old = finding("CVE-1", Severity::High, "libc");
    let scans = complete(vec![shipit_core::gate::Finding { version: Some("1.1".into()), ..old.clone() }]);
    let has = complete(vec![old.clone()]);
    let elsewhere = complete(vec![finding("CVE-1", Severity::High, "musl")]);
    let listed = vec![ImageScan { platform: None, scan: scanned(Status::ScanEligibilityExpired, vec![old.clone()]) }];
    for (name, running, expected) in [
        ("nothing runs", vec![], "block"),
        ("it runs already", vec![has.clone()], "pass"),
        ("it runs in another package", vec![elsewhere.clone()], "block"),
        ("one of two that run does not have it", vec![has, elsewhere], "block"),
        ("the running image has no result", vec![of(Status::UnsupportedImage)], "block"),
        ("what is listed of the running image is no result", vec![listed], "block"),
    ] {
        let judgement = judge(&policy, &Sight { running: &running, ..sight(&scans) });
        assert_eq!(word(&judgement.verdict), expected, "{name}");
        if let Verdict::Pass(record) = judgement.verdict {
            assert_eq!(record.known.len(), 1, "and it is said");
        }
        let strict = judge(&GatePolicy::default(), &Sight { running: &running, ..sight(&scans) });
        assert_eq!(word(&strict.verdict), "block", "{name}, and nobody asked for the difference");
    }
}

#[test]
fn every_status() {
    use Status::{
        Active, Complete, Failed, FindingsUnavailable, ImageArchived, ImageSizeExceeded, InProgress, LimitExceeded, NotFound,
        NotScanned, Other, Pending, ScanEligibilityExpired, UnsupportedImage,
    };
    let all = [
        Allowable::UnsupportedImage,
        Allowable::ScanEligibilityExpired,
        Allowable::LimitExceeded,
        Allowable::ImageSizeExceeded,
        Allowable::NotScanned,
    ];
    let strict = fail_on(Threshold::Never);
    let lax = GatePolicy { allow_status: all.into_iter().collect::<BTreeSet<_>>(), ..strict.clone() };
    for (status, at_first, late, allowed) in [
        (NotFound, "wait", "unknown", "wait"),
        (Pending, "wait", "unknown", "wait"),
        (InProgress, "wait", "unknown", "wait"),
        (Complete, "pass", "pass", "pass"),
        (Active, "wait", "pass", "wait"),
        (Failed, "unknown", "unknown", "unknown"),
        (UnsupportedImage, "unknown", "unknown", "pass without a result"),
        (ScanEligibilityExpired, "unknown", "unknown", "pass without a result"),
        (FindingsUnavailable, "wait", "unknown", "wait"),
        (LimitExceeded, "unknown", "unknown", "pass without a result"),
        (ImageArchived, "unknown", "unknown", "unknown"),
        (ImageSizeExceeded, "unknown", "unknown", "pass without a result"),
        (NotScanned, "unknown", "unknown", "pass without a result"),
        (Other("FROM_THE_FUTURE".into()), "unknown", "unknown", "unknown"),
    ] {
        let scans = of(status.clone());
        assert_eq!(word(&judged(&strict, &scans).verdict), at_first, "{status}");
        let waited = SignedDuration::from_mins(11);
        assert_eq!(word(&judge(&strict, &Sight { waited, ..sight(&scans) }).verdict), late, "{status}, long after");
        assert_eq!(word(&judged(&lax, &scans).verdict), allowed, "{status}, allowed");
    }
}

#[test]
fn an_expired_eligibility_lets_nothing_pass_that_is_still_listed() {
    let allow_status = BTreeSet::from([Allowable::ScanEligibilityExpired]);
    let policy = GatePolicy { allow_status, ..GatePolicy::default() };
    let listed = scanned(Status::ScanEligibilityExpired, vec![finding("CVE-1", Severity::High, "libc")]);
    assert_eq!(word(&judged(&policy, &[ImageScan { platform: None, scan: listed }]).verdict), "block");
}

#[test]
fn findings_of_an_enhanced_scan_have_to_settle() {
    let policy = GatePolicy::default();
    let mut fresh = scanned(Status::Active, vec![]);
    fresh.completed_at = Some(now());
    let fresh = [ImageScan { platform: None, scan: fresh }];
    let low = [ImageScan { platform: None, scan: scanned(Status::Active, vec![finding("CVE-1", Severity::Low, "libc")]) }];
    assert_eq!(word(&judged(&policy, &fresh).verdict), "wait");
    assert_eq!(word(&judge(&policy, &Sight { before: Some(&low), ..sight(&fresh) }).verdict), "wait", "it is another now");
    assert_eq!(word(&judge(&policy, &Sight { before: Some(&fresh), ..sight(&fresh) }).verdict), "pass");
    assert_eq!(word(&judged(&policy, &low).verdict), "pass", "it was completed an hour ago");
    let mut bad = fresh.clone();
    bad[0].scan.findings.push(finding("CVE-1", Severity::High, "libc"));
    assert_eq!(word(&judged(&policy, &bad).verdict), "block", "more of them could only be worse");
}

#[test]
fn an_old_result_does_not_count() {
    let day = |days: i64| Some(now() - SignedDuration::from_hours(24 * days));
    let policy = GatePolicy { max_age: Some(Span::seconds(7 * 24 * 3600)), ..GatePolicy::default() };
    for (status, completed_at, source_updated_at, expected) in [
        (Status::Complete, day(7), day(7), "pass"),
        (Status::Complete, day(8), day(1), "unknown"),
        (Status::Complete, day(1), day(8), "unknown"),
        (Status::Complete, day(1), None, "pass"),
        (Status::Complete, None, None, "unknown"),
        // It goes on with every new state of the database.
        (Status::Active, day(90), day(1), "pass"),
        (Status::Active, day(8), day(8), "unknown"),
    ] {
        let scan = Scan { completed_at, source_updated_at, ..Scan::of(status.clone(), "") };
        let verdict = judged(&policy, &[ImageScan { platform: None, scan }]).verdict;
        assert_eq!(word(&verdict), expected, "{status} {completed_at:?} {source_updated_at:?}");
        if let Verdict::Unknown { without, .. } = verdict {
            assert_eq!(without.lack, Lack::Freshness);
        }
    }
}

#[test]
fn every_image_of_an_index_is_judged() {
    let image = |platform: &str, scan: Scan| ImageScan { platform: Some(platform.into()), scan };
    let clean = || scanned(Status::Complete, vec![]);
    let both = finding("CVE-1", Severity::High, "libc");
    let bad = || scanned(Status::Complete, vec![both.clone()]);
    let policy = GatePolicy::default();
    let judgement = judged(&policy, &[image("linux/amd64", bad()), image("linux/arm64", bad())]);
    assert_eq!(judgement.findings.len(), 1, "in both images, and one finding");
    assert_eq!(judgement.findings[0].platforms, ["linux/amd64", "linux/arm64"]);
    let milder = Finding { fix: Fix::None, ..finding("CVE-1", Severity::Low, "libc") };
    let elsewhere = Finding { version: Some("2".into()), ..milder.clone() };
    let milder = scanned(Status::Complete, vec![milder, elsewhere]);
    let judgement = judged(&policy, &[image("linux/amd64", milder), image("linux/arm64", bad())]);
    let told: Vec<_> = judgement.findings.iter().map(|judged| (judged.finding.severity, judged.finding.fix.clone())).collect();
    assert_eq!(told, [(Severity::High, Fix::Untold), (Severity::Low, Fix::None)], "as bad as the worst image has it");
    let second = |scan: Scan| judged(&policy, &[image("linux/amd64", clean()), image("linux/arm64", scan)]).verdict;
    assert_eq!(word(&second(bad())), "block");
    assert_eq!(word(&second(Scan::of(Status::Pending, ""))), "wait");
    let Verdict::Unknown { without, .. } = second(Scan::of(Status::Failed, "no")) else { panic!("one has failed") };
    assert_eq!((without.platform.as_deref(), without.status.as_str()), (Some("linux/arm64"), "FAILED"));
    assert_eq!(word(&judged(&policy, &[]).verdict), "unknown", "nothing was scanned");
}

#[test]
fn a_policy_in_words() {
    let policy = GatePolicy {
        thresholds: BTreeMap::from([(Severity::Medium, 10)]),
        unfixed: Unfixed::Passes,
        known: Known::Passes,
        max_age: Some(Span::seconds(7 * 24 * 3600)),
        ..GatePolicy::default()
    };
    let words = "fail on high, at most 10 medium or worse, only what can be fixed, only what is new, scanned within 7d";
    assert_eq!(policy.to_string(), words);
    assert_eq!(fail_on(Threshold::Never).to_string(), "the scan must exist, no finding blocks");
}
