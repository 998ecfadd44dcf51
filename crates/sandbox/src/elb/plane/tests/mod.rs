//! The data plane against small servers in this process: real sockets, virtual time twenty times as fast.

mod balance;
mod health;
mod listeners;
mod proxying;
mod world;
