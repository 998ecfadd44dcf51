//! What came of a case: printed as a row, and what every row must hold.

use std::fmt::Write as _;
use std::io::Write as _;

use super::client::Asked;

/// A time in which the production rule did not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The candidate's weight, of the sum.
    pub share: (u32, u32),
    /// Requests in that time.
    pub requests: u64,
    /// Those of them that the candidate got.
    pub candidate: u64,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Row {
    pub case: String,
    /// Of the process that saw the end.
    pub exit: Option<i32>,
    pub served: usize,
    pub failed: Vec<Asked>,
    /// Requests that the candidate got, failed ones included.
    pub candidate: usize,
    pub held: Vec<Held>,
    /// `family:number` in the end.
    pub revision: String,
    /// What it said to a person, of all processes.
    pub said: String,
}

impl Row {
    /// Of what a client has got, where the candidate is this version.
    pub fn new(case: &str, asked: &[Asked], version: u32) -> Self {
        let failed: Vec<Asked> = asked.iter().filter(|asked| asked.failed.is_some()).cloned().collect();
        Self {
            case: case.to_owned(),
            exit: None,
            served: asked.len() - failed.len(),
            failed,
            candidate: asked.iter().filter(|asked| asked.by == Some(version)).count(),
            held: held(asked, version),
            revision: String::new(),
            said: String::new(),
        }
    }

    /// The shares in their order, in percent.
    pub fn shares(&self) -> Vec<f64> {
        let mut shares: Vec<f64> = self.held.iter().map(Held::percent).collect();
        shares.dedup();
        shares
    }

    /// What is not as it should be: the balancer is deterministic, so that a share is exact to one request.
    pub fn complaints(&self) -> Vec<String> {
        let off = |held: &&Held| (held.candidate as f64 - held.requests as f64 * held.percent() / 100.0).abs() > 1.0;
        let told =
            |held: &Held| format!("{}: {} of {} requests at {}%", self.case, held.candidate, held.requests, held.percent());
        self.held.iter().filter(off).map(told).collect()
    }
}

impl Held {
    fn percent(&self) -> f64 {
        f64::from(self.share.0) * 100.0 / f64::from(self.share.1)
    }
}

/// Requests without an answer of a version do not tell which side they were for: they end a time, and the next begins.
fn held(asked: &[Asked], version: u32) -> Vec<Held> {
    let mut held: Vec<Held> = Vec::new();
    let mut goes_on = false;
    for one in asked {
        let Some(share) = one.share.filter(|_| one.by.is_some()) else {
            goes_on = false;
            continue;
        };
        goes_on &= held.last().is_some_and(|last| last.share == share);
        if !goes_on {
            held.push(Held { share, requests: 0, candidate: 0 });
        }
        goes_on = true;
        if let Some(last) = held.last_mut() {
            last.requests += 1;
            last.candidate += u64::from(one.by == Some(version));
        }
    }
    held
}

/// The rows as a table.
pub fn table(rows: &[Row]) -> String {
    let head = ["case", "exit", "served", "failed", "candidate", "revision", "shares: wished, measured"].map(str::to_owned);
    let shown = |row: &Row| {
        let exit = row.exit.map_or_else(|| "-".to_owned(), |exit| exit.to_string());
        let (served, failed) = (row.served.to_string(), row.failed.len().to_string());
        let share = |held: &Held| format!("{}%: {}/{}", held.percent(), held.candidate, held.requests);
        let shares: Vec<String> = row.held.iter().map(share).collect();
        [row.case.clone(), exit, served, failed, row.candidate.to_string(), row.revision.clone(), shares.join("  ")]
    };
    let lines: Vec<[String; 7]> = std::iter::once(head).chain(rows.iter().map(shown)).collect();
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
            let _written = write!(text, "{cell:width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Prints the table; every complaint fails the test.
#[track_caller]
pub fn hold(rows: &[Row], mut complaints: Vec<String>) {
    // Also where the test passes, whose output nobody sees.
    let _written = writeln!(std::io::stdout(), "\n\n{}", table(rows));
    complaints.extend(rows.iter().flat_map(Row::complaints));
    let said = |row: &Row| complaints.iter().any(|one| one.starts_with(&row.case)).then(|| format!("{}\n{}", row.case, row.said));
    let said: Vec<String> = rows.iter().filter_map(said).collect();
    assert!(complaints.is_empty(), "{}\n\n{}\n{}", complaints.join("\n"), table(rows), said.join("\n"));
}
