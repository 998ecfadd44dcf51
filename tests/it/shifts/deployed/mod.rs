//! Strategies that shift traffic through the real program: real containers, a client that asks all the time, and a table of
//! what it got.

mod alarms;
pub mod application;
mod client;
mod codedeploy;
mod group;
mod judged;
mod matrix;
mod outcome;
mod place;
mod play;
pub mod program;
mod runs;
pub mod site;
pub mod strategy;
mod table;
pub mod world;
