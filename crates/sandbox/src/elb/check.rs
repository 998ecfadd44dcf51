//! A target group's health check: its settings, their defaults and limits (ELBv2's CreateTargetGroup).

use serde_json::{Value, json};

use crate::elb::health::Thresholds;
use crate::elb::matcher::Matcher;
use crate::elb::params::{Params, invalid, number};
use crate::error::AwsError;

/// How a check speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// GET the path, match the status code.
    Http,
    /// A connection is enough.
    Tcp,
}

/// Which port a check goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckPort {
    /// `traffic-port`: the target's own.
    Traffic,
    /// Always this one.
    Fixed(u16),
}

/// A health check's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `HealthCheckProtocol`.
    pub speech: Speech,
    /// `HealthCheckPort`.
    pub port: CheckPort,
    /// `HealthCheckPath`.
    pub path: String,
    /// `HealthCheckIntervalSeconds`, virtual.
    pub interval: u32,
    /// `HealthCheckTimeoutSeconds`, real.
    pub timeout: u32,
    /// `HealthyThresholdCount` and `UnhealthyThresholdCount`.
    pub thresholds: Thresholds,
    /// `Matcher.HttpCode`.
    pub matcher: Matcher,
}

impl Check {
    /// What a group gets that says nothing: its checks speak as its traffic does.
    pub fn default_for(speech: Speech) -> Self {
        Self {
            speech,
            port: CheckPort::Traffic,
            path: "/".to_owned(),
            interval: 30,
            timeout: match speech {
                Speech::Http => 5,
                Speech::Tcp => 10,
            },
            thresholds: Thresholds { healthy: 5, unhealthy: 2 },
            matcher: Matcher::default(),
        }
    }

    /// These settings with what a request says about them.
    ///
    /// # Errors
    /// `ValidationError` for values out of range, `InvalidConfigurationRequest` for what the sandbox cannot do.
    pub fn changed(&self, params: Params<'_>) -> Result<Self, AwsError> {
        let mut check = self.clone();
        match params.text("HealthCheckProtocol") {
            None => {}
            Some("HTTP") => check.speech = Speech::Http,
            Some("TCP") if self.speech == Speech::Tcp => {}
            Some(other) => {
                return Err(AwsError::new(
                    "InvalidConfigurationRequest",
                    format!("Health check protocol '{other}' is not supported for this target group"),
                ));
            }
        }
        match params.text("HealthCheckPort") {
            None => {}
            Some("traffic-port") => check.port = CheckPort::Traffic,
            Some(port) => {
                let port = number("HealthCheckPort", port, 1..=65535)?;
                check.port = u16::try_from(port).map_or(check.port, CheckPort::Fixed);
            }
        }
        if let Some(path) = params.text("HealthCheckPath") {
            if !path.starts_with('/') || path.len() > 1024 || path.parse::<hyper::Uri>().is_err() {
                return Err(invalid(format!("Health check path '{path}' is not valid")));
            }
            path.clone_into(&mut check.path);
        }
        if params.flag("HealthCheckEnabled")? == Some(false) {
            return Err(invalid(
                "Health check enabled must be true for target groups with target type 'instance', 'ip' or 'alb'",
            ));
        }
        let set = |to: &mut u32, name, range| -> Result<(), AwsError> {
            if let Some(number) = params.number(name, range)? {
                *to = number;
            }
            Ok(())
        };
        set(&mut check.interval, "HealthCheckIntervalSeconds", 5..=300)?;
        set(&mut check.timeout, "HealthCheckTimeoutSeconds", 2..=120)?;
        set(&mut check.thresholds.healthy, "HealthyThresholdCount", 2..=10)?;
        set(&mut check.thresholds.unhealthy, "UnhealthyThresholdCount", 2..=10)?;
        if check.speech == Speech::Http && check.timeout >= check.interval {
            return Err(invalid("Health check interval must be greater than the timeout."));
        }
        if let Some(codes) = params.part("Matcher").text("HttpCode") {
            check.matcher = codes
                .parse()
                .map_err(|_| invalid(format!("Health check matcher HTTP code '{codes}' must be within '200-499' inclusive")))?;
        }
        Ok(check)
    }

    /// Adds the settings to a target group's reply.
    pub fn show_in(&self, group: &mut Value) {
        let http = self.speech == Speech::Http;
        group["HealthCheckProtocol"] = json!(if http { "HTTP" } else { "TCP" });
        group["HealthCheckPort"] = match self.port {
            CheckPort::Traffic => json!("traffic-port"),
            CheckPort::Fixed(port) => json!(port.to_string()),
        };
        group["HealthCheckEnabled"] = json!(true);
        group["HealthCheckIntervalSeconds"] = json!(self.interval);
        group["HealthCheckTimeoutSeconds"] = json!(self.timeout);
        group["HealthyThresholdCount"] = json!(self.thresholds.healthy);
        group["UnhealthyThresholdCount"] = json!(self.thresholds.unhealthy);
        if http {
            group["HealthCheckPath"] = json!(self.path);
            group["Matcher"] = json!({"HttpCode": self.matcher.to_string()});
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(body: &Value) -> Result<Check, AwsError> {
        Check::default_for(Speech::Http).changed(Params(body))
    }

    #[test]
    fn settings_are_changed_one_by_one() {
        let check = changed(&json!({
            "HealthCheckPath": "/health?deep=1", "HealthCheckIntervalSeconds": "10", "HealthyThresholdCount": "2",
            "HealthCheckPort": "9000", "Matcher": {"HttpCode": "200-299"},
        }))
        .unwrap();
        assert_eq!((check.interval, check.timeout), (10, 5));
        assert_eq!((check.thresholds.healthy, check.thresholds.unhealthy), (2, 2));
        assert_eq!(check.port, CheckPort::Fixed(9000));
        assert!(check.matcher.matches(204));
        let mut shown = json!({});
        check.show_in(&mut shown);
        assert_eq!(shown["HealthCheckPort"], "9000");
        assert_eq!(shown["Matcher"]["HttpCode"], "200-299");
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let refused = [
            json!({"HealthCheckIntervalSeconds": "4"}),
            json!({"HealthCheckIntervalSeconds": "5"}),
            json!({"HealthCheckTimeoutSeconds": "30"}),
            json!({"HealthyThresholdCount": "11"}),
            json!({"Matcher": {"HttpCode": "600"}}),
            json!({"HealthCheckPath": "health"}),
            json!({"HealthCheckPath": "/a b"}),
            json!({"HealthCheckPort": "0"}),
            json!({"HealthCheckEnabled": "false"}),
        ];
        for body in refused {
            assert_eq!(changed(&body).unwrap_err().code, "ValidationError", "{body}");
        }
    }
}
