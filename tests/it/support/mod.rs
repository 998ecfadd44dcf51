//! What the integration tests stand on: one consistent fake world behind all ports, and scenarios told in it; a sandbox a
//! test, and its judges.

pub mod attestations;
pub mod browser;
pub mod conform;
pub mod disk;
pub mod ecs;
pub mod engine;
pub mod faults;
pub mod front;
pub mod http;
pub mod images;
pub mod property;
pub mod pushing;
pub mod registered;
pub mod revisions;
pub mod routed;
pub mod run;
pub mod sandbox;
pub mod scenario;
pub mod service_state;
pub mod services;
pub mod shifting;
pub mod shop;
pub mod stranger;
pub mod stream;
pub mod surroundings;
pub mod tmux;
pub mod traffic;
pub mod venv;
pub mod world;

/// What works has ended by then, on any machine and beside anything: a test that hangs ends with it.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);
