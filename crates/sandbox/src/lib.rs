//! A local AWS for deploys: the wire protocols of the operations that deploys use, tasks as real containers on the
//! local Docker Engine, a load balancer with real traffic. It knows no shipit type but the scheduler.
//!
//! Reading order: [`state`] (one value behind one lock), [`dispatch`] (operation -> handler, by table), [`wire`] (bytes
//! <-> JSON values), [`server`] (one port for all AWS APIs; what it is told at the start), [`loops`] (what watches the world),
//! [`faults`] (what goes wrong on request), [`functions`] (Lambda functions of a test), [`seed`] (what there is at the
//! beginning), [`endpoints`], [`owner`] and [`engine`] (how it is found, and how it leaves nothing behind), [`client`] (its
//! admin API from outside), then a folder a service:
//! [`sts`], [`ecr`] with [`registry`] and [`scanner`], [`ecs`], [`elb`], [`codedeploy`], [`logs`],
//! [`cloudwatch`], [`secretsmanager`], [`ssm`], [`iam`], [`codepipeline`] with [`s3`].

mod admin;
pub mod client;
pub mod clock;
pub mod cloudwatch;
pub mod codedeploy;
pub mod codepipeline;
pub mod dispatch;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod endpoints;
pub mod engine;
pub mod error;
pub mod eventbridge;
pub mod faults;
pub mod functions;
pub mod iam;
pub mod logs;
pub mod loops;
pub mod owner;
mod record;
pub mod registry;
pub mod s3;
pub mod scanner;
mod sealed;
pub mod secretsmanager;
pub mod seed;
pub mod server;
pub mod ssm;
pub mod state;
pub mod sts;
pub mod wire;

pub use server::{Options, Running, StartError, serve};
