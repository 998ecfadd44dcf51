//! Packages found in image layers, matched against OSV advisories.
