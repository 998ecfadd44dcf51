//! The judgement: what is seen of an image's scans, held against the policy. Time is a value.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Fix, Severity, counts};
use super::policy::{Allowable, GatePolicy, Known, Limit, Unfixed, Waiver, age_words};
use super::scan::{ImageScan, Scan, Status};
use super::verdict::{Exceeded, Judged, Judgement, Lack, Record, Standing, Verdict, Without};

/// How long a scan may take.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// How long findings may be unreadable.
const UNREADABLE: SignedDuration = SignedDuration::from_mins(1);
/// An enhanced scan that was completed so long ago does not find more of itself: two looks need not agree.
const SETTLED: SignedDuration = SignedDuration::from_mins(1);

/// What is seen at one look.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// When.
    pub now: Timestamp,
    /// How long it is since the first look.
    pub waited: SignedDuration,
    /// The image's scans; of an index, those of its images.
    pub scans: &'a [ImageScan],
    /// What the look before saw.
    pub before: Option<&'a [ImageScan]>,
    /// The scans of each image that runs in its place now.
    pub running: &'a [Vec<ImageScan>],
}

/// Judges what is seen. Blocking goes before not knowing, that before waiting: only a pass has to have seen everything.
pub fn judge(policy: &GatePolicy, sight: &Sight<'_>) -> Judgement {
    let (limits, today) = (policy.limits(), sight.now.to_zoned(TimeZone::UTC).date());
    let mut findings = merged(sight.scans);
    for judged in &mut findings {
        judged.standing = standing(policy, &limits, sight.running, today, &judged.finding);
    }
    let unlisted = unlisted(sight.scans);
    let exceeded = exceeded(&limits, &findings, &unlisted);
    if let Some(lowest) = exceeded.iter().map(|limit| limit.at).min() {
        let counted = |judged: &&mut Judged| judged.standing == Standing::Tolerated && judged.finding.severity >= lowest;
        findings.iter_mut().filter(counted).for_each(|judged| judged.standing = Standing::Blocks);
    }
    findings.sort_by(|a, b| b.finding.severity.cmp(&a.finding.severity).then_with(|| name(a).cmp(&name(b))));
    let (allowed, refused): (Vec<_>, Vec<_>) =
        sight.scans.iter().filter_map(|image| without(policy, sight, image)).partition(|(allowed, _)| *allowed);
    let allowed: Vec<Without> = allowed.into_iter().map(|(_, without)| without).collect();
    let waits = sight.scans.iter().find(|image| waits(sight, image)).map(|image| image.scan.status.to_string());
    let record = || Box::new(record(policy, sight.scans, &findings, &unlisted, &allowed, today));
    let verdict = if !exceeded.is_empty() {
        let blocks = findings.iter().filter(|judged| judged.standing == Standing::Blocks);
        Verdict::Block { blocking: blocks.map(|judged| judged.finding.clone()).collect(), exceeded, record: record() }
    } else if let Some((_, without)) = refused.into_iter().next() {
        Verdict::Unknown { without, record: record() }
    } else if let Some(status) = waits {
        Verdict::Wait { status }
    } else if sight.scans.is_empty() {
        let description = "there is no image in it that could be scanned".to_owned();
        let without = Without { platform: None, status: Status::NotScanned.to_string(), description, lack: Lack::Result };
        Verdict::Unknown { without, record: record() }
    } else {
        Verdict::Pass(record())
    };
    Judgement { verdict, findings }
}

fn name(judged: &Judged) -> (&str, Option<&str>) {
    (&judged.finding.id, judged.finding.package.as_deref())
}

/// What is found in several images of an index, or several times in one, is one finding: as bad as the worst of them.
fn merged(scans: &[ImageScan]) -> Vec<Judged> {
    let mut all: Vec<Judged> = Vec::new();
    for image in scans {
        for finding in &image.scan.findings {
            let same = |known: &&mut Judged| known.finding.is_same(finding) && known.finding.version == finding.version;
            let platforms = match all.iter_mut().find(same) {
                Some(known) => {
                    known.finding.take_worse(finding);
                    &mut known.platforms
                }
                None => {
                    let finding = finding.clone();
                    &mut all.push_mut(Judged { finding, platforms: Vec::new(), standing: Standing::Tolerated }).platforms
                }
            };
            if let Some(platform) = image.platform.as_ref().filter(|platform| !platforms.contains(platform)) {
                platforms.push(platform.clone());
            }
        }
    }
    all
}

fn unlisted(scans: &[ImageScan]) -> BTreeMap<Severity, usize> {
    let mut sum: BTreeMap<Severity, usize> = BTreeMap::new();
    for (severity, count) in scans.iter().flat_map(|image| &image.scan.unlisted) {
        *sum.entry(*severity).or_default() += count;
    }
    sum
}

/// What a finding is by itself: one that counts is tolerated until there are too many.
fn standing(policy: &GatePolicy, limits: &[Limit], running: &[Vec<ImageScan>], today: Date, finding: &Finding) -> Standing {
    if limits.iter().all(|limit| finding.severity < limit.at) {
        return Standing::Tolerated;
    }
    if let Some(by) = policy.waivers.iter().find(|waiver| waiver.until >= today && waiver.covers(finding)) {
        return Standing::Waived { by: by.clone() };
    }
    if policy.known == Known::Passes && runs_already(running, finding) {
        return Standing::Known;
    }
    if policy.unfixed == Unfixed::Passes && finding.fix == Fix::None {
        return Standing::Unfixed;
    }
    Standing::Tolerated
}

/// Every image that runs now has it, by a scan that has a result.
fn runs_already(running: &[Vec<ImageScan>], finding: &Finding) -> bool {
    let has = |scans: &Vec<ImageScan>| {
        let results = scans.iter().filter(|image| matches!(image.scan.status, Status::Complete | Status::Active));
        results.flat_map(|image| &image.scan.findings).any(|known| known.is_same(finding))
    };
    !running.is_empty() && running.iter().all(has)
}

fn exceeded(limits: &[Limit], findings: &[Judged], unlisted: &BTreeMap<Severity, usize>) -> Vec<Exceeded> {
    let counted = |at: Severity| {
        let listed = findings.iter().filter(|judged| judged.standing == Standing::Tolerated && judged.finding.severity >= at);
        listed.count() + unlisted.range(at..).map(|(_, count)| count).sum::<usize>()
    };
    let of = |limit: &Limit| Exceeded { at: limit.at, allowed: limit.allowed, found: counted(limit.at) };
    limits.iter().map(of).filter(|limit| limit.found > limit.allowed).collect()
}

/// The image has no usable result, and whether the policy lets it pass so.
fn without(policy: &GatePolicy, sight: &Sight<'_>, image: &ImageScan) -> Option<(bool, Without)> {
    let scan = &image.scan;
    let lacking = |lack, description: String| Without {
        platform: image.platform.clone(),
        status: scan.status.to_string(),
        description,
        lack,
    };
    match &scan.status {
        Status::Complete | Status::Active => {
            let limit = policy.max_age.filter(|limit| is_stale(scan, sight.now, SignedDuration::from_millis(limit.0 as i64)))?;
            let of = fresh_at(scan).map_or_else(|| "of unknown age".to_owned(), |at| format!("of {at:.0}"));
            let description = format!("the result is {of}, and `max_age` is {}", age_words(limit));
            Some((false, lacking(Lack::Freshness, description)))
        }
        Status::NotFound | Status::Pending | Status::InProgress => {
            let late = sight.waited > PATIENCE;
            late.then(|| (false, lacking(Lack::End, "the scan did not end within 10 minutes".to_owned())))
        }
        Status::FindingsUnavailable => {
            (sight.waited > UNREADABLE).then(|| (false, lacking(Lack::Result, scan.description.clone())))
        }
        status => {
            let allowed = Allowable::of(status).is_some_and(|status| policy.allow_status.contains(&status));
            Some((allowed, lacking(Lack::Result, scan.description.clone())))
        }
    }
}

/// The scan may still change by itself within a moment.
fn waits(sight: &Sight<'_>, image: &ImageScan) -> bool {
    match image.scan.status {
        Status::NotFound | Status::Pending | Status::InProgress | Status::FindingsUnavailable => true,
        Status::Active => {
            let long_ago = image.scan.completed_at.is_some_and(|at| sight.now.duration_since(at) >= SETTLED);
            let agrees = sight.before.is_some_and(|before| before.contains(image));
            !long_ago && !agrees && sight.waited <= PATIENCE
        }
        _ => false,
    }
}

fn is_stale(scan: &Scan, now: Timestamp, limit: SignedDuration) -> bool {
    fresh_at(scan).is_none_or(|at| now.duration_since(at) > limit)
}

/// What a result knows: a basic scan the database of its day, so the older of both times; an enhanced scan goes on with every new
/// state of its database, so the newer.
fn fresh_at(scan: &Scan) -> Option<Timestamp> {
    let times = [scan.completed_at, scan.source_updated_at].into_iter().flatten();
    if scan.status == Status::Active { times.max() } else { times.min() }
}

fn record(
    policy: &GatePolicy,
    scans: &[ImageScan],
    findings: &[Judged],
    unlisted: &BTreeMap<Severity, usize>,
    allowed: &[Without],
    today: Date,
) -> Record {
    let with = |wanted: Standing| {
        let found = findings.iter().filter(move |judged| judged.standing == wanted);
        found.map(|judged| judged.finding.clone()).collect::<Vec<_>>()
    };
    let waived = findings.iter().filter_map(|judged| match &judged.standing {
        Standing::Waived { by } => Some((judged.finding.clone(), by.clone())),
        _ => None,
    });
    let (expired, held): (Vec<&Waiver>, Vec<&Waiver>) = policy.waivers.iter().partition(|waiver| waiver.until < today);
    let unused = held.into_iter().filter(|waiver| findings.iter().all(|judged| !waiver.covers(&judged.finding)));
    let mut sum: BTreeMap<Severity, usize> = counts(findings.iter().map(|judged| &judged.finding)).into_iter().collect();
    unlisted.iter().for_each(|(severity, count)| *sum.entry(*severity).or_default() += count);
    Record {
        counts: sum.into_iter().rev().collect(),
        waived: waived.collect(),
        known: with(Standing::Known),
        unfixed: with(Standing::Unfixed),
        expired: expired.into_iter().cloned().collect(),
        unused: unused.cloned().collect(),
        without: allowed.to_vec(),
        scanned_at: scans.iter().filter_map(|image| image.scan.completed_at).min(),
        database_at: scans.iter().filter_map(|image| image.scan.source_updated_at).min(),
    }
}
