//! The gate: its table, and its properties: what is worse never helps, what is stricter never lets more pass.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod properties;
mod table;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shipit_core::gate::{Finding, Fix, GatePolicy, ImageScan, Judgement, Scan, Severity, Sight, Status, Verdict, Waiver, judge};

/// Noon of 2026-11-21.
fn now() -> Timestamp {
    jiff::civil::date(2026, 11, 21).at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
}

fn finding(id: &str, severity: Severity, package: &str) -> Finding {
    Finding { id: id.into(), severity, package: Some(package.into()), version: None, fix: Fix::Untold, url: None }
}

fn waiver(id: &str, until: Date) -> Waiver {
    Waiver { id: id.into(), package: None, until, reason: "not reachable".into(), place: "shipit.yaml:12:7".into() }
}

/// A scan that was completed an hour ago.
fn scanned(status: Status, findings: Vec<Finding>) -> Scan {
    let at = Some(now() - SignedDuration::from_hours(1));
    Scan { findings, completed_at: at, source_updated_at: at, ..Scan::of(status, "as it says") }
}

fn complete(findings: Vec<Finding>) -> Vec<ImageScan> {
    vec![ImageScan { platform: None, scan: scanned(Status::Complete, findings) }]
}

/// At the first look.
fn sight(scans: &[ImageScan]) -> Sight<'_> {
    Sight { now: now(), waited: SignedDuration::ZERO, scans, before: None, running: &[] }
}

fn judged(policy: &GatePolicy, scans: &[ImageScan]) -> Judgement {
    judge(policy, &sight(scans))
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass(record) if record.without.is_empty() => "pass",
        Verdict::Pass(_) => "pass without a result",
        Verdict::Block { .. } => "block",
        Verdict::Unknown { .. } => "unknown",
        Verdict::Wait { .. } => "wait",
    }
}
