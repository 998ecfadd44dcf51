//! Which operating system an image has: `/etc/os-release`, and the names that advisories and AWS have for it.

use serde::{Deserialize, Serialize};

use super::version::Rules;

/// An operating system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// `ID`, e.g. `debian`.
    pub id: String,
    /// `VERSION_ID`, e.g. `12`.
    pub version: String,
}

impl System {
    /// Reads an `os-release` file; none when it does not name a system and its version.
    pub fn read(text: &str) -> Option<Self> {
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.trim().split_once('='))
                .filter(|(name, _)| *name == key)
                .map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned())
                .find(|value| !value.is_empty())
        };
        Some(Self { id: value("ID")?, version: value("VERSION_ID")? })
    }

    /// OSV's ecosystem is this system: `Debian:12`, `Alpine:v3.19`, `Ubuntu:22.04:LTS`.
    pub fn is(&self, ecosystem: &str) -> bool {
        let mut parts = ecosystem.split(':');
        let (name, version) = (parts.next().unwrap_or_default(), parts.next());
        match self.id.as_str() {
            "debian" => name == "Debian" && version == Some(self.major()),
            "ubuntu" => name == "Ubuntu" && version == Some(&self.version),
            "alpine" => {
                let minor = self.version.splitn(3, '.').take(2);
                name == "Alpine"
                    && version.and_then(|version| version.strip_prefix('v')) == Some(&minor.collect::<Vec<_>>().join("."))
            }
            _ => false,
        }
    }

    /// How its versions compare; none for a system that the scanner does not know.
    pub fn rules(&self) -> Option<Rules> {
        match self.id.as_str() {
            "debian" | "ubuntu" => Some(Rules::Dpkg),
            "alpine" => Some(Rules::Apk),
            _ => None,
        }
    }

    /// Inspector's name of the platform, e.g. `DEBIAN_12`.
    pub fn platform(&self) -> String {
        format!("{}_{}", self.id, self.version).to_uppercase().replace('.', "_")
    }

    fn major(&self) -> &str {
        self.version.split('.').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_systems() {
        let debian = System::read("NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n").unwrap();
        assert!(debian.is("Debian:12") && !debian.is("Debian:11") && !debian.is("Alpine:v3.19"));
        assert_eq!(debian.platform(), "DEBIAN_12");
        let alpine = System::read("ID=alpine\nVERSION_ID=3.19.1").unwrap();
        assert!(alpine.is("Alpine:v3.19") && !alpine.is("Alpine:v3.1"));
        let ubuntu = System::read("ID=ubuntu\nVERSION_ID='22.04'").unwrap();
        assert!(ubuntu.is("Ubuntu:22.04:LTS") && !ubuntu.is("Ubuntu:22.10"));
        assert_eq!(System::read("ID=debian\n"), None);
    }
}
