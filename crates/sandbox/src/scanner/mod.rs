//! Which known vulnerabilities an image has: packages found in its layers, matched against OSV advisories.
//!
//! Reading order: [`layers`] (the few files that matter, out of tar layers), [`inventory`] (system and packages),
//! [`advisory`] (OSV), [`matching`] (package + advisory = finding), [`version`] (what "earlier" means to each system).

pub mod advisory;
pub mod apk;
pub mod dpkg;
pub mod finding;
pub mod inventory;
pub mod layers;
pub mod matching;
pub mod osv;
pub mod severity;
pub mod system;
pub mod version;

pub use advisory::Advisories;
pub use finding::{Finding, Severity};
pub use inventory::{Inventory, Package, inventory};
pub use layers::Layer;
pub use matching::findings;
pub use system::System;
