//! ECS's own blue/green, canary and linear deployments in the sandbox, driven as a stranger would: by the AWS CLI and boto3,
//! with real containers and a client that asks all the time.

mod client;
mod commands;
mod deployed;
mod strategies;
mod world;
