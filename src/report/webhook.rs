//! The end of a run as Slack's incoming webhooks take it, and what follows them: Mattermost, Rocket.Chat, Google Chat.

use serde_json::{Value, json};
use shipit_core::event::Stamped;

use super::view::{Frame, View};
use super::{Colour, ink};

/// The body for a run of which this was told; `by` is who started it.
pub fn body(events: &[Stamped], by: &str) -> Value {
    let mut view = View::default();
    events.iter().for_each(|event| view.apply(event));
    let now = events.last().map(|last| last.at).unwrap_or_default();
    let (head, rest) = view.message(&Frame { width: usize::MAX, colour: Colour::No, now, pulse: '●' });
    json!({"text": format!("`{}`\n```\n{}\n```\n{}", text(&head), text(&rest), starter(by))})
}

/// Who started it: the address of a CI's run can be followed, any other text is quoted.
fn starter(by: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#=%+&".contains(c);
    let is_address = ["https://", "http://"].iter().any(|scheme| by.starts_with(scheme)) && by.chars().all(plain);
    if is_address { text(by) } else { format!("`{}`", text(&ink::safe(by))) }
}

/// A text to be quoted as code, which mentions nobody, links nowhere and does not leave it (Slack, "Formatting text for app
/// surfaces": these three characters are escaped; Mattermost heeds `@all` and Markdown in all that is not code).
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "'")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shipit_core::event::ServiceOutcome;
    use shipit_core::failure::{Code, Exit, Failure};

    use super::super::stories::Story;
    use super::*;

    fn told(story: &Story) -> String {
        body(&story.events, "https://ci.shop.example/job/web/12/")["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_run_that_went_well() {
        insta::assert_snapshot!(told(&Story::success()));
    }

    #[test]
    fn a_run_that_was_turned_back() {
        insta::assert_snapshot!(told(&Story::turned_back()));
    }

    proptest! {
        #[test]
        fn nothing_is_mentioned_and_no_block_is_left(text in any::<String>(), other in "(<!channel>|```|@here|&|\u{1b}\\[2J|\n|x){0,40}") {
            let mut story = Story::of(&other);
            let failure = Failure::new(Code::BuildFailed, &text).because(&other).next(&text);
            story.planned().finish(Exit::Failed, Some(failure), ServiceOutcome::Stuck { why: format!("{other}{text}") }, 1);
            let said = body(&story.events, &other)["text"].as_str().unwrap().to_owned();
            prop_assert!(!said.contains(['<', '>', '\u{1b}']), "{}", said);
            prop_assert_eq!(said.matches('`').count(), 10, "two of the first line, six of the block, two of who it was");
            prop_assert!(said.chars().count() < 8_000);
        }
    }
}
