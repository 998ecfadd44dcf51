//! Strangers as judges of the sandbox: the AWS CLI, boto3, docker and skopeo as its clients, traffic and containers behind it.

mod cli;
mod faults;
mod instances;
mod load;
mod percents;
mod referrers;
mod registry;
mod sdk;
pub mod storefront;
