//! The scheduler against the published tables, in stories, and in every world that proptest thinks of.

mod failures;
mod properties;
mod rolling;
mod script;
mod stages;
mod tables;
mod world;
