//! Strategies that shift traffic through the real program: real containers, a client that asks all the time, and a table of
//! what it got.

mod application;
mod client;
mod group;
mod program;
mod runs;
mod site;
mod strategy;
mod table;
mod world;
