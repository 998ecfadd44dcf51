//! The integration tests: one binary.

mod aws;
mod config;
mod layers;
