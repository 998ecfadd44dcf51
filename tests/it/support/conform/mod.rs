//! Does every exchange of a sandbox keep to AWS's own models? Written apart from the sandbox's codecs.
//!
//! [`model`] reads botocore's models, [`walk`] holds one value against one shape, [`xml`] makes values of query replies,
//! [`errors`] knows which errors an operation may answer, [`differences`] is the reviewed list of what is allowed to differ.

mod complaint;
mod differences;
mod errors;
mod exchange;
pub mod model;
#[cfg(test)]
mod tests;
mod walk;
mod xml;

use std::path::Path;

use serde_json::Value;

pub use complaint::Complaint;
use complaint::Place;
use walk::{Dialect, Walk};

/// Everything that is wrong with a record of exchanges (JSON lines); equal complaints are told once.
pub fn complaints_of_record(record: &Path) -> Vec<Complaint> {
    let text = std::fs::read_to_string(record).unwrap_or_else(|error| panic!("`{}`: {error}", record.display()));
    let mut found: Vec<Complaint> = text
        .lines()
        .flat_map(|line| match serde_json::from_str(line) {
            Ok(exchange) => complaints(&exchange),
            Err(error) => vec![Place::line().complain(&format!("the line is not JSON: {error}"), &line.into())],
        })
        .collect();
    let mut told = std::collections::BTreeSet::new();
    found.retain(|complaint| told.insert((complaint.operation.clone(), complaint.about.clone())));
    found
}

/// What is wrong with one exchange, without what is allowed to differ.
pub fn complaints(exchange: &Value) -> Vec<Complaint> {
    let mut found = exchange::complaints(exchange);
    found.retain(|complaint| !differences::allowed(complaint));
    found
}

/// What is wrong with a request as a seed has it: AWS's member names, JSON's types.
pub fn complaints_of_request(service: &str, operation: &str, body: &Value) -> Vec<Complaint> {
    let model = model::of(service);
    let place = Place::of(service, operation, "request");
    let Some(described) = model.operation(operation) else {
        return vec![place.complain("the model does not have the operation", &Value::Null)];
    };
    let mut walk = Walk::new(&model, Dialect::Json, place);
    walk.structure(described.input(), body);
    let mut found = walk.found;
    found.retain(|complaint| !differences::allowed(complaint));
    found
}
