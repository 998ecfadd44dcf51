//! What passes is waited out: a few attempts, longer apart each time, as long as the registry asks for.

use std::time::Duration;

use super::Trouble;

/// Attempts in all.
const ATTEMPTS: u32 = 6;
const FIRST: Duration = Duration::from_millis(250);
/// A registry that asks for longer is not waited for: the step above has more patience.
const LONGEST: Duration = Duration::from_secs(20);

/// How often something has been tried.
#[derive(Debug, Default)]
pub struct Patience {
    attempts: u32,
}

impl Patience {
    /// Waits until it may be tried again.
    ///
    /// # Errors
    /// The trouble itself, where it does not pass or has been met often enough.
    pub async fn after(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        self.attempts += 1;
        match trouble.passes().and_then(|asked| pause(self.attempts, asked)) {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
            None => Err(trouble),
        }
    }
}

/// How long to wait after that attempt; none when it was the last.
pub(super) fn pause(attempt: u32, asked: Option<Duration>) -> Option<Duration> {
    let ours = FIRST * 2_u32.saturating_pow(attempt.saturating_sub(1));
    let pause = asked.unwrap_or_default().max(ours);
    (attempt < ATTEMPTS && pause <= LONGEST).then_some(pause)
}
