//! The table: a row a status, a column a policy.

use std::collections::BTreeSet;

use shipit_core::gate::{Allowable, GatePolicy, Known, Threshold, Unfixed, Waiver};
use shipit_scheduler::Span;

/// Where a row can be stood for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// On both servers.
    Both,
    /// On moto alone: the sandbox says only what AWS can.
    Moto,
}

/// What a scan has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finds {
    /// Nothing.
    Nothing,
    /// One vulnerability, `CVE-2026-7` in zlib, high.
    High,
}

/// A status, and the verdict of each policy.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    pub on: On,
    pub status: &'static str,
    pub finds: Finds,
    /// How long ago the scan was completed.
    pub days: u32,
    pub verdicts: [&'static str; 8],
}

const fn row(name: &'static str, status: &'static str, finds: Finds, verdicts: [&'static str; 8]) -> Row {
    Row { name, on: On::Both, status, finds, days: 0, verdicts }
}

/// The running image, for the policy that asks for what is new.
pub const KNOWN: Row = row("what runs", "COMPLETE", Finds::High, ALL_BLOCK);

const ALL_BLOCK: [&str; 8] = ["block"; 8];
const ALL_PASS: [&str; 8] = ["pass"; 8];
const REFUSED: [&str; 8] = ["refuse"; 8];
const NEVER_ENDS: [&str; 8] = ["wait, refuse"; 8];
const ALLOWABLE: [&str; 8] = ["refuse", "refuse", "refuse", "pass without", "refuse", "refuse", "refuse", "refuse"];

/// A column.
pub type Column = (&'static str, fn() -> GatePolicy);

/// The columns.
pub const POLICIES: [Column; 8] = [
    ("fail on high", GatePolicy::default),
    ("fail on critical", || GatePolicy { fail_on: Threshold::Critical, ..GatePolicy::default() }),
    ("never", || GatePolicy { fail_on: Threshold::Never, ..GatePolicy::default() }),
    ("every status allowed that can be", || GatePolicy { allow_status: all(), ..GatePolicy::default() }),
    ("waived", || GatePolicy { waivers: vec![waiver()], ..GatePolicy::default() }),
    ("fixable only", || GatePolicy { unfixed: Unfixed::Passes, ..GatePolicy::default() }),
    ("at most 7 days old", || GatePolicy { max_age: Some(Span::seconds(7 * 24 * 3600)), ..GatePolicy::default() }),
    ("new only", || GatePolicy { known: Known::Passes, ..GatePolicy::default() }),
];

/// The rows. What changes the registry for all of them is last.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("no scan known", "SCAN_NOT_FOUND", Finds::Nothing, NEVER_ENDS),
    row("queued", "PENDING", Finds::Nothing, NEVER_ENDS),
    row("running", "IN_PROGRESS", Finds::Nothing, NEVER_ENDS),
    row("basic, clean", "COMPLETE", Finds::Nothing, ALL_PASS),
    row("basic, high", "COMPLETE", Finds::High,
        ["block", "pass", "pass", "block", "pass", "block", "block", "pass"]),
    Row { days: 8, ..row("basic, 8 days old", "COMPLETE", Finds::Nothing,
        ["pass", "pass", "pass", "pass", "pass", "pass", "refuse", "pass"]) },
    row("enhanced, clean", "ACTIVE", Finds::Nothing, ["wait, pass"; 8]),
    row("enhanced, high", "ACTIVE", Finds::High,
        ["block", "wait, pass", "wait, pass", "block", "wait, pass", "wait, pass", "block", "wait, pass"]),
    Row { days: 8, ..row("enhanced, 8 days old", "ACTIVE", Finds::Nothing,
        ["pass", "pass", "pass", "pass", "pass", "pass", "refuse", "pass"]) },
    row("failed", "FAILED", Finds::Nothing, REFUSED),
    row("unsupported", "UNSUPPORTED_IMAGE", Finds::Nothing, ALLOWABLE),
    row("eligibility expired", "SCAN_ELIGIBILITY_EXPIRED", Finds::Nothing, ALLOWABLE),
    row("eligibility expired, still high", "SCAN_ELIGIBILITY_EXPIRED", Finds::High,
        ["block", "refuse", "refuse", "block", "refuse", "block", "block", "refuse"]),
    row("findings unavailable", "FINDINGS_UNAVAILABLE", Finds::Nothing, NEVER_ENDS),
    row("a limit is reached", "LIMIT_EXCEEDED", Finds::Nothing, ALLOWABLE),
    row("too large", "IMAGE_SIZE_EXCEEDED", Finds::Nothing, ALLOWABLE),
    row("archived", "IMAGE_ARCHIVED", Finds::Nothing, REFUSED),
    Row { on: On::Moto, ..row("a word of tomorrow", "FROM_THE_FUTURE", Finds::Nothing, REFUSED) },
    row("nothing scans it", "NOT_SCANNED", Finds::Nothing, ALLOWABLE),
];

fn all() -> BTreeSet<Allowable> {
    BTreeSet::from([
        Allowable::UnsupportedImage,
        Allowable::ScanEligibilityExpired,
        Allowable::LimitExceeded,
        Allowable::ImageSizeExceeded,
        Allowable::NotScanned,
    ])
}

fn waiver() -> Waiver {
    Waiver {
        id: "CVE-2026-7".into(),
        package: Some("zlib".into()),
        until: jiff::civil::date(2099, 1, 1),
        reason: "not reachable".into(),
        place: "shipit.yaml:12:7".into(),
    }
}
