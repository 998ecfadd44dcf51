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
    /// Of the processes before the last one; none of one that was killed.
    pub before: Vec<Option<i32>>,
    /// Of the last process.
    pub exit: Option<i32>,
    pub served: usize,
    pub failed: Vec<Asked>,
    /// Requests that the candidate got, failed ones included.
    pub candidate: usize,
    pub held: Vec<Held>,
    /// The version that answered last.
    pub last: Option<u32>,
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
            before: Vec::new(),
            exit: None,
            served: asked.len() - failed.len(),
            failed,
            candidate: asked.iter().filter(|asked| asked.by == Some(version)).count(),
            held: held(asked, version),
            last: asked.last().and_then(|asked| asked.by),
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

/// Requests without an answer of a version do not tell which side they were for: they end a time, and the next begins. Where
/// one side has all, nothing depends on what came before.
fn held(asked: &[Asked], version: u32) -> Vec<Held> {
    let mut held: Vec<Held> = Vec::new();
    let mut goes_on = false;
    for one in asked {
        let Some((weight, of)) = one.share.filter(|_| one.by.is_some()) else {
            goes_on = false;
            continue;
        };
        let (share, whole) = match weight {
            0 => ((0, 1), true),
            all if all == of => ((1, 1), true),
            _ => ((weight, of), false),
        };
        if !held.last().is_some_and(|last| last.share == share && (goes_on || whole)) {
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

/// `killed×3 0`
fn together(words: Vec<String>) -> String {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for word in words {
        match counted.last_mut().filter(|(last, _)| *last == word) {
            Some((_, count)) => *count += 1,
            None => counted.push((word, 1)),
        }
    }
    let shown = |(word, count): &(String, usize)| if *count == 1 { word.clone() } else { format!("{word}×{count}") };
    counted.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// The rows as a table.
pub fn table(rows: &[Row]) -> String {
    let head = ["case", "exit", "served", "failed", "candidate", "revision", "shares: wished, measured"].map(str::to_owned);
    let shown = |row: &Row| {
        let exit = |exit: &Option<i32>| exit.map_or_else(|| "killed".to_owned(), |exit| exit.to_string());
        let exits: Vec<String> = row.before.iter().chain([&row.exit]).map(exit).collect();
        let (served, failed) = (row.served.to_string(), row.failed.len().to_string());
        let share = |held: &Held| format!("{}%: {}/{}", held.percent(), held.candidate, held.requests);
        let shares: Vec<String> = row.held.iter().map(share).collect();
        [row.case.clone(), together(exits), served, failed, row.candidate.to_string(), row.revision.clone(), shares.join("  ")]
    };
    let lines: Vec<[String; 7]> = std::iter::once(head).chain(rows.iter().map(shown)).collect();
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
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
