//! A line of the record: which shapes its sides have, in which protocol.

use serde_json::{Map, Value};

use super::complaint::{Complaint, Place};
use super::errors::Error;
use super::model::{self, Model, Operation};
use super::walk::{Dialect, Walk};
use super::xml::Element;

/// Everything that is wrong with an exchange.
pub fn complaints(exchange: &Value) -> Vec<Complaint> {
    let text = |name: &str| exchange[name].as_str().unwrap_or_default();
    let status = exchange["status"].as_u64().unwrap_or_default();
    let Some(service) = exchange["service"].as_str() else {
        // For no service that there is: any refusal will do.
        let refused = (400..500).contains(&status) && exchange.get("error").is_some();
        let complaint = || Place::line().complain("a request to no service was not refused", exchange);
        return (!refused).then(complaint).into_iter().collect();
    };
    let model = model::of(service);
    let name = text("operation");
    let place = |side: &str| Place::of(service, name, side);
    let dialect = match text("protocol") {
        "json" => Dialect::Json,
        "cbor" => Dialect::Cbor,
        "query" => Dialect::Text,
        _ => return vec![place("").complain("the protocol is unknown", &exchange["protocol"])],
    };
    let operation = model.operation(name);
    let (mut found, judge_request) = match exchange.get("error") {
        None => match operation {
            None => (vec![place("reply").complain("the model does not have the operation", &Value::Null)], false),
            Some(operation) => (reply(&model, operation, dialect, status, &exchange["reply"], place("reply")), true),
        },
        Some(error) => match on_the_wire(&model, dialect, status, &error["body"]) {
            Err(why) => (vec![place("error").complain(&why, &error["body"])], false),
            Ok(error) => (error.complaints(&model, operation, place("error")), !error.refuses_request()),
        },
    };
    if let Some(operation) = operation.filter(|_| judge_request) {
        let mut walk = Walk::new(&model, dialect, place("request"));
        walk.structure(operation.input(), &exchange["request"]);
        found.extend(walk.found);
    }
    found
}

fn reply(model: &Model, operation: Operation, dialect: Dialect, status: u64, body: &Value, place: Place) -> Vec<Complaint> {
    let mut walk = Walk::new(model, dialect, place.clone());
    if status != 200 {
        walk.complain("a reply without status 200", &status.into());
    }
    match (dialect, body.as_str()) {
        (Dialect::Text, Some(document)) => match in_xml(model, operation, document) {
            Ok(value) => walk.structure(operation.output(), &value),
            Err(why) => walk.complain(&why, body),
        },
        (Dialect::Text, None) => walk.complain("a reply without a document", body),
        (_, Some(_)) => walk.complain("a reply that is a text", body),
        // No body at all is read as an empty structure.
        (_, None) if body.is_null() => walk.structure(operation.output(), &Value::Object(Map::new())),
        (_, None) => walk.structure(operation.output(), body),
    }
    walk.found
}

/// `<OpResponse xmlns><OpResult>…</OpResult><ResponseMetadata><RequestId>`
fn in_xml(model: &Model, operation: Operation, document: &str) -> Result<Value, String> {
    let root = Element::read(document)?;
    if !root.name.ends_with("Response") || root.namespace.as_deref() != model.namespace() {
        return Err(format!(
            "the element {} of {:?} instead of a response of {:?}",
            root.name,
            root.namespace,
            model.namespace()
        ));
    }
    if root.child("ResponseMetadata").and_then(|metadata| metadata.child("RequestId")).is_none() {
        return Err("no RequestId in its ResponseMetadata".to_owned());
    }
    let wrapper = operation.wrapper();
    if let Some(other) =
        root.children.iter().find(|child| Some(child.name.as_str()) != wrapper && child.name != "ResponseMetadata")
    {
        return Err(format!("the element {} beside {wrapper:?}", other.name));
    }
    match (wrapper, operation.output()) {
        (Some(wrapper), Some(shape)) => {
            root.child(wrapper).map(|result| result.value(model, shape)).ok_or_else(|| format!("no {wrapper}"))
        }
        _ => Ok(Value::Null),
    }
}

/// The error as its reader sees it.
fn on_the_wire(model: &Model, dialect: Dialect, status: u64, body: &Value) -> Result<Error, String> {
    match dialect {
        Dialect::Json | Dialect::Cbor => {
            let mut members = body.as_object().cloned().ok_or("an error that is not an object")?;
            let kind = members.remove("__type");
            let code = kind.as_ref().and_then(Value::as_str).ok_or("an error without __type")?;
            let code = code.rsplit('#').next().unwrap_or(code).to_owned();
            let message = members.remove("message").or_else(|| members.remove("Message"));
            message.filter(Value::is_string).ok_or("an error without a message")?;
            Ok(Error { code, members, status, dialect })
        }
        Dialect::Text => {
            let root = Element::read(body.as_str().ok_or("an error without a document")?)?;
            if root.name != "ErrorResponse" || root.namespace.as_deref() != model.namespace() {
                return Err(format!("the element {} of {:?} instead of an ErrorResponse", root.name, root.namespace));
            }
            root.child("RequestId").ok_or("an error without RequestId")?;
            let error = root.child("Error").ok_or("an ErrorResponse without Error")?;
            let whose = error.child("Type").map(|kind| kind.text.as_str());
            let expected = if status < 500 { "Sender" } else { "Receiver" };
            if whose != Some(expected) {
                return Err(format!("the error's Type is {whose:?} instead of {expected}"));
            }
            let code = error.child("Code").ok_or("an error without Code")?.text.clone();
            error.child("Message").ok_or("an error without Message")?;
            let others = error.children.iter().filter(|child| !["Type", "Code", "Message"].contains(&child.name.as_str()));
            let members: Map<String, Value> = others.map(|child| (child.name.clone(), child.text.clone().into())).collect();
            Ok(Error { code, members, status, dialect })
        }
    }
}
