//! Where a value came from, so that a plan can show why a surprising one is what it is.

use std::fmt;

use super::source::{Place, SourceKind};

/// Where one value of the pipeline came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It stands in the pipeline file.
    File {
        /// Where.
        place: Place,
        /// The `environments:` block it stands in, if it does.
        environment: Option<String>,
        /// Environment variables that were filled into it by `${env:…}`.
        variables: Vec<String>,
    },
    /// A `SHIPIT_…` environment variable: its name.
    Variable(String),
    /// A flag: its name.
    Flag(String),
    /// Nobody gave it: the documented default.
    Default,
}

impl Origin {
    /// Where a value that stands at that place came from.
    pub(super) fn of(place: &Place, environment: Option<(&str, &Place)>, variables: &[String]) -> Self {
        match place.source.kind {
            SourceKind::Variable => Origin::Variable(place.source.name.clone()),
            SourceKind::Flag => Origin::Flag(place.source.name.clone()),
            SourceKind::File => Origin::File {
                place: place.clone(),
                environment: environment.filter(|(_, block)| place.is_in(block)).map(|(name, _)| name.to_owned()),
                variables: variables.to_vec(),
            },
        }
    }
}

/// E.g. "shipit.yaml:40:14 (`environments.production`)".
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { place, environment, variables } => {
                write!(f, "{place}")?;
                if let Some(name) = environment {
                    write!(f, " (`environments.{name}`)")?;
                }
                variables.iter().try_for_each(|name| write!(f, " from `${{env:{name}}}`"))
            }
            Origin::Variable(name) | Origin::Flag(name) => write!(f, "`{name}`"),
            Origin::Default => f.write_str("default"),
        }
    }
}
