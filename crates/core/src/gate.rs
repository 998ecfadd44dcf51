//! The scan gate: what the registry says of an image's scans, judged by the policy. What is not known fails closed, unless the
//! policy names its status.
//!
//! [`scan`] is what the registry says, [`policy`] what is wanted, [`judge()`] the judgement, [`verdict`] what it comes to, and what
//! goes on record.

pub mod finding;
mod judge;
pub mod policy;
pub mod scan;
pub mod verdict;

pub use finding::{Finding, Fix, Severity};
pub use judge::{Sight, judge};
pub use policy::{Allowable, GatePolicy, Known, Limit, Threshold, Unfixed, Waiver};
pub use scan::{Detail, ImageScan, Scan, Status};
pub use verdict::{Exceeded, Judged, Judgement, Lack, Record, Standing, Verdict, Without};
