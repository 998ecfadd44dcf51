//! The gate's table and its property P8: more findings never help, a higher threshold never hurts, an expired waiver waives nothing.

use jiff::civil::{Date, date};
use proptest::prelude::*;
use shipit_core::gate::{Finding, GatePolicy, Scan, Severity, Threshold, Unscannable, Verdict, Waiver, judge};

const TODAY: Date = date(2026, 11, 21);

fn finding(id: &str, severity: Severity, package: &str) -> Finding {
    Finding { id: id.into(), severity, package: Some(package.into()), version: None, fixed_in: None }
}

fn waiver(id: &str, until: Date) -> Waiver {
    Waiver { id: id.into(), package: None, until, reason: "not reachable".into() }
}

fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass { .. } => "pass",
        Verdict::Block { .. } => "block",
        Verdict::Unknown { allowed: Unscannable::Allow, .. } => "unknown, allowed",
        Verdict::Unknown { allowed: Unscannable::Refuse, .. } => "unknown",
        Verdict::Wait => "wait",
    }
}

#[test]
fn verdicts() {
    let high = || finding("CVE-1", Severity::High, "libc");
    let finished = |findings: Vec<Finding>| Scan::Finished { findings };
    let unsupported = || Scan::Unavailable { status: "UNSUPPORTED_IMAGE".into(), description: String::new() };
    let policy = |fail_on, waivers: Vec<Waiver>| GatePolicy { fail_on, unscannable: Unscannable::Refuse, waivers };
    let yesterday = date(2026, 11, 20);
    for (name, policy, scan, expected) in [
        ("no findings pass", policy(Threshold::High, vec![]), finished(vec![]), "pass"),
        ("at the threshold blocks", policy(Threshold::High, vec![]), finished(vec![high()]), "block"),
        ("below the threshold passes", policy(Threshold::Critical, vec![]), finished(vec![high()]), "pass"),
        ("never blocks nothing", policy(Threshold::Never, vec![]), finished(vec![high()]), "pass"),
        (
            "a waiver waives on its last day",
            policy(Threshold::High, vec![waiver("CVE-1", TODAY)]),
            finished(vec![high()]),
            "pass",
        ),
        (
            "an expired waiver waives nothing",
            policy(Threshold::High, vec![waiver("CVE-1", yesterday)]),
            finished(vec![high()]),
            "block",
        ),
        (
            "a waiver of another id waives nothing",
            policy(Threshold::High, vec![waiver("CVE-2", TODAY)]),
            finished(vec![high()]),
            "block",
        ),
        (
            "a waiver of another package waives nothing",
            policy(Threshold::High, vec![Waiver { package: Some("zlib".into()), ..waiver("CVE-1", TODAY) }]),
            finished(vec![high()]),
            "block",
        ),
        (
            "a severity that nobody knows blocks at every threshold",
            policy(Threshold::Critical, vec![]),
            finished(vec![finding("CVE-3", Severity::Unknown, "libc")]),
            "block",
        ),
        ("no scan is not a pass", policy(Threshold::Never, vec![]), unsupported(), "unknown"),
        (
            "no scan passes only where the policy says so",
            GatePolicy { unscannable: Unscannable::Allow, ..policy(Threshold::High, vec![]) },
            unsupported(),
            "unknown, allowed",
        ),
        ("a running scan is waited for", policy(Threshold::Never, vec![]), Scan::Running, "wait"),
    ] {
        assert_eq!(kind(&judge(&policy, &scan, TODAY)), expected, "{name}");
    }
}

fn severities() -> impl Strategy<Value = Severity> {
    use Severity::{Critical, High, Informational, Low, Medium, Unknown};
    prop::sample::select(vec![Informational, Low, Medium, High, Critical, Unknown])
}

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    prop::collection::vec(
        (0..6u8, severities(), 0..3u8)
            .prop_map(|(id, severity, package)| finding(&format!("CVE-{id}"), severity, &format!("package-{package}"))),
        0..8,
    )
}

fn waivers() -> impl Strategy<Value = Vec<Waiver>> {
    prop::collection::vec(
        (0..6u8, prop::option::of(0..3u8), -3..3i64).prop_map(|(id, package, days)| Waiver {
            id: format!("CVE-{id}"),
            package: package.map(|package| format!("package-{package}")),
            until: TODAY.saturating_add(jiff::Span::new().days(days)),
            reason: "not reachable".into(),
        }),
        0..5,
    )
}

fn thresholds() -> impl Strategy<Value = Threshold> {
    prop::sample::select(vec![Threshold::Low, Threshold::Medium, Threshold::High, Threshold::Critical, Threshold::Never])
}

fn blocks(policy: &GatePolicy, findings: &[Finding]) -> bool {
    matches!(judge(policy, &Scan::Finished { findings: findings.to_vec() }, TODAY), Verdict::Block { .. })
}

proptest! {
    #[test]
    fn one_more_finding_never_turns_block_into_pass(fail_on in thresholds(), waivers in waivers(), mut findings in findings(), more in findings()) {
        let policy = GatePolicy { fail_on, unscannable: Unscannable::Refuse, waivers };
        let before = blocks(&policy, &findings);
        findings.extend(more);
        prop_assert!(!before || blocks(&policy, &findings));
    }

    #[test]
    fn a_higher_threshold_never_turns_pass_into_block(low in thresholds(), high in thresholds(), waivers in waivers(), findings in findings()) {
        let (low, high) = (low.min(high), low.max(high));
        let at = |fail_on| GatePolicy { fail_on, unscannable: Unscannable::Refuse, waivers: waivers.clone() };
        prop_assert!(blocks(&at(low), &findings) || !blocks(&at(high), &findings));
    }

    #[test]
    fn an_expired_waiver_waives_nothing(fail_on in thresholds(), mut waivers in waivers(), findings in findings()) {
        let with = GatePolicy { fail_on, unscannable: Unscannable::Refuse, waivers: waivers.clone() };
        waivers.retain(|waiver| waiver.until >= TODAY);
        let without = GatePolicy { waivers, ..with.clone() };
        prop_assert_eq!(blocks(&with, &findings), blocks(&without, &findings));
    }

    #[test]
    fn every_finding_is_counted_once_and_a_block_names_only_findings(fail_on in thresholds(), waivers in waivers(), findings in findings()) {
        let policy = GatePolicy { fail_on, unscannable: Unscannable::Refuse, waivers };
        match judge(&policy, &Scan::Finished { findings: findings.clone() }, TODAY) {
            Verdict::Pass { counts, .. } => prop_assert_eq!(counts.iter().map(|(_, count)| count).sum::<usize>(), findings.len()),
            Verdict::Block { blocking, .. } => prop_assert!(!blocking.is_empty() && blocking.iter().all(|one| findings.contains(one))),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
