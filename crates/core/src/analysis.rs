//! Is the candidate better, the same or worse than the stable version that served beside it in the same minutes, or can
//! that not be told yet? For people: `docs/analysis.md`.
//!
//! [`judge`](fn@judge) looks once; [`course`](fn@course) says what follows from all looks so far.

mod beside;
mod checks;
mod course;
mod demand;
mod errors;
mod finding;
mod levels;
mod look;
mod moved;
mod odds;
mod pairs;
mod samples;
mod toll;
mod wanted;
mod words;

pub use beside::Beside;
pub use course::{Course, Grounds, course};
pub use finding::{Count, Evidence, Finding, Judgement, Needs, Served, Sides, Unit, Verdict};
pub use look::judge;
pub use moved::Moved;
pub use samples::{AlarmState, Answered, MINUTE, Measured, Minute, Point, Probed, Samples};
pub use toll::Toll;
pub use wanted::{Errors, Judge, Latency, Level, Limit, Metric, Probe, Ratio};
pub use words::Percent;
