//! Where ports meet the world: AWS, the Engine, git, files.

pub mod aws;
mod content;
pub mod docker;
pub mod files;
pub mod git;
pub mod oci;
