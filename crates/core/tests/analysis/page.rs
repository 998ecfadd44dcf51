//! The tables of docs/analysis.md are those of the simulation; `UPDATE=1` writes them.

use crate::rollouts::{self, Ends};
use crate::runs::{MINUTES, Outcomes, REQUESTS, results};

const BEGIN: &str = "<!-- written by `UPDATE=1 cargo test -p shipit-core --test analysis page` -->\n";
const END: &str = "<!-- end -->\n";

fn percent(part: f64) -> String {
    let text = format!("{:.2}", part * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn after(minutes: Option<i64>) -> String {
    minutes.map_or_else(|| "-".to_owned(), |minutes| format!("{minutes} min"))
}

fn share(row: &Outcomes) -> String {
    let candidate = 100 / (row.of.beside + 1);
    format!("{candidate}/{}", 100 - candidate)
}

/// One table: what the row is, its columns.
fn table(page: &mut String, heads: &[&str], rows: &[Outcomes], cells: impl Fn(&Outcomes) -> Vec<String>) {
    *page += &format!("| {} |\n", heads.join(" | "));
    *page += &format!("|{}\n", "---|".repeat(heads.len()));
    for row in rows {
        *page += &format!("| {} |\n", cells(row).join(" | "));
    }
    page.push('\n');
}

fn tables() -> String {
    let results = results();
    let mut page = format!(
        "{REQUESTS} requests on the candidate, spread over {MINUTES} minutes, a look after every minute, the defaults of\n\
         `errors:` and `latency:`. Shares are candidate/stable. 4,000 runs a row in the first two tables, 1,000 in the\n\
         others. The minutes are those until the decision (median), the two that settle included.\n\n"
    );

    page += "Equal versions:\n\n";
    let heads = [
        "errors of both",
        "shares",
        "passed",
        "after",
        "turned back",
        "not decided yet",
        "found worse by any look, had none stopped at the pass",
    ];
    table(&mut page, &heads, &results.equal, |row| {
        let of = percent(row.of.stable);
        vec![
            of,
            share(row),
            percent(row.passed),
            after(row.passed_after),
            percent(row.back),
            percent(row.open),
            percent(row.ever_worse),
        ]
    });

    let heads =
        ["errors of the stable version", "of the candidate", "shares", "turned back", "after", "not decided yet", "passed"];
    let errors = |row: &Outcomes| {
        let (stable, candidate) = (percent(row.of.stable), percent(row.of.candidate));
        vec![stable, candidate, share(row), percent(row.back), after(row.back_after), percent(row.open), percent(row.passed)]
    };
    page += "A version that is clearly worse:\n\n";
    table(&mut page, &heads, &results.worse, errors);
    page += "Versions near what `worse_by: 1%` allows:\n\n";
    table(&mut page, &heads, &results.near, errors);

    page += "Equal versions whose errors come in bursts:\n\n";
    let heads = ["errors of both", "errors in a row (mean)", "shares", "passed", "turned back", "not decided yet"];
    table(&mut page, &heads, &results.bursts, |row| {
        let (of, burst) = (percent(row.of.stable), format!("{}", row.of.burst));
        vec![of, burst, share(row), percent(row.passed), percent(row.back), percent(row.open)]
    });

    page += "Latency, `worse_by: 20%`, equal errors:\n\n";
    let heads = ["slower by", "shares", "passed", "after", "turned back", "after", "not decided yet"];
    table(&mut page, &heads, &results.slower, |row| {
        let slower = percent(row.of.slower.unwrap_or_default());
        let (passed, back) = (percent(row.passed), percent(row.back));
        vec![slower, share(row), passed, after(row.passed_after), back, after(row.back_after), percent(row.open)]
    });

    page += "What it costs that two looks must agree before a version passes, and what it saves:\n\n";
    let heads =
        ["errors of the stable version", "of the candidate", "shares", "passed with one look", "after", "with two", "after"];
    let rows: Vec<Outcomes> = results.equal.iter().chain(&results.near).copied().collect();
    table(&mut page, &heads, &rows, |row| {
        let (stable, candidate) = (percent(row.of.stable), percent(row.of.candidate));
        let single = (percent(row.single), after(row.single_after));
        vec![stable, candidate, share(row), single.0, single.1, percent(row.passed), after(row.passed_after)]
    });
    page
}

fn rollouts() -> String {
    let results = rollouts::results();
    let mut page = "Whole rollouts, from the first request to the pass of all traffic, a look after every minute. Blue/green has 100 requests a\n\
        minute, before and after; canary and linear have 1,000, shared, and the bakes of the defaults. 2,000 runs a row in the\n\
        first table, 1,000 in the others.\n\n"
        .to_owned();
    let mut table = |title: &str, heads: &[&str], rows: &[Ends], cells: &dyn Fn(&Ends) -> Vec<String>| {
        page += &format!("{title}\n\n| {} |\n|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
        for row in rows {
            page += &format!("| {} |\n", cells(row).join(" | "));
        }
        page.push('\n');
    };
    let ends = |row: &Ends| {
        let (passed, back) = (percent(row.passed), percent(row.back));
        vec![passed, after(row.passed_after), back, after(row.back_after), percent(row.open)]
    };
    let heads = ["strategy", "errors of both", "passed", "after", "turned back as worse", "after", "not told within an hour"];
    table("Equal versions:", &heads, &results.equal, &|row| {
        [vec![row.of.name.to_owned(), percent(row.of.stable)], ends(row)].concat()
    });
    let heads = [
        "strategy",
        "errors of the stable version",
        "of the candidate beside it",
        "of the candidate with all traffic",
        "passed",
        "turned back as worse",
        "after",
        "by the first 2,000 requests of its last share",
        "not told within an hour",
    ];
    table("A version that is clearly worse, or is so only with all traffic:", &heads, &results.worse, &|row| {
        let beside = if row.of.is_all_at_once() { "-".to_owned() } else { percent(row.of.shared) };
        let (passed, back) = (percent(row.passed), percent(row.back));
        let rates = vec![row.of.name.to_owned(), percent(row.of.stable), beside, percent(row.of.all)];
        [rates, vec![passed, back, after(row.back_after), percent(row.back_by_2000), percent(row.open)]].concat()
    });
    let heads =
        ["errors of both before", "of both after", "passed", "after", "turned back as worse", "after", "not told within an hour"];
    table(
        "Blue/green, equal versions, while the rate of errors itself changes with the shift (another time of day):",
        &heads,
        &results.drift,
        &|row| [vec![percent(row.of.stable), percent(row.of.drift)], ends(row)].concat(),
    );
    let heads = ["slower by", "passed", "after", "turned back as worse", "after", "not told within an hour"];
    table("Blue/green, latency, `worse_by: 20%`, equal errors:", &heads, &results.slower, &|row| {
        [vec![percent(row.of.slower.unwrap_or_default())], ends(row)].concat()
    });
    page
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test may read and write the page that it holds against the code")]
fn the_page_has_the_tables_of_the_simulation() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/analysis.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = found.split_once(BEGIN).expect("the page says where its tables begin");
    let (_, behind) = rest.split_once(END).expect("the page says where its tables end");
    let wanted = format!("{before}{BEGIN}\n{}{}{END}{behind}", tables(), rollouts());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == wanted, "`docs/analysis.md` is behind the code: `UPDATE=1 cargo test -p shipit-core --test analysis page`");
}
