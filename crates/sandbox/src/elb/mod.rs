//! The sandbox's load balancer: ELBv2's operations, and a real HTTP data plane behind them.

pub mod targets;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::task::JoinHandle;

use crate::dispatch::Table;
use crate::loops::Loops;

/// Load balancers, listeners, rules, target groups and their targets.
#[derive(Debug, Default)]
pub struct Elb {}

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[];

/// Starts what binds listeners, checks targets and drains them; each task ends by itself when `loops.stop` is cancelled.
pub fn start(_loops: &Loops) -> Vec<JoinHandle<()>> {
    Vec::new()
}

impl Elb {
    /// Where listeners really listen: load balancer name -> listener port -> address on the loopback.
    pub fn addresses(&self) -> BTreeMap<String, BTreeMap<u16, SocketAddr>> {
        BTreeMap::new()
    }
}
