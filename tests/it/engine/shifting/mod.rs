//! Shifts of traffic through the engine: every strategy with every outcome, cut anywhere, answered from elsewhere.

mod cuts;
mod elsewhere;
mod outcomes;
mod stories;
mod tales;
mod troubles;
