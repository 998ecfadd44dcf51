//! What is wrong, and where.

use std::fmt;

use serde_json::Value;

/// One thing that is not as the model has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    /// `ecs DescribeServices reply`
    pub operation: String,
    /// `services[0].deployments[1].rolloutState`
    pub place: String,
    /// `ecs DeploymentRolloutState enum DONE`: what [`super::differences`] may allow.
    pub about: String,
    /// The value as it stood there.
    pub value: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        write!(to, "{}: {}: {} ({})", self.operation, self.place, self.about, self.value)
    }
}

/// Where a value stands.
#[derive(Clone, Debug)]
pub struct Place {
    service: String,
    operation: String,
    path: Vec<String>,
}

impl Place {
    /// The top of one side of an exchange.
    pub fn of(service: &str, operation: &str, side: &str) -> Self {
        Self { service: service.to_owned(), operation: format!("{service} {operation} {side}"), path: Vec::new() }
    }

    /// A line that is no exchange.
    pub fn line() -> Self {
        Self::of("record", "?", "line")
    }

    /// One step down; [`Place::leave`] goes back up.
    pub fn enter(&mut self, step: String) {
        self.path.push(step);
    }

    /// One step up.
    pub fn leave(&mut self) {
        self.path.pop();
    }

    /// A complaint about the value here.
    pub fn complain(&self, about: &str, value: &Value) -> Complaint {
        let mut value = value.to_string();
        if let Some((end, _)) = value.char_indices().nth(200) {
            value.truncate(end);
            value.push('…');
        }
        Complaint {
            operation: self.operation.clone(),
            place: if self.path.is_empty() { "top".to_owned() } else { self.path.concat().trim_start_matches('.').to_owned() },
            about: format!("{} {about}", self.service),
            value,
        }
    }
}
