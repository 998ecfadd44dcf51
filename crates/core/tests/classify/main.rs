//! From the texts of ECS and ELBv2 to one cause.

#![allow(clippy::unwrap_used, reason = "a test")]

mod given;
mod properties;
mod table;
