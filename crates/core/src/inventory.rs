//! What is installed in an image, as its own files tell: the package databases of its system, of Python and of Node.

mod languages;
mod layers;
mod purl;
mod system;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::release::Digest;

pub use layers::{Gone, Layer};
pub use system::System;

/// What is installed in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Its operating system; an image may have none.
    pub system: Option<System>,
    /// Its packages, by package URL, then by place.
    pub packages: Vec<Package>,
    /// Databases in a format that is not read: what they list is missing above.
    pub unread: Vec<Place>,
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its package URL (`pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12`).
    pub purl: String,
    /// What its database says of it.
    pub listed: Listed,
    /// Where it is listed.
    pub found: Place,
}

/// A package as a database lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listed {
    /// Its name, e.g. `libssl3`, `@scope/name`.
    pub name: String,
    /// Its version, e.g. `3.0.11-1~deb12u2`.
    pub version: String,
    /// Whose package it is.
    pub ecosystem: Ecosystem,
    /// Its architecture, where the database says.
    pub architecture: Option<String>,
    /// The source package that it was built from, where that has another name: the name in Debian's and Alpine's advisories.
    pub source: Option<String>,
    /// Its licence in the database's words.
    pub license: Option<String>,
}

/// Who names and numbers packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ecosystem {
    /// dpkg: Debian, Ubuntu and what is made of them.
    Deb,
    /// Alpine and what is made of it.
    Apk,
    /// Python.
    Pypi,
    /// Node.
    Npm,
}

/// A file in a layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Its path, without a leading slash.
    pub path: String,
    /// The layer that wrote it, by the digest of its uncompressed tar.
    pub layer: Digest,
}

/// What to do with a file of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It is to be read whole, and given to [`read`].
    Content,
    /// That it is there says enough.
    Presence,
}

/// What a file told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Which system it is.
    System(System),
    /// What is installed.
    Packages(Vec<Listed>),
    /// Something is installed, but what is not read.
    Unread,
}

const OS_RELEASE: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];
const DPKG: &str = "var/lib/dpkg/status";
/// Images without dpkg have a file for each package here.
const DPKG_FOLDER: &str = "var/lib/dpkg/status.d/";
const APK: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];
/// RPM's databases, in the formats that it had.
const RPM: [&str; 4] = ["Packages", "Packages.db", "rpmdb.sqlite", "Index.db"];

/// Whether the inventory wants the file at that path, which has no leading slash.
pub fn wanted(path: &str) -> Option<Wanted> {
    let is_rpm = || {
        let name = path.strip_prefix("var/lib/rpm/").or_else(|| path.strip_prefix("usr/lib/sysimage/rpm/"));
        name.is_some_and(|name| RPM.contains(&name))
    };
    let is_database = OS_RELEASE.contains(&path) || path == DPKG || path.starts_with(DPKG_FOLDER) || APK.contains(&path);
    if is_database || languages::is_python(path) || languages::is_node(path) {
        Some(Wanted::Content)
    } else {
        is_rpm().then_some(Wanted::Presence)
    }
}

/// What the file at that path tells; none where nothing of it is installed.
pub fn read(path: &str, content: &[u8]) -> Option<Told> {
    let text = String::from_utf8_lossy(content);
    let listed = if OS_RELEASE.contains(&path) {
        return System::read(&text).map(Told::System);
    } else if path == DPKG || path.starts_with(DPKG_FOLDER) {
        system::dpkg(&text)
    } else if APK.contains(&path) {
        system::apk(&text)
    } else if languages::is_python(path) {
        languages::python(&text).into_iter().collect()
    } else {
        languages::node(&text).into_iter().collect()
    };
    (!listed.is_empty()).then_some(Told::Packages(listed))
}

impl Inventory {
    /// What is installed when these layers lie on each other, lowest first.
    pub fn of(layers: Vec<Layer>) -> Inventory {
        let files = layers::stack(layers);
        let system = OS_RELEASE.iter().find_map(|path| match files.get(*path) {
            Some((Told::System(system), _)) => Some(system.clone()),
            _ => None,
        });
        let mut inventory = Inventory { system, ..Inventory::default() };
        for (path, (told, layer)) in files {
            let found = Place { path, layer };
            match told {
                Told::System(_) => {}
                Told::Unread => inventory.unread.push(found),
                Told::Packages(listed) => {
                    let system = inventory.system.as_ref();
                    let package = |listed| Package { purl: purl::of(&listed, system), listed, found: found.clone() };
                    inventory.packages.extend(listed.into_iter().map(package));
                }
            }
        }
        inventory.packages.sort();
        inventory
    }
}
