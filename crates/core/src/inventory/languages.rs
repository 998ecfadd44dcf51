//! Packages of Python and of Node, each described by a file of its own where it is installed.

use serde::Deserialize;
use serde_json::Value;

use super::{Ecosystem, Listed};

/// Longer than a licence's name is its text.
const LICENSE: usize = 100;

/// Core metadata of an installed distribution (packaging.python.org, "Recording installed projects").
pub(super) fn is_python(path: &str) -> bool {
    path.ends_with(".dist-info/METADATA") || path.ends_with(".egg-info/PKG-INFO")
}

/// The `package.json` of a package that npm has installed: `node_modules/<name>` or `node_modules/@<scope>/<name>`.
pub(super) fn is_node(path: &str) -> bool {
    let Some(folder) = path.strip_suffix("/package.json") else { return false };
    let mut above = folder.rsplit('/').skip(1);
    match above.next() {
        Some("node_modules") => true,
        Some(scope) => scope.starts_with('@') && above.next() == Some("node_modules"),
        None => false,
    }
}

pub(super) fn python(text: &str) -> Option<Listed> {
    let header = || text.lines().take_while(|line| !line.trim().is_empty());
    let field = |name: &str| {
        let named = header().filter_map(|line| line.split_once(':')).filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim()).find(|value| !value.is_empty()).map(str::to_owned)
    };
    let license = || field("License").filter(|text| text.len() <= LICENSE && text != "UNKNOWN");
    Some(Listed {
        name: field("Name")?,
        version: field("Version")?,
        ecosystem: Ecosystem::Pypi,
        architecture: None,
        source: None,
        license: field("License-Expression").or_else(license),
    })
}

#[derive(Deserialize)]
struct Manifest {
    name: String,
    version: String,
    #[serde(default)]
    license: Value,
}

pub(super) fn node(text: &str) -> Option<Listed> {
    let Manifest { name, version, license } = serde_json::from_str(text).ok()?;
    if name.is_empty() || version.is_empty() {
        return None;
    }
    let license = license.as_str().or_else(|| license.get("type")?.as_str()).filter(|text| text.len() <= LICENSE);
    let license = license.map(str::to_owned);
    Some(Listed { name, version, ecosystem: Ecosystem::Npm, architecture: None, source: None, license })
}
