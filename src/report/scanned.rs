//! What `shipit scan` has found, image by image: a table for a person, JSON for a program.

use serde_json::{Value, json};
use shipit_core::gate::{Fix, Judged, Judgement, Severity, Standing, Verdict};
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

/// All images, each with a table of its findings.
pub fn table(images: &[Scanned], colour: Colour) -> String {
    let blocks: Vec<String> = images.iter().map(|image| block(image, colour)).collect();
    blocks.join("\n\n")
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

fn block(image: &Scanned, colour: Colour) -> String {
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
    if let Some(record) = verdict.record() {
        let counts = record.counts.iter().map(|(severity, count)| format!("{} {severity}", words::number(*count as u64)));
        let counts =
            if record.counts.is_empty() { "nothing was found".to_owned() } else { counts.collect::<Vec<_>>().join(", ") };
        let scanned = record.scanned_at.map(|at| format!("; scanned {at:.0}")).unwrap_or_default();
        let database = record.database_at.map(|at| format!(", database of {at:.0}")).unwrap_or_default();
        lines.push(Line::new().add(Style::Dim, format!("  {counts}{scanned}{database}")));
    }
    lines.extend(rows(findings));
    if let Some(record) = verdict.record() {
        let ended = record.expired.iter().map(|waiver| (format!("the waiver ended on {}", waiver.until), waiver));
        let unused = record.unused.iter().map(|waiver| ("the waiver is of nothing that was found".to_owned(), waiver));
        lines.extend(ended.chain(unused).map(|(what, waiver)| {
            Line::new().add(Style::Warn, format!("  {}", waiver.id)).add(Style::Plain, format!("  {what}, {}", waiver.place))
        }));
    }
    lines.iter().map(|line| line.paint(usize::MAX, colour)).collect::<Vec<_>>().join("\n")
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
