//! Alpine's package database: `/lib/apk/db/installed`.

use super::inventory::Package;

/// The installed packages.
pub fn packages(text: &str) -> Vec<Package> {
    text.split("\n\n").filter_map(package).collect()
}

fn package(paragraph: &str) -> Option<Package> {
    let field = |name: &str| {
        paragraph
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.trim().to_owned())
    };
    let (name, version) = (field("P")?, field("V")?);
    Some(Package {
        source: field("o").unwrap_or_else(|| name.clone()),
        source_version: version.clone(),
        architecture: field("A").unwrap_or_default(),
        name,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_origins() {
        let packages = packages("C:Q1\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\no:openssl\nF:lib\n\nP:musl\nV:1.2.4-r2\n\n");
        assert_eq!(packages.len(), 2);
        assert_eq!((packages[0].name.as_str(), packages[0].source.as_str()), ("libcrypto3", "openssl"));
        assert_eq!(packages[1].source, "musl");
    }
}
