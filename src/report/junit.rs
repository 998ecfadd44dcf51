//! JUnit XML, as Jenkins' `junit` step, GitLab and Buildkite read it: one case a step, one a stage of a rollout.

mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event as Xml};
use shipit_core::event::Stamped;
use shipit_core::failure::{Exit, Failure};

use super::scanned::{self, Scanned};
use super::{Colour, failure, ink};
use run::Run;

/// A test suite, told by whatever makes cases.
pub(super) struct Suite {
    name: String,
    /// When it began.
    began: Timestamp,
    took_ms: u64,
    properties: Vec<(&'static str, String)>,
    cases: Vec<Case>,
}

/// One test case.
#[derive(Debug, PartialEq)]
pub(super) struct Case {
    /// `pipeline.subject`: Jenkins takes what is before the last full stop for a package.
    class: String,
    name: String,
    took_ms: u64,
    verdict: Verdict,
}

/// What became of a case. All texts are lines that command nothing.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Passed { said: String },
    Skipped { why: String },
    Failed { kind: String, what: String, text: String, file: Option<String> },
}

/// The events of a run as one test suite; well-formed whatever they quote.
///
/// # Errors
/// None in practice: the XML is written to memory.
pub fn of_run(events: impl IntoIterator<Item = Stamped>) -> std::io::Result<Vec<u8>> {
    let mut run = Run::default();
    events.into_iter().for_each(|event| run.apply(&event));
    xml(&run.suite())
}

/// Images that were held at the gate, one case each; `failures` are those of the images that did not pass, by their name.
///
/// # Errors
/// As [`of_run`].
pub fn of_gate(
    pipeline: &str,
    at: Timestamp,
    images: &[Scanned],
    failures: &BTreeMap<String, Failure>,
) -> std::io::Result<Vec<u8>> {
    let case = |image: &Scanned| {
        let findings = scanned::table(std::slice::from_ref(image), Colour::No);
        let verdict = match failures.get(&image.name) {
            Some(failure) => failed_by(failure, failure.code.exit(), Some(findings)),
            None => Verdict::Passed { said: findings },
        };
        Case { class: class(pipeline, &image.name), name: "gate".to_owned(), took_ms: 0, verdict }
    };
    let cases = images.iter().map(case).collect();
    xml(&Suite { name: format!("{pipeline} gate"), began: at, took_ms: 0, properties: Vec::new(), cases })
}

fn xml(suite: &Suite) -> std::io::Result<Vec<u8>> {
    let count = |wanted: fn(&Verdict) -> bool| suite.cases.iter().filter(|case| wanted(&case.verdict)).count().to_string();
    let head = [
        ("name", ink::safe(&suite.name)),
        ("tests", suite.cases.len().to_string()),
        ("failures", count(|verdict| matches!(verdict, Verdict::Failed { .. }))),
        ("errors", "0".to_owned()),
        ("skipped", count(|verdict| matches!(verdict, Verdict::Skipped { .. }))),
        ("time", seconds(suite.took_ms)),
        // The format has no offset here.
        ("timestamp", suite.began.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
    ];
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Xml::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.write_event(Xml::Start(BytesStart::new("testsuites")))?;
    xml.write_event(Xml::Start(element("testsuite", &head)))?;
    xml.write_event(Xml::Start(BytesStart::new("properties")))?;
    for (name, value) in &suite.properties {
        xml.write_event(Xml::Empty(element("property", &[("name", (*name).to_owned()), ("value", value.clone())])))?;
    }
    xml.write_event(Xml::End(BytesEnd::new("properties")))?;
    for case in &suite.cases {
        write(&mut xml, case)?;
    }
    xml.write_event(Xml::End(BytesEnd::new("testsuite")))?;
    xml.write_event(Xml::End(BytesEnd::new("testsuites")))?;
    let mut text = xml.into_inner();
    text.push(b'\n');
    Ok(text)
}

fn failed_by(why: &Failure, exit: Exit, more: Option<String>) -> Verdict {
    let mut text = failure::ending(why, exit, Colour::No);
    if let Some(more) = more {
        text.push_str(&format!("\n{more}"));
    }
    let file = why.at.as_ref().map(|at| ink::safe(&at.file));
    Verdict::Failed { kind: why.code.to_string(), what: ink::safe(&why.what), text, file }
}

/// Names without full stops, at which Jenkins would cut them.
fn class(pipeline: &str, subject: &str) -> String {
    let name = |name: &str| ink::safe(name).replace('.', "-");
    format!("{}.{}", name(pipeline), name(subject))
}

fn write(xml: &mut Writer<Vec<u8>>, case: &Case) -> std::io::Result<()> {
    let mut named = vec![("classname", case.class.clone()), ("name", case.name.clone()), ("time", seconds(case.took_ms))];
    if let Verdict::Failed { file: Some(file), .. } = &case.verdict {
        named.push(("file", file.clone()));
    }
    let start = element("testcase", &named);
    if case.verdict == (Verdict::Passed { said: String::new() }) {
        return xml.write_event(Xml::Empty(start));
    }
    xml.write_event(Xml::Start(start))?;
    match &case.verdict {
        Verdict::Passed { said } => around(xml, &BytesStart::new("system-out"), said)?,
        Verdict::Skipped { why } => xml.write_event(Xml::Empty(element("skipped", &[("message", why.clone())])))?,
        Verdict::Failed { kind, what, text, .. } => {
            around(xml, &element("failure", &[("message", what.clone()), ("type", kind.clone())]), text)?;
        }
    }
    xml.write_event(Xml::End(BytesEnd::new("testcase")))
}

fn around(xml: &mut Writer<Vec<u8>>, start: &BytesStart<'_>, text: &str) -> std::io::Result<()> {
    xml.write_event(Xml::Start(start.borrow()))?;
    xml.write_event(Xml::Text(BytesText::new(&allowed(text))))?;
    xml.write_event(Xml::End(start.to_end()))
}

fn element(name: &'static str, attributes: &[(&str, String)]) -> BytesStart<'static> {
    let mut element = BytesStart::new(name);
    for (name, value) in attributes {
        // A line break would come back as a space: attributes are of one line.
        let line: String = allowed(value).chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).collect();
        element.push_attribute((*name, line.as_str()));
    }
    element
}

/// What XML 1.0 can hold at all (its production `Char`), and no carriage return, which a reader turns into a line break.
fn allowed(text: &str) -> String {
    let char = |c: &char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(char).collect()
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}
