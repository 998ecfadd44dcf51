//! Where ports meet the world: AWS, the Engine, git, files.

pub mod aws;
pub mod docker;
pub mod files;
pub mod git;
