//! The report of a run in a real browser: on a desktop and on a phone, light and dark, judged by axe. The pictures are left in
//! `target/report/` to be looked at.

use std::path::{Path, PathBuf};

use crate::support::browser::{Browser, Look};

const RUNS: [&str; 4] = ["success", "turned-back", "stuck", "gate"];
const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (375, 800);

fn looks() -> [Look; 4] {
    let look = |name, (width, height), scheme| Look { name, width, height, scheme };
    [
        look("desktop", DESKTOP, "light"),
        look("desktop-dark", DESKTOP, "dark"),
        look("phone", PHONE, "light"),
        look("phone-dark", PHONE, "dark"),
    ]
}

fn written(run: &str, folder: &Path) -> PathBuf {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/runs").join(format!("{run}.jsonl"));
    let page = shipit::report::page::page(&std::fs::read_to_string(events).unwrap()).unwrap();
    let path = folder.join(format!("{run}.html"));
    std::fs::write(&path, page).unwrap();
    path
}

/// What is wrong with the page as it is looked at; a picture of it where one is asked for.
fn wrongs(browser: &mut Browser, path: &Path, look: Look, picture: Option<&Path>) -> Vec<String> {
    let mut wrongs = Vec::new();
    browser.open(path, look);
    let itself = format!("file://{}", path.display());
    wrongs.extend(browser.requests().into_iter().filter(|url| *url != itself).map(|url| format!("it asks for {url}")));
    let wide = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    if wide != 0 {
        wrongs.push(format!("it scrolls sideways by {wide}"));
    }
    if let Some(picture) = picture {
        browser.screenshot(picture);
    }
    browser.tab();
    let first = browser.value("document.activeElement.className");
    if first != "skip" {
        wrongs.push(format!("the keyboard begins at {first}"));
    }
    browser.value("document.querySelectorAll('details').forEach(one => one.open = true)");
    wrongs.extend(browser.violations());
    wrongs.extend(browser.complaints().iter().map(|complaint| format!("it complains: {complaint}")));
    wrongs
}

#[test]
#[ignore = "needs Chromium"]
fn full_matrix_a_report_is_readable_everywhere_and_asks_for_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/report");
    std::fs::create_dir_all(&folder).unwrap();
    let mut browser = Browser::start();
    for run in RUNS {
        let path = written(run, &folder);
        for look in looks() {
            let picture = folder.join(format!("{run}-{}.png", look.name));
            assert_eq!(wrongs(&mut browser, &path, look, Some(&picture)), [""; 0], "{run} on {}", look.name);
        }
    }
}

/// A page of a run with one thing put in place of another.
type Break = (&'static str, &'static str, &'static str);

/// Each with what is to be found; the policy of the page would keep the first two from happening.
const BREAKS: [(&str, &[Break]); 8] = [
    ("it asks for http://127.0.0.1:9/", &[NO_POLICY, ("the end", "</main>", "<img alt='' src='http://127.0.0.1:9/'></main>")]),
    ("it complains: {", &[NO_POLICY, ("the end", "</main>", "<script>console.error('no chart')</script></main>")]),
    ("Content Security Policy", &[("the end", "</main>", "<script>1</script></main>")]),
    ("it scrolls sideways by ", &[("the end", "</main>", "<svg width='1600' height='9' aria-hidden='true'></svg></main>")]),
    ("the keyboard begins at \"\"", &[("the first link", "class=\"skip\"", "tabindex=\"-1\"")]),
    ("color-contrast: ", &[NO_POLICY, ("ink", "--soft:#545e6b", "--soft:#c9ced5")]),
    ("html-has-lang: ", &[("language", " lang=\"en\"", "")]),
    ("landmark-one-main: ", &[("<main", "<main ", "<div "), ("</main", "</main>", "</div>")]),
];
const NO_POLICY: Break = ("policy", "http-equiv=\"Content-Security-Policy\"", "name=\"none\"");

#[test]
#[ignore = "needs Chromium"]
fn full_matrix_whatever_is_wrong_with_a_report_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read_to_string(written("turned-back", folder.path())).unwrap();
    let mut browser = Browser::start();
    let path = folder.path().join("broken.html");
    for (found, breaks) in BREAKS {
        let mut page = good.clone();
        for (what, from, to) in breaks {
            assert!(page.contains(from), "{what}");
            page = page.replace(from, to);
        }
        std::fs::write(&path, page).unwrap();
        let wrongs = wrongs(&mut browser, &path, looks()[0], None);
        assert!(wrongs.iter().any(|wrong| wrong.contains(found)), "{found}: {wrongs:#?}");
    }
}
