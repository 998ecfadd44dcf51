//! Package + advisory = finding.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::finding::Finding;
use super::inventory::Package;
use super::osv::{Affected, Event, Osv, Range};
use super::severity::{cvss, severity};
use super::version::Rules;
use super::{Advisories, System};

/// What the advisories say about these packages: each vulnerability once a package name, the worst first.
pub fn findings(system: &System, packages: &[Package], advisories: &Advisories) -> Vec<Finding> {
    let Some(rules) = system.rules() else {
        return Vec::new();
    };
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        let of_source = versions.entry(&package.source).or_default();
        of_source.push(&package.source_version);
        if package.name != package.source {
            versions.entry(&package.name).or_default().push(&package.version);
        }
    }

    let mut found: BTreeMap<(&str, &str), Finding> = BTreeMap::new();
    for advisory in advisories.list.iter().filter(|osv| osv.withdrawn.is_none()) {
        for affected in &advisory.affected {
            let Some(named) = affected.package.as_ref().filter(|named| system.is(&named.ecosystem)) else {
                continue;
            };
            let installed = versions.get(named.name.as_str()).into_iter().flatten();
            if let Some(version) = installed.copied().find(|version| is_affected(rules, affected, version)) {
                found
                    .entry((advisory.cve(), &named.name))
                    .or_insert_with(|| finding(rules, advisory, affected, &named.name, version));
            }
        }
    }
    let mut findings: Vec<Finding> = found.into_values().collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn finding(rules: Rules, advisory: &Osv, affected: &Affected, package: &str, version: &str) -> Finding {
    let text = if advisory.details.is_empty() { &advisory.summary } else { &advisory.details };
    let advisories = advisory.references.iter().filter(|link| link.kind == "ADVISORY");
    let url = advisories.chain(&advisory.references).next();
    Finding {
        id: advisory.cve().to_owned(),
        severity: severity(advisory, affected),
        package: package.to_owned(),
        version: version.to_owned(),
        fixed: fixed(rules, affected, version),
        description: text.clone(),
        url: url.map(|link| link.url.clone()).unwrap_or_default(),
        cvss: cvss(advisory, affected),
    }
}

fn is_affected(rules: Rules, affected: &Affected, version: &str) -> bool {
    affected.versions.iter().any(|listed| listed == version) || ranges(affected).any(|range| is_in(rules, range, version))
}

fn ranges(affected: &Affected) -> impl Iterator<Item = &Range> {
    affected.ranges.iter().filter(|range| range.kind == "ECOSYSTEM")
}

/// OSV's evaluation: the last event at or before the version says whether it is affected.
fn is_in(rules: Rules, range: &Range, version: &str) -> bool {
    let mut events: Vec<&Event> = range.events.iter().collect();
    events.sort_by(|one, other| compare(rules, place(one), place(other)));
    let mut inside = false;
    for event in events {
        match event {
            Event::Introduced(from) if compare(rules, version, from) != Ordering::Less => inside = true,
            Event::Fixed(at) | Event::Limit(at) if compare(rules, version, at) != Ordering::Less => inside = false,
            Event::LastAffected(last) if compare(rules, version, last) == Ordering::Greater => inside = false,
            _ => {}
        }
    }
    inside
}

fn place(event: &Event) -> &str {
    match event {
        Event::Introduced(version) | Event::Fixed(version) | Event::LastAffected(version) | Event::Limit(version) => version,
    }
}

/// As the system compares, but `0` is OSV's word for before everything.
fn compare(rules: Rules, left: &str, right: &str) -> Ordering {
    match (left == "0", right == "0") {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => rules.compare(left, right),
    }
}

/// The first fix after the installed version.
fn fixed(rules: Rules, affected: &Affected, version: &str) -> Option<String> {
    let fixes = ranges(affected).flat_map(|range| &range.events).filter_map(|event| match event {
        Event::Fixed(fix) => Some(fix),
        _ => None,
    });
    fixes.filter(|fix| rules.compare(fix, version) == Ordering::Greater).min_by(|one, other| rules.compare(one, other)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scanner::layers::tests::layer;
    use crate::scanner::{Inventory, Severity, inventory};

    const ADVISORIES: &str = r#"[
      {"id": "DEBIAN-CVE-2024-0727", "modified": "2024-06-21T00:00:00Z", "upstream": ["CVE-2024-0727"], "details": "a crash",
       "references": [{"type": "ADVISORY", "url": "https://security-tracker.debian.org/tracker/CVE-2024-0727"}],
       "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H"}],
       "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"},
                     "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.13-1~deb12u1"}]}],
                     "ecosystem_specific": {"urgency": "not yet assigned"}},
                    {"package": {"ecosystem": "Debian:11", "name": "openssl"},
                     "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]},
      {"id": "CVE-2023-1", "affected": [{"package": {"ecosystem": "Debian:12", "name": "libssl3"}, "versions": ["3.0.11-1~deb12u2"],
                     "database_specific": {"severity": "CRITICAL"}}]},
      {"id": "CVE-2023-2", "withdrawn": "2024-01-01T00:00:00Z",
       "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"}, "versions": ["3.0.11-1~deb12u2"]}]},
      {"id": "CVE-2023-3", "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"},
                     "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.11-1~deb12u2"}]}]}]},
      {"id": "ALPINE-CVE-2023-4", "affected": [{"package": {"ecosystem": "Alpine:v3.19", "name": "openssl"},
                     "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "3.1.0-r0"}, {"last_affected": "3.1.4-r4"}]}]}]}
    ]"#;

    fn scan(files: &[(&str, &str)]) -> Option<Vec<Finding>> {
        let folder = tempfile::tempdir().unwrap();
        let found = inventory(&[layer(folder.path(), "1", files)]).unwrap();
        match found {
            Inventory::Installed { system, packages, .. } => {
                Some(findings(&system, &packages, &Advisories::parse(ADVISORIES).unwrap()))
            }
            Inventory::Unsupported => None,
        }
    }

    fn debian(version: &str) -> Vec<Finding> {
        let status = format!("Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: {version}\n");
        scan(&[
            ("usr/lib/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
            ("etc/os-release", ""),
            ("var/lib/dpkg/status", &status),
        ])
        .unwrap()
    }

    #[test]
    fn finds_what_is_affected_by_source_and_by_name() {
        let found = debian("3.0.11-1~deb12u2");
        let summary: Vec<_> = found.iter().map(|f| (f.id.as_str(), f.package.as_str(), f.severity)).collect();
        assert_eq!(summary, [("CVE-2023-1", "libssl3", Severity::Critical), ("CVE-2024-0727", "openssl", Severity::Medium)]);
        assert_eq!(found[1].fixed.as_deref(), Some("3.0.13-1~deb12u1"));
        assert_eq!(found[1].cvss.as_ref().unwrap().score, 5.5);
        assert_eq!(debian("3.0.13-1~deb12u1"), []);
    }

    #[test]
    fn the_last_affected_version_is_affected() {
        let alpine = |version: &str| {
            let installed = format!("P:libcrypto3\nV:{version}\no:openssl\n\n");
            scan(&[("etc/os-release", "ID=alpine\nVERSION_ID=3.19.0\n"), ("lib/apk/db/installed", &installed)]).unwrap().len()
        };
        assert_eq!((alpine("3.0.9-r0"), alpine("3.1.0-r0"), alpine("3.1.4-r4"), alpine("3.1.4-r5")), (0, 1, 1, 0));
    }

    #[test]
    fn without_system_or_database_nothing_can_be_said() {
        assert_eq!(scan(&[("bin/app", "x")]), None);
        assert_eq!(scan(&[("etc/os-release", "ID=debian\nVERSION_ID=12\n")]), None);
        assert_eq!(
            scan(&[("etc/os-release", "ID=plan9\nVERSION_ID=4\n"), ("var/lib/dpkg/status", "Package: a\nVersion: 1\n")]),
            None
        );
        assert_eq!(
            scan(&[("etc/os-release", "ID=debian\nVERSION_ID=12\n"), ("var/lib/dpkg/status.d/base", "Package: a\nVersion: 1\n")]),
            Some(vec![])
        );
    }
}
