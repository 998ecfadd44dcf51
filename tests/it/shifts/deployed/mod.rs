//! Strategies that shift traffic through the real program: real containers, a client that asks all the time, and a table of
//! what it got.

mod alarms;
mod application;
mod client;
mod codedeploy;
mod group;
mod judged;
mod matrix;
mod outcome;
mod place;
mod play;
mod program;
mod runs;
mod site;
mod strategy;
mod table;
mod world;
