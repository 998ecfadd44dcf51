//! Shifts of traffic through the engine: every strategy with every outcome, cut anywhere, answered from elsewhere.

mod cuts;
mod elsewhere;
mod leftovers;
mod outcomes;
mod stories;
mod tales;
mod troubles;
