//! Events without anything that commands a terminal or a CI, whoever wrote the texts in them: cleaned once, before they are folded.

use serde_json::Value;
use shipit_core::event::Stamped;

use super::super::safe::line;

/// The event of one line of `events.jsonl`, with every text in it made harmless; none of a line that is cut off, or that a
/// later version has written.
pub fn event(told: &str) -> Option<Stamped> {
    let mut value: Value = serde_json::from_str(told).ok()?;
    clean(&mut value);
    serde_json::from_value(value).ok()
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = lines(text),
        Value::Array(list) => list.iter_mut().for_each(clean),
        // Services and images are members by their names.
        Value::Object(map) => {
            for (name, mut value) in std::mem::take(map) {
                clean(&mut value);
                map.insert(lines(&name), value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn lines(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::super::stories::Story;
    use super::*;

    #[test]
    fn what_is_quoted_commands_nothing_and_everything_else_stays_as_it_is() {
        let of = |story: &Story| -> Vec<Option<Stamped>> {
            story.events.iter().map(|event| self::event(&serde_json::to_string(event).unwrap())).collect()
        };
        let story = Story::turned_back();
        assert_eq!(of(&story), story.events.iter().cloned().map(Some).collect::<Vec<_>>());
        let mut story = Story::new();
        story.tell(shipit_core::event::Event::Notice { message: "a\n::error::b\u{1b}[2J\u{202e}".into() });
        let Some(Some(Stamped { event: shipit_core::event::Event::Notice { message }, .. })) = of(&story).pop() else { panic!() };
        assert_eq!(message, "a\n: :error::b");
        assert_eq!(event(r#"{"at":"2026-11-18T08:46:40Z","event":"step_sta"#), None);
        assert_eq!(event(r#"{"at":"2026-11-18T08:46:40Z","event":"of_tomorrow"}"#), None);
    }
}
