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

#[test]
#[ignore = "needs Chromium"]
fn full_matrix_a_report_is_readable_everywhere_and_asks_for_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/report");
    std::fs::create_dir_all(&folder).unwrap();
    let mut browser = Browser::start();
    for run in RUNS {
        let path = written(run, &folder);
        for look in looks() {
            let of = format!("{run} on {}", look.name);
            browser.open(&path, look);
            assert_eq!(browser.requests(), [format!("file://{}", path.display())], "{of}: it needs nothing but itself");
            let wide = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(wide, 0, "{of}: it scrolls to one side only");
            browser.screenshot(&folder.join(format!("{run}-{}.png", look.name)));
            browser.tab();
            assert_eq!(browser.value("document.activeElement.className"), "skip", "{of}: the keyboard begins at the skip link");
            browser.value("document.querySelectorAll('details').forEach(one => one.open = true)");
            assert_eq!(browser.violations(), [""; 0], "{of}");
            assert_eq!(browser.complaints(), [&serde_json::Value::Null; 0], "{of}");
        }
    }
}
