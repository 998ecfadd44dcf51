//! Debian's package database: `/var/lib/dpkg/status`, and the files of `status.d` in images without dpkg.

use super::inventory::Package;

/// The installed packages.
pub fn packages(text: &str) -> Vec<Package> {
    text.replace("\r\n", "\n").split("\n\n").filter_map(package).collect()
}

fn package(paragraph: &str) -> Option<Package> {
    let field = |name: &str| {
        paragraph
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let (name, version) = (field("Package")?, field("Version")?);
    // `status.d` has no Status: what is listed there is installed.
    if field("Status").is_some_and(|status| !status.ends_with(" installed")) {
        return None;
    }
    let source = field("Source").unwrap_or(name);
    let (source, source_version) = match source.split_once(" (") {
        Some((source, version)) => (source, version.trim_end_matches(')')),
        None => (source, version),
    };
    Some(Package {
        name: name.to_owned(),
        version: version.to_owned(),
        source: source.to_owned(),
        source_version: source_version.to_owned(),
        architecture: field("Architecture").unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sources_and_leaves_out_what_was_removed() {
        let text = "Package: libssl3\nStatus: install ok installed\nSource: openssl\nArchitecture: amd64\n\
                    Version: 3.0.11-1\nDescription: a\n long: text\n\n\
                    Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                    Package: busybox-static\nStatus: install ok installed\nSource: busybox (1:1.35.0-4)\nVersion: 1:1.35.0-4+b3\n";
        let packages = packages(text);
        assert_eq!(packages.len(), 2);
        assert_eq!((packages[0].source.as_str(), packages[0].source_version.as_str()), ("openssl", "3.0.11-1"));
        assert_eq!((packages[1].source.as_str(), packages[1].source_version.as_str()), ("busybox", "1:1.35.0-4"));
        assert_eq!(packages[1].version, "1:1.35.0-4+b3");
    }
}
