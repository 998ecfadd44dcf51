//! The analysis: its rules one by one, what holds for all samples, and how often it errs (docs/analysis.md).

mod alone;
mod courses;
mod demand;
mod given;
mod page;
mod properties;
mod rollouts;
mod rules;
mod runs;
mod words;
