//! The integration tests: one binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod attested;
mod aws;
mod beside;
mod book;
mod clones;
mod codedeploy;
mod codepipeline;
mod config;
mod demo;
mod disks;
mod docker;
mod dossiers;
mod engine;
mod errors;
mod fallbacks;
mod gate;
mod github;
mod joining;
mod kept;
mod layers;
mod metrics;
mod networks;
mod notified;
mod pages;
mod pipelines;
mod placement;
mod push_order;
mod pushes;
mod releases;
mod routes;
mod shifts;
mod shifts_codedeploy;
mod strangers;
mod support;
mod together;
