//! The gate step: an image's scan is looked at until there is a verdict.

use std::time::Duration;

use shipit_core::event::{Progress, StepResult};
use shipit_core::gate::{self, Scan, Unscannable, Verdict};
use shipit_core::journal::Output;

use super::outcome;
use super::step::{Doing, Done, StepEnd, unexpected};
use super::wait::Pace;

/// How long a scan may take, in AWS's time.
const SCAN_PATIENCE: Duration = Duration::from_secs(600);

/// Waits for the scan of an image and judges it.
///
/// # Errors
/// The gate is not passed, or the registry cannot be asked.
pub async fn pass(doing: &Doing<'_>, image: &str, repository: &str) -> Result<Done, StepEnd> {
    let Some(digest) = doing.digests().remove(image) else {
        return Err(unexpected(format!("`{image}` has no digest at its gate")).into());
    };
    let clock = doing.context.clock;
    let started = clock.now();
    let mut pace = Pace::new(Some(Duration::from_secs(10)), image);
    loop {
        let elapsed = clock.now().duration_since(started).unsigned_abs();
        let scan = match doing.context.ports.scans.look(repository, &digest).await {
            Ok(scan) => scan,
            Err(error) if error.is_passing() => {
                pace.refused();
                Scan::Running
            }
            Err(error) => return Err(error.into()),
        };
        let today = clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        match gate::judge(&doing.context.pipeline.gate, &scan, today) {
            Verdict::Wait if elapsed > SCAN_PATIENCE => {
                return Err(outcome::no_scan(image, "no result", "the scan did not end within 10 minutes").into());
            }
            Verdict::Wait => doing.progress(Progress::Scan { status: "scanning".into() }),
            Verdict::Block { blocking, expired } => return Err(outcome::blocked(image, &blocking, &expired).into()),
            Verdict::Unknown { status, description, allowed: Unscannable::Refuse } => {
                return Err(outcome::no_scan(image, &status, &description).into());
            }
            verdict @ (Verdict::Pass { .. } | Verdict::Unknown { .. }) => {
                return Ok(Done { output: Output::Passed, result: StepResult::Gate { verdict } });
            }
        }
        clock.sleep(pace.next(elapsed)).await;
    }
}
