//! The operating system and its package databases.

use serde::{Deserialize, Serialize};

use super::{Ecosystem, Listed};

/// An operating system (`os-release`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// `ID`, e.g. `debian`.
    pub id: String,
    /// `VERSION_ID`, e.g. `12`; a rolling distribution has none.
    pub version: Option<String>,
    /// `PRETTY_NAME`, e.g. `Debian GNU/Linux 12 (bookworm)`.
    pub name: Option<String>,
}

impl System {
    /// Reads an `os-release` file; none when it does not name a system.
    pub fn read(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let named = text.lines().filter_map(|line| line.trim().split_once('=')).filter(|(name, _)| *name == key);
            named.map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned()).rfind(|value| !value.is_empty())
        };
        Some(Self { id: value("ID")?, version: value("VERSION_ID"), name: value("PRETTY_NAME") })
    }
}

/// The installed packages of `/var/lib/dpkg/status`, or of a file in `status.d` of images without dpkg.
pub(super) fn dpkg(text: &str) -> Vec<Listed> {
    text.replace("\r\n", "\n").split("\n\n").filter_map(of_dpkg).collect()
}

fn of_dpkg(paragraph: &str) -> Option<Listed> {
    let field = |name: &str| {
        // A line that goes on with a field above it begins with a space.
        let named = paragraph.lines().filter(|line| !line.starts_with([' ', '\t'])).filter_map(|line| line.split_once(':'));
        let mut named = named.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
        named.next().filter(|value| !value.is_empty())
    };
    let (name, version) = (field("Package")?, field("Version")?);
    // `status.d` has no Status: what is listed there is installed.
    if field("Status").is_some_and(|status| !status.ends_with(" installed")) {
        return None;
    }
    let source = field("Source").map(|source| source.split_once(" (").map_or(source, |(source, _)| source));
    Some(Listed {
        name: name.to_owned(),
        version: version.to_owned(),
        ecosystem: Ecosystem::Deb,
        architecture: field("Architecture").map(str::to_owned),
        source: source.filter(|source| *source != name).map(str::to_owned),
        license: None,
    })
}

/// The installed packages of `/lib/apk/db/installed`.
pub(super) fn apk(text: &str) -> Vec<Listed> {
    text.split("\n\n").filter_map(of_apk).collect()
}

fn of_apk(paragraph: &str) -> Option<Listed> {
    let field = |name: &str| {
        let named = paragraph.lines().filter_map(|line| line.split_once(':'));
        named.filter(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned()).find(|value| !value.is_empty())
    };
    let (name, version) = (field("P")?, field("V")?);
    Some(Listed {
        source: field("o").filter(|origin| *origin != name),
        architecture: field("A"),
        license: field("L"),
        ecosystem: Ecosystem::Apk,
        name,
        version,
    })
}
