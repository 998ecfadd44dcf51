//! Deployments in a simulated world: told ones by table, random ones by property.

mod properties;
mod table;
mod world;
