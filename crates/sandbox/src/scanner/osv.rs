//! The members of the OSV format that matter for packages of an operating system (ossf.github.io/osv-schema, 1.6).

use serde::Deserialize;

/// An advisory as it is published.
#[derive(Clone, Debug, Deserialize)]
pub struct Osv {
    /// Its id, e.g. `DEBIAN-CVE-2024-0727`.
    pub id: String,
    /// RFC 3339; a withdrawn advisory says nothing.
    pub withdrawn: Option<String>,
    /// The same vulnerability under other ids.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The vulnerabilities it was made from.
    #[serde(default)]
    pub upstream: Vec<String>,
    /// One line.
    #[serde(default)]
    pub summary: String,
    /// The whole text.
    #[serde(default)]
    pub details: String,
    /// Ratings.
    #[serde(default)]
    severity: Vec<Rating>,
    /// What it affects.
    #[serde(default)]
    pub affected: Vec<Affected>,
    /// Where to read more.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// The database's own words.
    #[serde(default)]
    pub database_specific: Words,
}

/// A rating: a CVSS vector or a vendor's word.
#[derive(Clone, Debug, Deserialize)]
pub struct Rating {
    /// `CVSS_V3`, `Ubuntu`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The vector or the word.
    pub score: String,
}

/// An affected package.
#[derive(Clone, Debug, Deserialize)]
pub struct Affected {
    /// Which.
    pub package: Option<Named>,
    /// Ratings for this package.
    #[serde(default)]
    severity: Vec<Rating>,
    /// Affected ranges.
    #[serde(default)]
    pub ranges: Vec<Range>,
    /// Affected versions, one by one.
    #[serde(default)]
    pub versions: Vec<String>,
    /// The ecosystem's own words.
    #[serde(default)]
    pub ecosystem_specific: Words,
    /// The database's own words.
    #[serde(default)]
    pub database_specific: Words,
}

/// A package's name in an ecosystem.
#[derive(Clone, Debug, Deserialize)]
pub struct Named {
    /// E.g. `Debian:12`.
    pub ecosystem: String,
    /// E.g. `openssl`: the source package.
    pub name: String,
}

/// A range of versions.
#[derive(Clone, Debug, Deserialize)]
pub struct Range {
    /// Only `ECOSYSTEM` ranges speak of package versions.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it begins and ends.
    #[serde(default)]
    pub events: Vec<Event>,
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Affected from this version on; `0` is before everything.
    Introduced(String),
    /// No longer affected from this version on.
    Fixed(String),
    /// The last affected version.
    LastAffected(String),
    /// Not looked at beyond this version.
    Limit(String),
}

/// A link.
#[derive(Clone, Debug, Deserialize)]
pub struct Reference {
    /// `ADVISORY`, `WEB`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Where.
    pub url: String,
}

/// The words of a database about severity.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Words {
    /// E.g. `HIGH`.
    #[serde(default, deserialize_with = "word")]
    pub severity: Option<String>,
    /// Debian's, e.g. `not yet assigned`.
    #[serde(default, deserialize_with = "word")]
    pub urgency: Option<String>,
}

/// Databases put what they like there; only a string is a word.
fn word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}

impl Osv {
    /// The ratings of an affected package: its own, then the advisory's.
    pub fn ratings<'a>(&'a self, affected: &'a Affected) -> impl Iterator<Item = &'a Rating> {
        affected.severity.iter().chain(&self.severity)
    }

    /// Its CVE, where it has one.
    pub fn cve(&self) -> &str {
        let ids = [&self.id].into_iter().chain(&self.aliases).chain(&self.upstream);
        let cve = ids.map(String::as_str).find(|id| id.starts_with("CVE-"));
        let after_vendor = self.id.split_once('-').map(|(_, rest)| rest);
        cve.or_else(|| after_vendor.filter(|rest| rest.starts_with("CVE-"))).unwrap_or(&self.id)
    }
}
