//! The map of the house.
//!
//! A deploy flows one way: [`cli`] parses and picks reporters, [`config`] reads the pipeline file, [`app`] joins ports
//! and adapters, [`engine`] observes, plans (in `shipit_core`), runs and unwinds, [`report`] folds the events.

pub mod adapter;
pub mod app;
pub mod cli;
pub mod config;
pub mod engine;
pub mod port;
pub mod report;
