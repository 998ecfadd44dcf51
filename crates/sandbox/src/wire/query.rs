//! AWS query: a form with `Action`, `Version` and dotted names in, XML out.

use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use serde_json::{Map, Value};

use super::TIMESTAMPS;
use crate::error::AwsError;

/// Deeper names are refused; AWS's own shapes nest less than ten levels.
const DEPTH: usize = 32;

/// A request's form.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// The operation; empty when the form does not say.
    pub action: String,
    /// The API's version, which tells the service.
    pub version: String,
    /// Everything else, as a tree of strings.
    pub parameters: Value,
}

/// Reads a form: `Actions.member.1.Type=forward` becomes `{"Actions": [{"Type": "forward"}]}`. Members are ordered by their
/// numbers, which may have gaps.
///
/// # Errors
/// `MalformedQueryString` when a name is both a value and a structure, or too deep.
pub fn read(body: &[u8]) -> Result<Form, AwsError> {
    let mut form = Form { action: String::new(), version: String::new(), parameters: Value::Null };
    let mut tree = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        match name.as_ref() {
            "Action" => form.action = value.into_owned(),
            "Version" => form.version = value.into_owned(),
            "" => {}
            name => insert(&mut tree, name, value.into_owned())?,
        }
    }
    form.parameters = with_lists(tree);
    Ok(form)
}

fn insert(mut tree: &mut Map<String, Value>, name: &str, value: String) -> Result<(), AwsError> {
    let bad = || AwsError::new("MalformedQueryString", format!("The query string contains the name {name} twice."));
    let mut parts: Vec<&str> = name.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    if parts.len() > DEPTH {
        return Err(bad());
    }
    for part in parts {
        let below = tree.entry(part).or_insert_with(|| Value::Object(Map::new()));
        tree = below.as_object_mut().ok_or_else(bad)?;
    }
    match tree.insert(last.to_owned(), Value::String(value)) {
        None => Ok(()),
        Some(_) => Err(bad()),
    }
}

/// Turns every `{"member": {"1": …, "2": …}}` into an array.
fn with_lists(tree: Map<String, Value>) -> Value {
    let numbered =
        |members: &Map<String, Value>| members.iter().map(|(name, _)| name.parse::<u64>()).collect::<Result<Vec<_>, _>>().ok();
    if tree.len() == 1
        && let Some(Value::Object(members)) = tree.get("member")
        && let Some(numbers) = numbered(members)
    {
        let mut items: Vec<(u64, Value)> = numbers.into_iter().zip(members.values().cloned()).collect();
        items.sort_by_key(|(number, _)| *number);
        return Value::Array(items.into_iter().map(|(_, item)| item_with_lists(item)).collect());
    }
    Value::Object(tree.into_iter().map(|(name, item)| (name, item_with_lists(item))).collect())
}

fn item_with_lists(item: Value) -> Value {
    match item {
        Value::Object(members) => with_lists(members),
        scalar => scalar,
    }
}

/// What [`read`] would give for parameters written as JSON with AWS's member names: numbers and booleans become strings.
pub fn strings(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let present = members.into_iter().filter(|(_, member)| !member.is_null());
            Value::Object(present.map(|(name, member)| (name, strings(member))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(strings).collect()),
        Value::Null | Value::String(_) => value,
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
    }
}

/// Writes a reply: `<OpResponse xmlns><OpResult>…</OpResult><ResponseMetadata>…`; a null reply has no `OpResult`.
pub fn write(namespace: &str, operation: &str, reply: &Value, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::default();
    let response = format!("{operation}Response");
    xml.open_with(&response, namespace);
    if !reply.is_null() {
        xml.value(&format!("{operation}Result"), reply);
    }
    xml.open("ResponseMetadata");
    xml.text("RequestId", request_id);
    xml.close("ResponseMetadata");
    xml.close(&response);
    xml.done()
}

/// Writes an error: `<ErrorResponse xmlns><Error><Type/><Code/><Message/></Error><RequestId/></ErrorResponse>`.
pub fn write_error(namespace: &str, error: &AwsError, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::default();
    xml.open_with("ErrorResponse", namespace);
    xml.open("Error");
    xml.text("Type", if error.status < 500 { "Sender" } else { "Receiver" });
    xml.text("Code", &error.code);
    xml.text("Message", &error.message);
    for (name, member) in error.members.iter().flat_map(|members| members.iter()) {
        xml.value(name, member);
    }
    xml.close("Error");
    xml.text("RequestId", request_id);
    xml.close("ErrorResponse");
    xml.done()
}

/// An error in the query protocol's own words, where they differ from JSON's (ELBv2 and STS, "Common Errors").
pub fn translate(error: AwsError) -> AwsError {
    let (code, status) = match error.code.as_str() {
        "UnknownOperationException" => ("InvalidAction", 400),
        "ThrottlingException" => ("Throttling", 400),
        "AccessDeniedException" => ("AccessDenied", 403),
        "ExpiredTokenException" => ("ExpiredToken", 403),
        "ServiceUnavailableException" => ("ServiceUnavailable", 503),
        _ => return error,
    };
    AwsError { code: code.to_owned(), status, ..error }
}

/// An XML document as it grows. Writing to memory cannot fail.
struct Xml(Writer<Vec<u8>>);

impl Default for Xml {
    fn default() -> Self {
        Self(Writer::new(Vec::new()))
    }
}

impl Xml {
    fn event(&mut self, event: Event<'_>) {
        self.0.write_event(event).expect("writing to memory cannot fail");
    }

    fn open_with(&mut self, name: &str, namespace: &str) {
        self.event(Event::Start(BytesStart::new(name).with_attributes([("xmlns", namespace)])));
    }

    fn open(&mut self, name: &str) {
        self.event(Event::Start(BytesStart::new(name)));
    }

    fn close(&mut self, name: &str) {
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn text(&mut self, name: &str, text: &str) {
        let allowed = |it: char| matches!(it, '\t' | '\n' | '\r') || it >= ' ' && !matches!(it, '\u{fffe}' | '\u{ffff}');
        let text: String = text.chars().map(|it| if allowed(it) { it } else { '\u{fffd}' }).collect();
        self.open(name);
        self.event(Event::Text(BytesText::new(&text)));
        self.close(name);
    }

    fn value(&mut self, name: &str, value: &Value) {
        self.value_of(name, name, value);
    }

    /// `member` is the name by which the table of timestamps knows the value: a list's own name for its members.
    fn value_of(&mut self, name: &str, member: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::String(text) => self.text(name, text),
            Value::Bool(it) => self.text(name, &it.to_string()),
            Value::Number(number) if TIMESTAMPS.contains(&member) => {
                self.text(name, &iso(number.as_f64().unwrap_or_default()));
            }
            Value::Number(number) => self.text(name, &number.to_string()),
            Value::Array(items) => {
                self.open(name);
                for item in items {
                    self.value_of("member", member, item);
                }
                self.close(name);
            }
            Value::Object(members) => {
                self.open(name);
                for (name, value) in members {
                    self.value(name, value);
                }
                self.close(name);
            }
        }
    }

    fn done(self) -> Vec<u8> {
        self.0.into_inner()
    }
}

/// `2026-09-21T14:13:20.500Z`
fn iso(seconds: f64) -> String {
    let timestamp = Timestamp::from_millisecond((seconds * 1000.0) as i64).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{timestamp:.3}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_lists_and_structures() {
        let form = read(
            b"Action=ModifyRule&Version=2015-12-01&RuleArn=arn%3Aaws&Actions.member.1.Type=forward\
              &Actions.member.1.ForwardConfig.TargetGroups.member.2.Weight=10\
              &Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight=90&Conditions=&Names.member.10=b&Names.member.9=a+b",
        )
        .unwrap();
        assert_eq!((form.action.as_str(), form.version.as_str()), ("ModifyRule", "2015-12-01"));
        let expected = json!({
            "RuleArn": "arn:aws",
            "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"Weight": "90"}, {"Weight": "10"}]}}],
            "Conditions": "",
            "Names": ["a b", "b"],
        });
        assert_eq!(form.parameters, expected);
    }

    #[test]
    fn refuses_what_cannot_be_a_tree() {
        for bad in ["A=1&A.B=2", "A.B=2&A=1", "A=1&A=2"] {
            assert_eq!(read(bad.as_bytes()).unwrap_err().code, "MalformedQueryString", "{bad}");
        }
        let deep = format!("{}a=1", "a.".repeat(100_000));
        assert_eq!(read(deep.as_bytes()).unwrap_err().code, "MalformedQueryString");
    }

    #[test]
    fn parameters_as_json_become_the_same_tree() {
        let body = json!({"Port": 80, "Rate": 1.5, "Enabled": true, "None": null, "List": [{"Weight": 1}, "x"]});
        let expected = json!({"Port": "80", "Rate": "1.5", "Enabled": "true", "List": [{"Weight": "1"}, "x"]});
        assert_eq!(strings(body), expected);
    }

    /// The reply of DescribeTargetHealth, as ELBv2 gives it.
    #[test]
    fn writes_the_skeleton_of_target_health() {
        let reply = json!({"TargetHealthDescriptions": [{
            "HealthCheckPort": "8080",
            "Target": {"Id": "10.0.0.5", "Port": 8080, "AvailabilityZone": "us-east-1a"},
            "TargetHealth": {
                "State": "unhealthy",
                "Reason": "Target.ResponseCodeMismatch",
                "Description": "Health checks failed with these codes: [503]",
            },
        }]});
        let namespace = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";
        let expected = "<DescribeTargetHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
            <DescribeTargetHealthResult><TargetHealthDescriptions><member><HealthCheckPort>8080</HealthCheckPort><Target>\
            <Id>10.0.0.5</Id><Port>8080</Port><AvailabilityZone>us-east-1a</AvailabilityZone></Target><TargetHealth>\
            <State>unhealthy</State><Reason>Target.ResponseCodeMismatch</Reason><Description>Health checks failed with \
            these codes: [503]</Description></TargetHealth></member></TargetHealthDescriptions></DescribeTargetHealthResult>\
            <ResponseMetadata><RequestId>uuid</RequestId></ResponseMetadata></DescribeTargetHealthResponse>";
        let xml = write(namespace, "DescribeTargetHealth", &reply, "uuid");
        assert_eq!(String::from_utf8(xml).unwrap(), expected);
    }

    #[test]
    fn writes_timestamps_as_iso_and_escapes_text() {
        let reply = json!({"CreatedTime": 1_790_000_000.5, "Name": "a<b>&\"c\"\u{1}", "Gone": null, "Timestamps": [0]});
        let xml = String::from_utf8(write("ns", "Op", &reply, "id")).unwrap();
        assert!(xml.contains("<CreatedTime>2026-09-21T14:13:20.500Z</CreatedTime>"), "{xml}");
        assert!(xml.contains("<Name>a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}</Name><Timestamps>"), "{xml}");
        assert!(xml.contains("<Timestamps><member>1970-01-01T00:00:00.000Z</member></Timestamps>"), "{xml}");
    }

    #[test]
    fn writes_no_result_for_operations_without_one() {
        let xml = String::from_utf8(write("ns", "PutMetricAlarm", &Value::Null, "id")).unwrap();
        assert!(!xml.contains("Result"), "{xml}");
        let xml = String::from_utf8(write("ns", "DeleteRule", &json!({}), "id")).unwrap();
        assert!(xml.contains("<DeleteRuleResult></DeleteRuleResult>"), "{xml}");
    }

    #[test]
    fn writes_errors_as_aws_does() {
        let error = AwsError::new("TargetGroupNotFound", "One or more target groups not found");
        assert_eq!(
            String::from_utf8(write_error("ns", &error, "id")).unwrap(),
            "<ErrorResponse xmlns=\"ns\"><Error><Type>Sender</Type><Code>TargetGroupNotFound</Code>\
             <Message>One or more target groups not found</Message></Error><RequestId>id</RequestId></ErrorResponse>"
        );
    }

    proptest! {
        #[test]
        fn any_form_is_read_or_refused(body in "[a-cA.member=&%0-9+]{0,60}") {
            let _ = read(body.as_bytes());
        }

        #[test]
        fn any_text_is_read_back(text in ".*") {
            let body: String = form_urlencoded::Serializer::new(String::new())
                .append_pair("Names.member.1.Value", &text)
                .finish();
            prop_assert_eq!(read(body.as_bytes()).unwrap().parameters, json!({"Names": [{"Value": text}]}));
        }
    }
}
