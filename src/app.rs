//! The one place where ports meet adapters: AWS, or the sandbox, which is reached by its endpoint URL alone.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Pipeline;
use shipit_sandbox::endpoints::Endpoints;

use crate::adapter::aws;
use crate::adapter::docker::Docker;
use crate::adapter::files::Files;
use crate::adapter::git::Git;
use crate::port::{Clock, Ports};

/// What a command is carried out against.
#[derive(Clone, Debug)]
pub enum Target {
    /// AWS, with credentials found as the AWS CLI finds them.
    Aws {
        /// The region, if the file or a flag names one.
        region: Option<String>,
        /// The profile.
        profile: Option<String>,
        /// A role to assume.
        assume_role: Option<String>,
    },
    /// The sandbox of the pipeline file in this folder.
    Sandbox {
        /// The folder of the pipeline file.
        folder: PathBuf,
    },
}

/// The joined world.
pub struct Connected {
    /// All ports.
    pub ports: Ports,
    /// AWS's time.
    pub clock: Clock,
    /// The region in force.
    pub region: String,
}
