//! Where ports meet the world: AWS, the Engine, git, files.

pub mod aws;
