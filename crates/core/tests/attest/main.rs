//! What is told about an image, and what is demanded of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod documents;
mod given;
mod properties;
mod table;
