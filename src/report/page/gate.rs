//! The gate: what stops an image, what is let pass and why, image by image, those that are stopped first.

use maud::{Markup, html};
use shipit_core::gate::{Finding, Fix, Record, Severity, Verdict, Waiver};

use super::Part;
use super::ending::Tone;
use super::model::Model;
use super::step::Gate;
use super::text::{date, table};

/// What the gate said of every image.
pub fn part(model: &Model) -> Option<Part> {
    let gates = model.gates();
    let body = html! {
        div {
            @for (step, gate) in &gates { (one(&step.subject, gate)) }
        }
    };
    (!gates.is_empty()).then_some(Part { id: "gate", title: "Gate", body })
}

fn one(image: &str, gate: &Gate) -> Markup {
    let (tone, word, record) = match gate {
        Gate::Passed(record) => (Tone::Good, "passed", Some(&**record)),
        Gate::Stopped(verdict) => (Tone::Bad, "stopped", verdict.record()),
    };
    html! {
        article.card {
            header {
                h3 { span.sign.(tone.class()) aria-hidden="true" { (tone.sign()) } " " (image) }
                p { span.badge.(tone.class()) { (word) } }
            }
            @if let Some(record) = record { (counts(record)) }
            @if let Gate::Stopped(verdict) = gate { (stopped(image, verdict)) }
            @if let Some(record) = record { (on_record(image, record)) }
        }
    }
}

fn counts(record: &Record) -> Markup {
    html! {
        @if record.counts.is_empty() {
            p { "Nothing was found." }
        } @else {
            ul.counts {
                @for (severity, count) in &record.counts { li.(class(*severity)) { b { (count) } " " (severity) } }
            }
        }
        @if let Some(at) = record.scanned_at { p.caption { "scanned " (date(at)) } }
    }
}

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown | Severity::Critical | Severity::High => "bad",
        Severity::Medium => "warn",
        Severity::Low | Severity::Informational => "quiet",
    }
}

fn stopped(image: &str, verdict: &Verdict) -> Markup {
    match verdict {
        Verdict::Block { blocking, .. } => findings(&format!("what stops {image}"), "What stops it", blocking),
        Verdict::Unknown { without, .. } => html! { p { b { (without.status) } ": " (without.description) } },
        Verdict::Wait { status } => html! { p { "No result yet: " (status) } },
        Verdict::Pass(_) => html! {},
    }
}

fn on_record(image: &str, record: &Record) -> Markup {
    let waived = |(finding, waiver): &(Finding, Waiver)| {
        let mut row = row(finding);
        row.push(html! { (waiver.reason) });
        row.push(html! { (waiver.until) ", " code { (waiver.place) } });
        row
    };
    html! {
        @if !record.waived.is_empty() {
            p.caption { "Accepted by a waiver" }
            (table(&format!("accepted findings of {image}"), &["severity", "finding", "package", "fixed in", "reason", "until"],
                &record.waived.iter().map(waived).collect::<Vec<_>>()))
        }
        (findings(&format!("known findings of {image}"), "The running image has them too", &record.known))
        (findings(&format!("findings of {image} without a fix"), "Nothing fixes them yet", &record.unfixed))
        @if !record.expired.is_empty() {
            ul.plain { @for waiver in &record.expired { li { "The waiver for " b { (waiver.id) } " ended on " (waiver.until) ", " code { (waiver.place) } } } }
        }
    }
}

fn findings(label: &str, caption: &str, findings: &[Finding]) -> Markup {
    html! {
        @if !findings.is_empty() {
            p.caption { (caption) }
            (table(label, &["severity", "finding", "package", "fixed in"], &findings.iter().map(row).collect::<Vec<_>>()))
        }
    }
}

fn row(finding: &Finding) -> Vec<Markup> {
    let package = [&finding.package, &finding.version].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    let fixed = match &finding.fix {
        Fix::In(version) => version.clone(),
        Fix::Some => "a fix is out".to_owned(),
        Fix::None => "no fix yet".to_owned(),
        Fix::Untold => "-".to_owned(),
    };
    let url = finding.url.as_deref().filter(|url| url.starts_with("https://"));
    vec![
        html! { (finding.severity) },
        html! {
            @match url {
                Some(url) => a href=(url) rel="noopener noreferrer" { (finding.id) },
                None => (finding.id),
            }
        },
        html! { (package) },
        html! { (fixed) },
    ]
}
