//! The scheduler against the published tables, in stories, and in every world that proptest thinks of.

mod failures;
mod held;
mod properties;
mod rolling;
mod script;
mod shift_properties;
mod shift_script;
mod shift_traffic;
mod stages;
mod superseded;
mod tables;
mod turning;
mod world;
