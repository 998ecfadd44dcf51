use proptest::prelude::*;
use quick_xml::{Reader, XmlVersion};
use shipit_core::event::{Event, Progress, ServiceOutcome, Shifting};
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::pipeline::Share;

use super::super::stories::{Story, id, look, revision};
use super::*;

fn told(story: &Story) -> String {
    String::from_utf8(of_run(story.events.clone()).unwrap()).unwrap()
}

fn at(stage: &str, share: u32) -> Progress {
    let shift = Shifting { stage: stage.into(), share: Some(Share(share)), left_ms: None, compared: None };
    Progress::Rollout(shipit_core::event::RolloutSeen { shift: Some(shift), ..look(2, 0, 2) })
}

fn canary() -> Story {
    let mut story = Story::new();
    story.planned().pushed().passed().rolling();
    story.progress("roll frontend", at("SCALE_UP", 0)).pass(59);
    story.progress("roll frontend", at("PRODUCTION_TRAFFIC_SHIFT", 100)).pass(299);
    story
}

#[test]
fn a_run_that_is_turned_back() {
    insta::assert_snapshot!(told(&Story::turned_back()));
}

#[test]
fn a_canary_that_ends_at_its_bake() {
    let mut story = canary();
    story.progress("roll frontend", at("BAKE_TIME", 1000)).pass(9);
    story.progress("roll frontend", at("BAKE_TIME", 1000));
    let failure = Failure::new(Code::RolloutTurnedBack, "`frontend` was turned back to frontend:42").because("alarm `5xx`");
    story.failed("roll frontend", 368_000, &failure);
    story.tell(Event::UndoStarted { step: id("roll frontend"), doing: "back to frontend:42".into() });
    story.progress("roll frontend", at("SCALE_UP", 0));
    story.tell(Event::Undone { step: id("roll frontend"), now: "frontend:42 serves".into() });
    story.finish(Exit::TurnedBack, Some(failure), ServiceOutcome::TurnedBack { to: revision(42) }, 400_000);
    let told = told(&story);
    let (_, rollout) = told.split_once(r#"<testcase classname="storefront.frontend" name="roll""#).unwrap();
    insta::assert_snapshot!(rollout);
}

#[test]
fn what_was_done_before_the_run_was_cut_stays_done() {
    let mut story = canary();
    story.planned();
    story.finish(Exit::Running, Some(Failure::new(Code::Paused, "it waits for a person")), ServiceOutcome::Untouched, 1);
    let told = told(&story);
    assert!(told.contains(r#"name="push" time="1.100""#), "{told}");
    assert!(told.contains(r#"classname="storefront.run" name="run""#) && told.contains(r#"failures="0""#), "{told}");
}

#[test]
fn what_xml_cannot_hold_is_dropped() {
    assert_eq!(allowed("a\u{0}\u{8}\r\n\u{fffe}\u{ffff}\u{10ffff}b"), "a\n\u{10ffff}b");
}

proptest! {
    #[test]
    fn it_is_well_formed_whatever_the_text(text in any::<String>(), other in "[\\x00-\\x7f<>&\"'\\]]{0,40}") {
        let mut story = Story::of(&text);
        let failure = Failure::new(Code::BuildFailed, &text).because(&other).because(format!("]]>{text}")).next(&other);
        story.planned().failed(&format!("build {other}"), 1, &failure).progress(&format!("roll {text}"), at(&other, 1));
        story.tell(Event::UndoFailed { step: id(&format!("roll {text}")), failure: failure.clone() });
        story.finish(Exit::Failed, Some(failure), ServiceOutcome::Stuck { why: text }, 1);
        let xml = told(&story);
        let mut reader = Reader::from_str(&xml);
        reader.config_mut().check_comments = true;
        let mut cases = 0;
        loop {
            match reader.read_event().unwrap() {
                Xml::Eof => break,
                Xml::Start(start) | Xml::Empty(start) => {
                    for attribute in start.attributes() {
                        attribute.unwrap().normalized_value(XmlVersion::Explicit1_0).unwrap();
                    }
                    cases += usize::from(start.name().as_ref() == "testcase");
                }
                _ => {}
            }
        }
        let counted = format!("tests=\"{cases}\"");
        prop_assert!(xml.contains(&counted), "{}", xml);
        prop_assert!(!xml.contains(|c: char| c.is_control() && c != '\n'));
    }
}
