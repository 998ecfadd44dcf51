//! What is installed in an image: its system and its packages.

use serde::{Deserialize, Serialize};

use super::layers::{Layer, LayerError, read};
use super::{System, apk, dpkg};

/// A package as the image's own database lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name, e.g. `libssl3`.
    pub name: String,
    /// Its version, e.g. `3.0.11-1~deb12u2`.
    pub version: String,
    /// The source package it was built from, e.g. `openssl`: the name in Debian's and Alpine's advisories.
    pub source: String,
    /// The source package's version.
    pub source_version: String,
    /// Its architecture; empty when the database does not say.
    pub architecture: String,
}

/// What a look into an image's layers found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Inventory {
    /// A known system with a package database.
    Installed {
        /// The system.
        system: System,
        /// The digest of the layer that wrote the database last.
        layer: String,
        /// Its packages.
        packages: Vec<Package>,
    },
    /// No system that the scanner knows, or no package database.
    Unsupported,
}

const OS_RELEASE: &[&str] = &["etc/os-release", "usr/lib/os-release"];
const DPKG: &str = "var/lib/dpkg/status";
const DPKG_FOLDER: &str = "var/lib/dpkg/status.d/";
const APK: &[&str] = &["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// Looks into the layers of an image, lowest first.
///
/// # Errors
/// A layer that cannot be read.
pub fn inventory(layers: &[Layer]) -> Result<Inventory, LayerError> {
    let files =
        read(layers, |path| OS_RELEASE.contains(&path) || APK.contains(&path) || path == DPKG || path.starts_with(DPKG_FOLDER))?;
    let first = |paths: &[&str]| paths.iter().find_map(|path| files.get(*path));
    let system = first(OS_RELEASE).and_then(|file| System::read(&file.text()));
    let Some(system) = system.filter(|system| system.rules().is_some()) else {
        return Ok(Inventory::Unsupported);
    };

    let mut packages = Vec::new();
    let mut layer = None;
    for (path, file) in &files {
        if path == DPKG || path.starts_with(DPKG_FOLDER) {
            packages.extend(dpkg::packages(&file.text()));
            layer = Some(&file.layer);
        } else if APK.contains(&path.as_str()) {
            packages.extend(apk::packages(&file.text()));
            layer = Some(&file.layer);
        }
    }
    Ok(match layer {
        Some(layer) => Inventory::Installed { system, layer: layer.clone(), packages },
        None => Inventory::Unsupported,
    })
}
