//! Everything that goes wrong ends in success or in four parts that say what to do, and nothing is half done: made to happen for
//! real, by the sandbox's faults, the Engine and the disk.

mod denied;
mod midway;
mod refused;
mod strange;
