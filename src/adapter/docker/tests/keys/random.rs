//! Whatever is done, in whatever order.

use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::tree::{Tree, long_ago, set_modified};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Write(usize, usize),
    Back(usize, usize),
    Over(usize, usize),
    Mode(usize, bool),
    Remove(usize),
    Add,
    Commit,
    Forget(usize),
    Unchanged(usize, bool),
    Ends(bool),
    Look,
    Remember,
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let (file, text) = (0..3_usize, 0..4_usize);
    prop_oneof![
        6 => (file.clone(), text.clone()).prop_map(|(file, text)| Step::Write(file, text)),
        3 => (file.clone(), text.clone()).prop_map(|(file, text)| Step::Back(file, text)),
        3 => (file.clone(), text).prop_map(|(file, text)| Step::Over(file, text)),
        1 => (file.clone(), any::<bool>()).prop_map(|(file, run)| Step::Mode(file, run)),
        1 => file.clone().prop_map(Step::Remove),
        2 => Just(Step::Add),
        1 => Just(Step::Commit),
        1 => file.clone().prop_map(Step::Forget),
        1 => (file, any::<bool>()).prop_map(|(file, set)| Step::Unchanged(file, set)),
        1 => any::<bool>().prop_map(Step::Ends),
        2 => Just(Step::Look),
        3 => Just(Step::Remember),
        2 => Just(Step::Tick),
    ]
}

impl Tree {
    fn step(&self, step: &Step) {
        const FILES: [&str; 3] = ["web/a", "web/b", "web/c/d"];
        const TEXTS: [&str; 4] = ["one\r\n", "two\r\n", "three\n", ""];
        let known = |file: usize| {
            let listed = Command::new("git").args(["ls-files", FILES[file]]).current_dir(self.folder.path()).output().unwrap();
            !listed.stdout.is_empty()
        };
        match *step {
            Step::Write(file, text) => self.write(FILES[file], TEXTS[text]),
            Step::Back(file, text) => {
                let before = self.at(FILES[file]).metadata().map_or_else(|_| long_ago(), |about| about.modified().unwrap());
                self.write(FILES[file], TEXTS[text]);
                set_modified(&self.at(FILES[file]), before);
            }
            Step::Over(file, text) => {
                let before = self.at(FILES[file]).metadata().map_or_else(|_| long_ago(), |about| about.modified().unwrap());
                self.write(FILES[file], "");
                self.write("beside", TEXTS[text]);
                set_modified(&self.at("beside"), before);
                fs::rename(self.at("beside"), self.at(FILES[file])).unwrap();
            }
            Step::Mode(file, run) => {
                let mode = fs::Permissions::from_mode(if run { 0o755 } else { 0o600 });
                // What is not there has no mode.
                let _ = fs::set_permissions(self.at(FILES[file]), mode);
            }
            Step::Remove(file) => drop(fs::remove_file(self.at(FILES[file]))),
            Step::Add => self.git(&["add", "-A"]),
            Step::Commit => self.commit(),
            Step::Forget(file) if known(file) => self.git(&["rm", "-q", "--force", "--cached", FILES[file]]),
            Step::Unchanged(file, set) if known(file) => {
                self.git(&["update-index", if set { "--assume-unchanged" } else { "--no-assume-unchanged" }, FILES[file]]);
            }
            Step::Forget(_) | Step::Unchanged(..) => {}
            Step::Ends(set) => self.git(&["config", "core.autocrlf", if set { "true" } else { "false" }]),
            Step::Look => self.git(&["status", "--short"]),
            Step::Remember => self.remember(),
            Step::Tick => self.tick(),
        }
    }
}

#[test]
fn whatever_is_done_in_whatever_order_the_key_is_that_of_the_bytes() {
    // A case runs git a dozen times, so `PROPTEST_CASES` says only whether there are to be many.
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { 400 } else { 16 };
    let mut runner = TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
    let ended = runner.run(&prop::collection::vec(step(), 1..14), |steps| {
        let tree = Tree::committed(&[("web/a", "one\r\n"), ("web/b", "two\r\n")]);
        for (at, step) in steps.iter().enumerate() {
            tree.step(step);
            tree.holds(&format!("{:?}", &steps[..=at]));
        }
        Ok(())
    });
    ended.unwrap_or_else(|error| panic!("{error}"));
}
