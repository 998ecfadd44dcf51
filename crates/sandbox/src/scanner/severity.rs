//! How bad an advisory is: the vendor's word, else the CVSS 3 base score of its vector.

use super::finding::{Cvss, Severity};
use super::osv::{Affected, Osv};

/// The severity of an advisory for one affected package.
pub fn severity(advisory: &Osv, affected: &Affected) -> Severity {
    let words = [
        affected.ecosystem_specific.severity.as_deref(),
        affected.ecosystem_specific.urgency.as_deref(),
        affected.database_specific.severity.as_deref(),
        affected.database_specific.urgency.as_deref(),
        advisory.database_specific.severity.as_deref(),
        advisory.ratings(affected).find(|rating| !rating.kind.starts_with("CVSS")).map(|rating| rating.score.as_str()),
    ];
    words
        .into_iter()
        .flatten()
        .map(Severity::read)
        .find(|severity| *severity != Severity::Undefined)
        .or_else(|| cvss(advisory, affected).map(|cvss| of_score(cvss.score)))
        .unwrap_or(Severity::Undefined)
}

/// The first CVSS 3 rating that can be scored.
pub fn cvss(advisory: &Osv, affected: &Affected) -> Option<Cvss> {
    advisory.ratings(affected).find_map(|rating| Some(Cvss { score: score(&rating.score)?, vector: rating.score.clone() }))
}

fn of_score(score: f64) -> Severity {
    match score {
        score if score >= 9.0 => Severity::Critical,
        score if score >= 7.0 => Severity::High,
        score if score >= 4.0 => Severity::Medium,
        score if score > 0.0 => Severity::Low,
        _ => Severity::Informational,
    }
}

/// The base score of a CVSS 3.0 or 3.1 vector (first.org, CVSS 3.1 specification, section 7.1 and appendix A).
pub fn score(vector: &str) -> Option<f64> {
    let metrics = vector.strip_prefix("CVSS:3.1/").or_else(|| vector.strip_prefix("CVSS:3.0/"))?;
    let metric = |name: &str| {
        metrics.split('/').filter_map(|metric| metric.split_once(':')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let impact_of = |name: &str| match metric(name)? {
        "H" => Some(0.56),
        "L" => Some(0.22),
        "N" => Some(0.0),
        _ => None,
    };
    let changed = match metric("S")? {
        "C" => true,
        "U" => false,
        _ => return None,
    };
    let vector_weight = match metric("AV")? {
        "N" => 0.85,
        "A" => 0.62,
        "L" => 0.55,
        "P" => 0.2,
        _ => return None,
    };
    let complexity = match metric("AC")? {
        "L" => 0.77,
        "H" => 0.44,
        _ => return None,
    };
    let privileges = match (metric("PR")?, changed) {
        ("N", _) => 0.85,
        ("L", false) => 0.62,
        ("L", true) => 0.68,
        ("H", false) => 0.27,
        ("H", true) => 0.5,
        _ => return None,
    };
    let interaction = match metric("UI")? {
        "N" => 0.85,
        "R" => 0.62,
        _ => return None,
    };
    let loss = 1.0 - (1.0 - impact_of("C")?) * (1.0 - impact_of("I")?) * (1.0 - impact_of("A")?);
    let impact = if changed { 7.52 * (loss - 0.029) - 3.25 * (loss - 0.02_f64).powi(15) } else { 6.42 * loss };
    if impact <= 0.0 {
        return Some(0.0);
    }
    let exploitability = 8.22 * vector_weight * complexity * privileges * interaction;
    let sum = impact + exploitability;
    Some(round_up(if changed { 1.08 * sum } else { sum }.min(10.0)))
}

/// To one decimal place, upwards, on integers as the specification asks.
fn round_up(value: f64) -> f64 {
    let scaled = (value * 100_000.0).round() as u64;
    if scaled.is_multiple_of(10_000) { scaled as f64 / 100_000.0 } else { (scaled / 10_000 + 1) as f64 / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_known_vulnerabilities() {
        // CVE-2021-44228, CVE-2014-0160, CVE-2016-5195, CVE-2019-0708 and the example of the specification.
        for (vector, expected) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5),
            ("CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.0),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
            ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0.0),
        ] {
            assert_eq!(score(vector), Some(expected), "{vector}");
        }
        assert_eq!(score("CVSS:2.0/AV:N"), None);
        assert_eq!(score("CVSS:3.1/AV:N"), None);
    }
}
