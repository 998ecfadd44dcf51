//! What the integration tests stand on: one consistent fake world behind all ports, and scenarios told in it.

pub mod ecs;
pub mod faults;
pub mod images;
pub mod revisions;
pub mod run;
pub mod scenario;
pub mod service_state;
pub mod services;
pub mod surroundings;
pub mod world;
