//! What is wrong with the pipeline file: every complaint with its place, shown with the lines it is about.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, ThemeCharacters, ThemeStyles,
};
use shipit_core::failure::{Code, Failure};

use super::source::{Place, SourceKind};

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where.
    pub place: Place,
    /// What is wrong, in one line.
    pub text: String,
    /// What to do about it, if that can be said.
    pub help: Option<String>,
    /// What it depends on.
    pub about: About,
}

/// What a complaint depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// On the text alone.
    Form,
    /// On the day, the environment variables or other files too.
    World,
}

impl Complaint {
    /// A complaint about the text itself.
    pub fn new(place: Place, text: impl Into<String>) -> Self {
        Self { place, text: text.into(), help: None, about: About::Form }
    }

    /// A complaint that depends on the day, the environment variables or other files.
    pub fn of_the_world(place: Place, text: impl Into<String>) -> Self {
        Self { about: About::World, ..Self::new(place, text) }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// `file:line:column: text`.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// Everything that is wrong with a pipeline file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaints {
    /// The pipeline file as it was given.
    pub file: String,
    /// In the order of the file; those of other files, variables and flags behind.
    pub all: Vec<Complaint>,
}

/// How complaints may be painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// With ANSI colours.
    Colours,
    /// Without.
    Plain,
}

impl Complaints {
    /// All of them in a sensible order, each once.
    pub(super) fn new(file: &str, mut all: Vec<Complaint>) -> Self {
        let rank = |complaint: &Complaint| {
            let source = &complaint.place.source;
            let kind = match source.kind {
                SourceKind::File if source.name == file => 0,
                SourceKind::File => 1,
                SourceKind::Variable => 2,
                SourceKind::Flag => 3,
            };
            (kind, source.name.clone(), complaint.place.bytes.start)
        };
        all.sort_by_cached_key(rank);
        let mut seen: Vec<Complaint> = Vec::with_capacity(all.len());
        for complaint in all {
            if !seen.contains(&complaint) {
                seen.push(complaint);
            }
        }
        Self { file: file.to_owned(), all: seen }
    }

    /// "`shipit.yaml` has 3 complaints".
    pub fn headline(&self) -> String {
        match self.all.len() {
            1 => format!("`{}` has a complaint", self.file),
            count => format!("`{}` has {count} complaints", self.file),
        }
    }

    /// The whole report: every complaint with the lines it is about.
    pub fn render(&self, paint: Paint, columns: usize) -> String {
        let theme = match paint {
            Paint::Colours => GraphicalTheme { characters: ThemeCharacters::unicode(), styles: ThemeStyles::ansi() },
            Paint::Plain => GraphicalTheme::unicode_nocolor(),
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(columns).with_context_lines(1).with_links(false);
        let mut report = format!("error[{}]: {}\n", Code::Config, self.headline());
        for complaint in &self.all {
            report.push('\n');
            if handler.render_report(&mut report, &Labelled::new(complaint)).is_err() {
                report.push_str(&complaint.to_string());
            }
        }
        report
    }
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        self.all.iter().try_for_each(|complaint| write!(f, "\n{complaint}"))
    }
}

impl std::error::Error for Complaints {}

impl Complaints {
    /// Each as a failure of its own, at its line.
    pub fn failures(&self) -> Vec<Failure> {
        let failure = |complaint: &Complaint| {
            let failure = Failure::new(Code::Config, &complaint.text).at(complaint.place.line());
            complaint.help.iter().fold(failure, |failure, help| failure.next(help))
        };
        self.all.iter().map(failure).collect()
    }
}

impl From<&Complaints> for Failure {
    fn from(complaints: &Complaints) -> Self {
        let mut failure = Failure::new(Code::Config, complaints.headline());
        failure.because = complaints.all.iter().map(Complaint::to_string).collect();
        let mut helps: Vec<&String> = Vec::new();
        for help in complaints.all.iter().filter_map(|complaint| complaint.help.as_ref()) {
            if !helps.contains(&help) {
                helps.push(help);
            }
        }
        failure.next = helps.into_iter().cloned().collect();
        failure.now("nothing was done")
    }
}

impl From<Complaints> for Failure {
    fn from(complaints: Complaints) -> Self {
        (&complaints).into()
    }
}

/// A complaint as miette wants it.
#[derive(Debug)]
struct Labelled<'a> {
    complaint: &'a Complaint,
    source: Option<NamedSource<String>>,
}

impl<'a> Labelled<'a> {
    fn new(complaint: &'a Complaint) -> Self {
        let source = &complaint.place.source;
        let shown = !source.text.is_empty();
        Self { complaint, source: shown.then(|| NamedSource::new(harmless(&source.name), harmless(&source.text))) }
    }
}

impl fmt::Display for Labelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(_) => f.write_str(&harmless(&self.complaint.text)),
            None => f.write_str(&harmless(&self.complaint.to_string())),
        }
    }
}

/// The same without what a terminal obeys, byte for byte in its place.
fn harmless(text: &str) -> String {
    let shown =
        |c: char| if c.is_control() && !matches!(c, '\n' | '\r' | '\t') { " ".repeat(c.len_utf8()) } else { c.to_string() };
    text.chars().map(shown).collect()
}

impl std::error::Error for Labelled<'_> {}

impl Diagnostic for Labelled<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.complaint.help.as_ref().map(|help| Box::new(harmless(help)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let bytes = &self.complaint.place.bytes;
        let label = LabeledSpan::new_with_span(None, (bytes.start, bytes.end - bytes.start));
        self.source.as_ref().map(|_| Box::new(std::iter::once(label)) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}
