//! The GitHub action: its steps as a runner carries them out, and the workflows that use it.

mod action;
mod commands;
mod expression;
mod oidc;
mod runner;
mod sandbox;
mod workflows;
