//! A fault as JSON: what the admin API takes and shows.

use std::num::NonZeroU64;

use serde_json::{Map, Value, json};

use super::{Fault, Kind, Match, Often};

impl Fault {
    /// Reads `{"match": {…}, "kind": …, "times": N | "rate": 0.5, …}`.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn read(fault: Value) -> Result<Self, String> {
        let Value::Object(mut members) = fault else {
            return Err("a fault is an object".to_owned());
        };
        let matches = match members.remove("match") {
            Some(matches) => serde_json::from_value::<Match>(matches).map_err(|error| format!("`match`: {error}"))?,
            None => Match::default(),
        };
        let often = often(&mut members)?;
        let kind = serde_json::from_value::<Kind>(Value::Object(members)).map_err(|error| error.to_string())?;
        Ok(Self { matches, kind, often })
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        // Both are plain structures with string keys.
        let mut shown = json!({ "match": self.matches });
        if let (Value::Object(shown), Ok(Value::Object(kind))) = (&mut shown, serde_json::to_value(&self.kind)) {
            shown.extend(kind);
        }
        match self.often {
            Often::Always => {}
            Often::Times(times) => shown["times"] = times.get().into(),
            Often::Rate(rate) => shown["rate"] = rate.into(),
        }
        shown
    }
}

fn often(members: &mut Map<String, Value>) -> Result<Often, String> {
    match (members.remove("times"), members.remove("rate")) {
        (None, None) => Ok(Often::Always),
        (Some(times), None) => {
            let times = times.as_u64().and_then(NonZeroU64::new).ok_or("`times` is a whole number from 1 up")?;
            Ok(Often::Times(times))
        }
        (None, Some(rate)) => {
            let rate = rate.as_f64().filter(|rate| (0.0..=1.0).contains(rate)).ok_or("`rate` is a number from 0 to 1")?;
            Ok(Often::Rate(rate))
        }
        (Some(_), Some(_)) => Err("a fault has `times` or `rate`, not both".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_and_shown() {
        for fault in [
            json!({"match": {"service": "ecs"}, "kind": "throttle", "times": 3}),
            json!({"match": {}, "kind": "server_error", "status": 503, "rate": 0.5}),
            json!({"match": {}, "kind": "drop"}),
            json!({"match": {"operation": "UploadLayerPart"}, "kind": "cut", "after": 1000, "times": 1}),
            json!({"match": {"operation": "UpdateService"}, "kind": "deny"}),
            json!({"match": {}, "kind": "expire"}),
            json!({"match": {}, "kind": "clock_skew", "minutes": 20}),
            json!({"match": {}, "kind": "stale", "seconds": 5.0}),
            json!({"match": {"resource": "web"}, "kind": "crash", "exit_code": 1, "after_seconds": 2.0}),
            json!({"match": {"resource": "web"}, "kind": "unhealthy", "status": 503}),
            json!({"match": {"resource": "web"}, "kind": "no_capacity", "reason": "RESOURCE:CPU"}),
            json!({"match": {"resource": "i-1"}, "kind": "agent_lost"}),
            json!({"match": {"resource": "web"}, "kind": "pull_failure", "message": "not found"}),
            json!({"match": {"resource": "web"}, "kind": "slow_start", "seconds": 60.0}),
            json!({"match": {"resource": "web"}, "kind": "scan", "status": "COMPLETE", "findings": [{"name": "CVE-1"}], "age_seconds": 60.0}),
        ] {
            assert_eq!(Fault::read(fault.clone()).unwrap().to_json(), fault);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (fault, complaint) in [
            (json!([]), "a fault is an object"),
            (json!({"kind": "drops"}), "unknown variant `drops`"),
            (json!({"match": {"action": "x"}, "kind": "drop"}), "unknown field `action`"),
            (json!({"kind": "drop", "times": 0}), "`times` is a whole number from 1 up"),
            (json!({"kind": "drop", "rate": 2}), "`rate` is a number from 0 to 1"),
            (json!({"kind": "drop", "rate": 1, "times": 1}), "not both"),
            (json!({"kind": "crash", "code": 1}), "unknown field `code`"),
            (json!({"kind": "drop", "after": 1}), "unknown field `after`"),
            (json!({}), "missing field `kind`"),
        ] {
            let error = Fault::read(fault).unwrap_err();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
