//! The advisories that the sandbox knows: OSV files in a folder.

use std::fs;
use std::path::Path;

use super::osv::Osv;

/// All advisories.
#[derive(Clone, Debug, Default)]
pub struct Advisories {
    /// In the order of their files.
    pub list: Vec<Osv>,
}

impl Advisories {
    /// Reads all `*.json` of a folder; no folder, no advisories.
    ///
    /// # Errors
    /// A file that cannot be read or is not in OSV's format: which, and why.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let Ok(entries) = fs::read_dir(folder) else {
            return Ok(Self::default());
        };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        let mut list = Vec::new();
        for path in paths {
            let complain = |why: String| format!("advisory {}: {why}", path.display());
            let text = fs::read_to_string(&path).map_err(|error| complain(error.to_string()))?;
            list.extend(Self::parse(&text).map_err(complain)?.list);
        }
        Ok(Self { list })
    }

    /// Reads one advisory or a list of them.
    ///
    /// # Errors
    /// Why the text is not in OSV's format.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let list =
            if value.is_array() { serde_json::from_value(value) } else { serde_json::from_value(value).map(|one| vec![one]) };
        Ok(Self { list: list.map_err(|error| error.to_string())? })
    }
}
