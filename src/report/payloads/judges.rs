//! Each reads what is shown as its reader does: a terminal, GitHub's runner, a parser of JSON, of Markdown, of XML.

use pulldown_cmark::{Options, Parser, html};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

/// Whether what is shown is as harmless as the same of a harmless text; else what it does.
pub(super) type Judge = fn(&str, &str) -> Result<(), String>;

/// A terminal, and the CI that reads the log: GitHub's runner, Azure Pipelines, TeamCity.
pub(super) fn console(shown: &str, _: &str) -> Result<(), String> {
    for line in shown.split('\n') {
        if let Some(control) = line.chars().find(|c| c.is_control() || is_format(*c)) {
            return Err(format!("{control:?} in {line:?}"));
        }
        let commands = ["##[", "##vso[", "##teamcity["].iter().any(|sign| line.contains(sign));
        if commands || line.trim_start().starts_with("::") {
            return Err(format!("a command: {line:?}"));
        }
    }
    Ok(())
}

/// Unicode's format characters, as far as they hide or reorder text.
fn is_format(c: char) -> bool {
    matches!(u32::from(c), 0xAD | 0x61C | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069 | 0xFEFF | 0xE0000..=0xE007F)
}

/// A program that reads JSON values one after another, from the log of a CI.
pub(super) fn json(shown: &str, harmless: &str) -> Result<(), String> {
    data(shown, harmless).and_then(|()| console(shown, harmless))
}

/// A program that reads JSON values one after another.
pub(super) fn data(shown: &str, harmless: &str) -> Result<(), String> {
    let values = |text: &str| {
        let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter::<Value>().collect();
        values.map_err(|error| error.to_string())
    };
    let (shown_values, harmless_values) = (values(shown)?, values(harmless)?);
    let is_same = shown_values.len() == harmless_values.len()
        && shown_values.iter().zip(&harmless_values).all(|(a, b)| shape(a) == shape(b));
    if is_same { Ok(()) } else { Err("other values".to_owned()) }
}

/// Slack and what follows it: the same stands outside of code, in as many pieces, and what is escaped is escaped everywhere.
pub(super) fn chat(shown: &str, harmless: &str) -> Result<(), String> {
    let entity = |at: usize| ["&amp;", "&lt;", "&gt;"].iter().any(|entity| shown[at..].starts_with(entity));
    if shown.contains(['<', '>']) || shown.match_indices('&').any(|(at, _)| !entity(at)) {
        return Err(format!("a control sequence: {shown:?}"));
    }
    if outside_of_code(shown) != outside_of_code(harmless) {
        return Err(format!("{:?} in place of {:?}", outside_of_code(shown), outside_of_code(harmless)));
    }
    console(shown, harmless)
}

/// What is no code: a line may have some, a block has lines.
fn outside_of_code(text: &str) -> Vec<String> {
    let blocks = text.split("```").enumerate().filter(|(at, _)| at % 2 == 0);
    let lines = blocks.flat_map(|(_, piece)| piece.split('\n'));
    lines.map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join("`")).collect()
}

/// How many members it has, all the way down.
fn shape(value: &Value) -> Vec<usize> {
    match value {
        Value::Array(all) => std::iter::once(all.len()).chain(all.iter().flat_map(shape)).collect(),
        Value::Object(all) => {
            // Members stand in the order of their names, and those may be foreign.
            let mut inside: Vec<Vec<usize>> = all.values().map(shape).collect();
            inside.sort();
            std::iter::once(all.len()).chain(inside.into_iter().flatten()).collect()
        }
        _ => vec![0],
    }
}

/// GitHub, which renders Markdown: the tags are the same, and no text becomes a link, a mention or a reference.
pub(super) fn markdown(shown: &str, harmless: &str) -> Result<(), String> {
    let (html, expected) = (rendered(shown), rendered(harmless));
    let (tags, expected) = (tags(&html), tags(&expected));
    if let Some((tag, other)) = tags.iter().zip(&expected).find(|(tag, other)| tag != other) {
        return Err(format!("{tag} in place of {other}"));
    }
    if tags.len() != expected.len() {
        return Err(format!("{} tags in place of {}", tags.len(), expected.len()));
    }
    let text = without_code(&html);
    let joined = |sign: &str| text.match_indices(sign).any(|(at, _)| text[at + sign.len()..].starts_with(char::is_alphanumeric));
    match ["@", "#", "http://", "www."].into_iter().find(|sign| joined(sign)) {
        Some(sign) => Err(format!("{sign} makes a link")),
        None => console(shown, harmless),
    }
}

/// A browser: the same elements with the same attributes, and nothing in them that a log would mind.
pub(super) fn page(shown: &str, harmless: &str) -> Result<(), String> {
    let elements =
        |page: &str| -> Vec<String> { tags(page).into_iter().map(without_values).filter(|tag| tag != "<code class>").collect() };
    let (elements, expected) = (elements(shown), elements(harmless));
    if let Some((tag, other)) = elements.iter().zip(&expected).find(|(tag, other)| tag != other) {
        return Err(format!("{tag} in place of {other}"));
    }
    if elements.len() == expected.len() { console(shown, harmless) } else { Err("other elements".to_owned()) }
}

/// `<a href="x" rel="y">` -> `<a href rel>`.
fn without_values(tag: &str) -> String {
    tag.split('"').step_by(2).collect::<String>().replace('=', "")
}

fn rendered(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM;
    let mut text = String::new();
    html::push_html(&mut text, Parser::new_ext(markdown, options));
    text
}

/// The tags of a page in their order. Words as code are as good as words.
fn tags(html: &str) -> Vec<&str> {
    let tags = html.match_indices('<').map(|(at, _)| &html[at..html[at..].find('>').map_or(html.len(), |end| at + end + 1)]);
    tags.filter(|tag| !matches!(*tag, "<code>" | "</code>")).collect()
}

fn without_code(html: &str) -> String {
    let mut pieces = html.split("<code>");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once("</code>").map_or("", |(_, rest)| rest))
}

/// GitHub's runner, which takes every line as a workflow command.
pub(super) fn commands(shown: &str, harmless: &str) -> Result<(), String> {
    let parsed = |text: &str| text.lines().map(command).collect::<Result<Vec<_>, _>>();
    let (commands, expected) = (parsed(shown)?, parsed(harmless)?);
    if commands != expected {
        return Err(format!("{commands:?} in place of {expected:?}"));
    }
    let unescaped = shown.replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
    match unescaped.chars().find(|c| *c != '\n' && (c.is_control() || is_format(*c))) {
        Some(control) => Err(format!("{control:?}")),
        None => Ok(()),
    }
}

/// A command's name and the names of its properties; its line is a number.
fn command(line: &str) -> Result<(String, Vec<String>), String> {
    let (head, _) = line.strip_prefix("::").and_then(|rest| rest.split_once("::")).ok_or("no command")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let keys = properties.split(',').map(|property| property.split('=').next().unwrap_or_default().to_owned());
    Ok((name.to_owned(), keys.collect()))
}

/// GitHub's runner, which reads the file of outputs.
pub(super) fn outputs(shown: &str, harmless: &str) -> Result<(), String> {
    let parsed = |text: &str| text.split(['\n', '\r']).filter(|line| !line.is_empty()).map(output).collect::<Result<Vec<_>, _>>();
    let (names, expected) = (parsed(shown)?, parsed(harmless)?);
    if names == expected { Ok(()) } else { Err(format!("{names:?} in place of {expected:?}")) }
}

fn output(line: &str) -> Result<String, String> {
    let (name, value) = line.split_once('=').ok_or("no output")?;
    if name.contains("<<") {
        return Err("a value of many lines".to_owned());
    }
    let size =
        if value.starts_with('{') { shape(&serde_json::from_str(value).map_err(|error| error.to_string())?) } else { Vec::new() };
    Ok(format!("{name}{size:?}"))
}

/// Whoever reads JUnit.
pub(super) fn xml(shown: &str, harmless: &str) -> Result<(), String> {
    if let Some(control) =
        shown.chars().find(|c| (c.is_control() && *c != '\n') || is_format(*c) || matches!(c, '\u{fffe}' | '\u{ffff}'))
    {
        return Err(format!("{control:?}"));
    }
    let (elements, expected) = (elements(shown)?, elements(harmless)?);
    if elements == expected { Ok(()) } else { Err(format!("{elements:?} in place of {expected:?}")) }
}

fn elements(xml: &str) -> Result<Vec<String>, String> {
    let mut reader = Reader::from_str(xml);
    let mut elements = Vec::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(element) | Event::Empty(element) => {
                let keys: Result<Vec<String>, String> = element
                    .attributes()
                    .map(|one| one.map(|one| one.key.as_ref().to_owned()).map_err(|error| error.to_string()))
                    .collect();
                elements.push(format!("{} {:?}", element.name().as_ref(), keys?));
            }
            Event::Comment(_) | Event::CData(_) | Event::PI(_) | Event::DocType(_) => elements.push("else".to_owned()),
            Event::GeneralRef(name)
                if !matches!(name.as_ref(), "lt" | "gt" | "amp" | "quot" | "apos") && !name.starts_with("#") =>
            {
                return Err("an unknown entity".to_owned());
            }
            Event::Eof => return Ok(elements),
            _ => {}
        }
    }
}
