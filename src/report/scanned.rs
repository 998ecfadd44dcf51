//! What `shipit scan` has found, image by image: a table for a person, JSON for a program.

use serde_json::{Value, json};
use shipit_core::gate::{Fix, Judged, Judgement, Record, Severity, Standing, Verdict, Waiver};
use shipit_core::release::Digest;

use super::Colour;
use super::ink::{Line, Style};
use super::words;

/// An image that was held at the gate.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// Its name in the pipeline file, or what was asked for.
    pub name: String,
    /// The ECR repository's name.
    pub repository: String,
    /// The image.
    pub digest: Digest,
    /// What the gate says.
    pub judgement: Judgement,
}

/// All images, each with a table of its findings; then the waivers that do nothing.
pub fn table(images: &[Scanned], colour: Colour) -> String {
    let idle = idle(images);
    let blocks = images.iter().map(block).chain((!idle.is_empty()).then_some(idle));
    let painted = |lines: Vec<Line>| lines.iter().map(|line| line.paint(usize::MAX, colour)).collect::<Vec<_>>().join("\n");
    blocks.map(painted).collect::<Vec<_>>().join("\n\n")
}

/// All images with all their findings.
pub fn json(images: &[Scanned]) -> Value {
    let image = |image: &Scanned| {
        json!({
            "image": image.name,
            "repository": image.repository,
            "digest": image.digest,
            "gate": image.judgement.verdict,
            "findings": image.judgement.findings,
        })
    };
    json!({"images": images.iter().map(image).collect::<Vec<_>>()})
}

fn block(image: &Scanned) -> Vec<Line> {
    let Judgement { verdict, findings } = &image.judgement;
    let (style, word) = match verdict {
        Verdict::Pass(_) => (Style::Good, "passes".to_owned()),
        Verdict::Block { exceeded, .. } => {
            let found = exceeded.iter().map(|limit| limit.found).max().unwrap_or_default();
            (Style::Bad, format!("stopped by {}", words::count(found as u64, "finding")))
        }
        Verdict::Unknown { without, .. } => (Style::Bad, format!("no usable result: {}", without.status)),
        Verdict::Wait { status } => (Style::Warn, format!("no result yet: {status}")),
    };
    let mut lines = vec![
        Line::new()
            .add(Style::Bold, &image.name)
            .add(Style::Plain, format!("  {}@{}  ", image.repository, image.digest.short()))
            .add(style, word),
    ];
    if let Verdict::Unknown { without, .. } = verdict {
        let of = without.platform.as_ref().map_or_else(String::new, |platform| format!("{platform}: "));
        lines.push(Line::new().add(Style::Dim, format!("  {of}{}", without.description)));
    } else if let Some(record) = verdict.record() {
        let counts = record.counts.iter().map(|(severity, count)| format!("{} {severity}", words::number(*count as u64)));
        let counts =
            if record.counts.is_empty() { "nothing was found".to_owned() } else { counts.collect::<Vec<_>>().join(", ") };
        let scanned = record.scanned_at.map(|at| format!("; scanned {at:.0}")).unwrap_or_default();
        let database = record.database_at.map(|at| format!(", database of {at:.0}")).unwrap_or_default();
        lines.push(Line::new().add(Style::Dim, format!("  {counts}{scanned}{database}")));
    }
    lines.extend(rows(findings));
    lines
}

/// Waivers that have ended, and those of nothing that was found in any image.
fn idle(images: &[Scanned]) -> Vec<Line> {
    let records: Vec<&Record> = images.iter().filter_map(|image| image.judgement.verdict.record()).collect();
    let Some(first) = records.first() else { return Vec::new() };
    let ended = first.expired.iter().map(|waiver| (format!("the waiver ended on {}", waiver.until), waiver));
    let unused = first.unused.iter().filter(|waiver| records.iter().all(|record| record.unused.contains(waiver)));
    let unused = unused.map(|waiver| ("the waiver is of nothing that was found".to_owned(), waiver));
    let line = |(what, waiver): (String, &Waiver)| {
        Line::new().add(Style::Warn, &waiver.id).add(Style::Plain, format!("  {what}, {}", waiver.place))
    };
    ended.chain(unused).map(line).collect()
}

const HEAD: [&str; 5] = ["severity", "finding", "package", "version", "fixed in"];

fn rows(findings: &[Judged]) -> Vec<Line> {
    if findings.is_empty() {
        return Vec::new();
    }
    let cells: Vec<[String; 5]> = findings.iter().map(cells).collect();
    let mut widths = HEAD.map(str::len);
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let padded = |row: [&str; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  "))
    };
    let head = Line::new().add(Style::Dim, padded(HEAD).trim_end());
    let row = |(judged, cells): (&Judged, &[String; 5])| {
        let [a, b, c, d, e] = cells;
        let (style, standing) = standing(judged);
        let text = padded([a, b, c, d, e]);
        let colour = if style == Style::Bad { Style::Bad } else { Style::Plain };
        if standing.is_empty() {
            Line::new().add(colour, text.trim_end())
        } else {
            Line::new().add(colour, text).add(style, format!("  {standing}"))
        }
    };
    std::iter::once(head).chain(findings.iter().zip(&cells).map(row)).collect()
}

fn cells(judged: &Judged) -> [String; 5] {
    let finding = &judged.finding;
    let severity = if finding.severity == Severity::Unknown { "unknown".to_owned() } else { finding.severity.to_string() };
    let fixed = match &finding.fix {
        Fix::In(version) => version.clone(),
        Fix::Some => "a fix is out".to_owned(),
        Fix::None => "no fix yet".to_owned(),
        Fix::Untold => "-".to_owned(),
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    [severity, finding.id.clone(), text(&finding.package), text(&finding.version), fixed]
}

fn standing(judged: &Judged) -> (Style, String) {
    let of = match judged.platforms.as_slice() {
        [] => String::new(),
        platforms => format!(" ({})", words::list(platforms)),
    };
    match &judged.standing {
        Standing::Blocks => (Style::Bad, format!("blocks{of}")),
        Standing::Waived { by } => (Style::Warn, format!("waived until {}: {}{of}", by.until, by.reason)),
        Standing::Known => (Style::Warn, format!("runs already{of}")),
        Standing::Unfixed => (Style::Warn, format!("nothing fixes it{of}")),
        Standing::Tolerated => (Style::Plain, of.trim_start().to_owned()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::{SignedDuration, Timestamp};
    use shipit_core::gate::{Finding, GatePolicy, ImageScan, Known, Scan, Sight, Status, judge};

    use super::*;

    fn finding(id: &str, severity: Severity, package: &str, fix: Fix) -> Finding {
        let url = Some(format!("https://nvd.nist.gov/vuln/detail/{id}"));
        Finding { id: id.into(), severity, package: Some(package.into()), version: Some("2.9.10".into()), fix, url }
    }

    fn waiver(id: &str, until: &str) -> Waiver {
        let (until, place) = (until.parse().unwrap(), "shipit.yaml:14:7".to_owned());
        Waiver { id: id.into(), package: None, until, reason: "not reachable (SEC-77)".into(), place }
    }

    fn scanned(name: &str, scans: &[ImageScan], running: &[Vec<ImageScan>]) -> Scanned {
        let waivers =
            vec![waiver("CVE-2026-2", "2027-01-31"), waiver("CVE-2025-9", "2025-12-31"), waiver("CVE-2026-8", "2027-01-31")];
        let policy = GatePolicy { waivers, known: Known::Passes, ..GatePolicy::default() };
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let judgement = judge(&policy, &Sight { now, waited: SignedDuration::ZERO, scans, before: None, running });
        let (repository, digest) = (format!("storefront/{name}"), Digest(format!("sha256:{:a<64}", "9c1e")));
        Scanned { name: name.to_owned(), repository, digest, judgement }
    }

    /// One of two platforms is stopped; one image has no result.
    pub fn images() -> Vec<Scanned> {
        let at = Some(Timestamp::from_second(1_794_990_000).unwrap());
        let complete =
            |findings: Vec<Finding>| Scan { findings, completed_at: at, source_updated_at: at, ..Scan::of(Status::Complete, "") };
        let of = |platform: &str, scan| ImageScan { platform: Some(platform.into()), scan };
        let both = finding("CVE-2026-1", Severity::Critical, "openssl", Fix::In("3.0.12".into()));
        let waived = finding("CVE-2026-2", Severity::High, "libxml2", Fix::None);
        let known = finding("CVE-2026-3", Severity::High, "zlib", Fix::Untold);
        let low = finding("CVE-2026-4", Severity::Low, "busybox", Fix::Some);
        let running = vec![ImageScan { platform: None, scan: complete(vec![known.clone()]) }];
        let scans =
            [of("linux/amd64", complete(vec![low, both.clone(), waived, known])), of("linux/arm64", complete(vec![both]))];
        let unsupported = Scan::of(Status::UnsupportedImage, "the operating system is not supported");
        vec![scanned("backend", &scans, &[running]), scanned("frontend", &[ImageScan { platform: None, scan: unsupported }], &[])]
    }

    #[test]
    fn a_table_says_what_stops_what_is_let_pass_and_what_would_fix_it() {
        insta::assert_snapshot!(table(&images(), Colour::No), @r"
        backend  storefront/backend@sha256:9c1eaaaaaaaa  stopped by 1 finding
          1 critical, 2 high, 1 low; scanned 2026-11-18T08:20:00Z, database of 2026-11-18T08:20:00Z
          severity  finding     package  version  fixed in
          critical  CVE-2026-1  openssl  2.9.10   3.0.12        blocks (linux/amd64 and linux/arm64)
          high      CVE-2026-2  libxml2  2.9.10   no fix yet    waived until 2027-01-31: not reachable (SEC-77) (linux/amd64)
          high      CVE-2026-3  zlib     2.9.10   -             runs already (linux/amd64)
          low       CVE-2026-4  busybox  2.9.10   a fix is out  (linux/amd64)

        frontend  storefront/frontend@sha256:9c1eaaaaaaaa  no usable result: UNSUPPORTED_IMAGE
          the operating system is not supported

        CVE-2025-9  the waiver ended on 2025-12-31, shipit.yaml:14:7
        CVE-2026-8  the waiver is of nothing that was found, shipit.yaml:14:7
        ");
    }

    #[test]
    fn json_has_every_finding_and_where_it_stands() {
        let json = json(&images());
        let standing = |at: usize| json["images"][0]["findings"][at]["standing"].as_str().unwrap().to_owned();
        assert_eq!((0..4).map(standing).collect::<Vec<_>>(), ["blocks", "waived", "known", "tolerated"]);
        assert_eq!(json["images"][0]["findings"][1]["by"]["place"], "shipit.yaml:14:7");
        assert_eq!(json["images"][0]["gate"]["verdict"], "block");
        assert_eq!(json["images"][1]["gate"]["without"]["status"], "UNSUPPORTED_IMAGE");
    }
}
