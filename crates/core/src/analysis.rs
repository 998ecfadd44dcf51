//! Is the candidate better, the same or worse than the stable version that served beside it in the same minutes, or can
//! that not be told yet? For people: `docs/analysis.md`.
//!
//! A look ends in a [`Judgement`]; [`course`](fn@course) says what follows from all looks so far.

mod course;
mod finding;
mod samples;
mod wanted;

pub use course::{Course, Grounds, course};
pub use finding::{Count, Evidence, Finding, Judgement, Needs, Verdict};
pub use samples::{AlarmState, Answered, MINUTE, Measured, Minute, Point, Probed, Samples};
pub use wanted::{Errors, Judge, Latency, Level, Limit, Metric, Probe, Ratio};
