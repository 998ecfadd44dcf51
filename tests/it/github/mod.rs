//! The GitHub action: its steps as a runner carries them out, and the workflows that use it.

pub mod action;
mod commands;
mod expression;
mod oidc;
pub mod runner;
mod sandbox;
mod workflows;
