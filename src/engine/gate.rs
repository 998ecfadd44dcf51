//! The gate: an image's scans are looked at until there is a verdict; a result that is too old is asked for anew, once.

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use shipit_core::event::{Progress, StepResult};
use shipit_core::failure::{Code, Failure};
use shipit_core::gate::{Detail, Exceeded, Finding, ImageScan, Judgement, Lack, Record, Sight, Verdict, Without, judge};
use shipit_core::journal::Output;
use shipit_core::release::Digest;

use super::Context;
use super::step::{Doing, Done, StepEnd, unexpected};
use super::wait::{Pace, patiently};
use crate::port::{Ask, PortError, PortResult, ScanWish};

/// How long the registry may not answer.
const UNANSWERED: SignedDuration = SignedDuration::from_mins(10);
/// How long an old result may still be shown after a new scan was asked for.
const ANEW: SignedDuration = SignedDuration::from_mins(1);
/// How many findings are named one by one.
const NAMED: usize = 10;

/// An image at the gate.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The ECR repository's name.
    pub repository: &'a str,
    /// The image.
    pub digest: &'a Digest,
    /// What runs in its place now, where only what is new counts.
    pub against: &'a [Digest],
    /// How much of its findings is read.
    pub detail: Detail,
}

/// The gate step of a run.
///
/// # Errors
/// The gate is not passed, or the registry cannot be asked.
pub async fn pass(doing: &Doing<'_>, image: &str, repository: &str, against: &[Digest]) -> Result<Done, StepEnd> {
    let Some(digest) = doing.digests().remove(image) else {
        return Err(unexpected(format!("`{image}` has no digest at its gate")).into());
    };
    let held = Held { repository, digest: &digest, against, detail: doing.context.pipeline.gate.detail() };
    let tell = |status: &str| doing.progress(Progress::Scan { status: status.to_owned() });
    match hold(doing.context, &held, &tell).await?.verdict {
        Verdict::Pass(record) => {
            Ok(Done { output: Output::Passed { digest, record: record.clone() }, result: StepResult::Gate { record } })
        }
        verdict => {
            let failure = stopped(image, &verdict);
            doing.progress(Progress::Judged { verdict: Box::new(verdict) });
            Err(failure.into())
        }
    }
}

/// Looks at the scans of an image until there is a verdict; tells how the scan stands while it is waited for.
///
/// # Errors
/// The registry cannot be asked.
pub async fn hold(context: &Context<'_>, held: &Held<'_>, tell: &(dyn Fn(&str) + Send + Sync)) -> PortResult<Judgement> {
    let (clock, scans) = (context.clock, &context.ports.scans);
    let look = |digest| async move {
        let wish = ScanWish { detail: Detail::Findings, ask: Ask::Never };
        patiently(clock, held.repository, PortError::is_passing, async || scans.look(held.repository, digest, wish).await).await
    };
    let running: Vec<Vec<ImageScan>> = try_join_all(held.against.iter().map(look)).await?;
    let started = clock.now();
    let mut pace = Pace::new(Some(std::time::Duration::from_secs(10)), held.repository);
    let mut before: Option<Vec<ImageScan>> = None;
    let mut anew: Option<Timestamp> = None;
    let mut ask = Ask::IfUnknown;
    loop {
        let waited = clock.now().duration_since(started);
        match scans.look(held.repository, held.digest, ScanWish { detail: held.detail, ask }).await {
            Ok(seen) => {
                ask = Ask::IfUnknown;
                pace.answered();
                let sight = Sight { now: clock.now(), waited, scans: &seen, before: before.as_deref(), running: &running };
                let judgement = judge(&context.pipeline.gate, &sight);
                match &judgement.verdict {
                    Verdict::Wait { status } => tell(words(status)),
                    Verdict::Unknown { without: Without { lack: Lack::Freshness, .. }, .. } => match anew {
                        None => {
                            anew = Some(clock.now());
                            ask = Ask::Anew;
                            tell("too old, scanning again");
                            continue;
                        }
                        Some(at) if clock.now().duration_since(at) < ANEW => tell("too old, scanning again"),
                        Some(_) => return Ok(judgement),
                    },
                    _ => return Ok(judgement),
                }
                before = Some(seen);
            }
            Err(error) if error.is_passing() && waited < UNANSWERED => {
                pace.refused();
                tell("the registry does not answer");
            }
            Err(error) => return Err(error),
        }
        clock.sleep(pace.next(waited.unsigned_abs())).await;
    }
}

fn words(status: &str) -> &'static str {
    match status {
        "ACTIVE" => "findings are settling",
        "FINDINGS_UNAVAILABLE" => "findings cannot be read yet",
        _ => "scanning",
    }
}

/// Why an image is stopped at the gate.
pub fn stopped(image: &str, verdict: &Verdict) -> Failure {
    match verdict {
        Verdict::Block { blocking, exceeded, record } => blocked(image, blocking, exceeded, record),
        Verdict::Unknown { without, .. } => no_scan(image, without),
        Verdict::Pass(_) | Verdict::Wait { .. } => unexpected(format!("`{image}` is stopped by no verdict")),
    }
}

fn blocked(image: &str, blocking: &[Finding], exceeded: &[Exceeded], record: &Record) -> Failure {
    let found = exceeded.iter().map(|limit| limit.found).max().unwrap_or(blocking.len());
    let noun = if found == 1 { "finding" } else { "findings" };
    let mut failure = Failure::new(Code::GateBlocked, format!("`{image}` is stopped at the gate: {found} {noun}"));
    for limit in exceeded.iter().filter(|limit| limit.allowed > 0) {
        failure = failure.because(format!("{} are {} or worse, and {} may be", limit.found, limit.at, limit.allowed));
    }
    for finding in blocking.iter().take(NAMED) {
        failure = failure.because(finding.to_string());
    }
    if found > blocking.len().min(NAMED) {
        failure = failure.because(format!("and {} more", found - blocking.len().min(NAMED)));
    }
    for waiver in record.expired.iter().filter(|waiver| blocking.iter().any(|finding| waiver.covers(finding))) {
        failure = failure.because(format!("the waiver for {} ended on {} ({})", waiver.id, waiver.until, waiver.place));
    }
    failure
        .now("the image is in the registry, no service was touched")
        .next("update the packages, or waive a finding under `gate: waivers:` with a reason and a last day")
}

fn no_scan(image: &str, without: &Without) -> Failure {
    let of = without.platform.as_ref().map_or_else(String::new, |platform| format!(" for {platform}"));
    let because = match without.description.as_str() {
        "" => without.status.clone(),
        description => format!("{}: {description}", without.status),
    };
    let failure = Failure::new(Code::GateUnknown, format!("`{image}` has no usable scan result{of}"))
        .because(because)
        .now("the image is in the registry, no service was touched");
    let status = without.status.as_str();
    match (without.lack, status) {
        (Lack::Freshness, _) => failure.next("scan it again (once in 24 hours), push it anew, or raise `gate: max_age:`"),
        (Lack::End, _) => failure.next("run the same command again: what was built and pushed is not built again"),
        (Lack::Result, "UNSUPPORTED_IMAGE") => {
            failure.next("build from a base image that the scanner knows, or set `gate: allow_status: [UNSUPPORTED_IMAGE]`")
        }
        (Lack::Result, "NOT_SCANNED") => {
            failure.next("add the repository to a rule of the registry's scanning, or set `gate: allow_status: [NOT_SCANNED]`")
        }
        (Lack::Result, "SCAN_ELIGIBILITY_EXPIRED") => {
            failure.next("push the image anew, lengthen the re-scan duration, or set `gate: allow_status:` to this status")
        }
        (Lack::Result, "LIMIT_EXCEEDED" | "IMAGE_SIZE_EXCEEDED") => {
            failure.next(format!("wait for the limit, or set `gate: allow_status: [{status}]`"))
        }
        (Lack::Result, "IMAGE_ARCHIVED") => failure.next("restore the image, or push it anew"),
        (Lack::Result, _) => failure.next("look at the image's scan in ECR; push the image anew, or wait and try again"),
    }
}
