//! CodeDeploy in the sandbox: real task sets and traffic, driven by its API, by botocore's client and by the AWS CLI.

mod cli;
mod operations;
mod runs;
mod stage;
