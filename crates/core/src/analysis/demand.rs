//! What a judge asks for before it can let a candidate pass: for the pipeline file.

use jiff::SignedDuration;

use super::look::SETTLED;
use super::{Judge, MINUTE, errors, levels};

impl Judge {
    /// So long a share must have lasted at least before it can pass, whatever comes: minutes settle late, and two looks must
    /// agree.
    pub fn soonest(&self) -> SignedDuration {
        let levels = self.latency.is_some() || !self.metrics.is_empty();
        let of_levels = MINUTE * i32::try_from(levels::LEAST).unwrap_or(i32::MAX);
        match (levels, self.errors) {
            (true, _) => of_levels + SETTLED,
            (false, Some(_)) => MINUTE + SETTLED,
            (false, None) => MINUTE,
        }
    }

    /// So many requests the candidate and the stable version must each have served, without any error, before the candidate
    /// can pass; none where errors are not judged. With errors it takes more.
    pub fn clean_requests(&self) -> Option<u64> {
        self.errors.map(errors::clean_requests)
    }
}
