//! The alarms of a service.

use serde_json::{Value, json};

use super::site::Site;
use super::world::World;

/// One that watches what the candidate's target group answers, and one that only a person moves.
pub fn made(world: &World, name: &str, watched: &str) -> Value {
    let put = |alarm: String, treat: &str, dimensions: Value| {
        json!({"service": "cloudwatch", "operation": "PutMetricAlarm", "body": {
            "AlarmName": alarm, "Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count", "Statistic": "Sum",
            "Period": "60", "EvaluationPeriods": "1", "Threshold": "0", "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": treat, "Dimensions": dimensions}})
    };
    let balancer = world.balancer.split_once(":loadbalancer/").unwrap().1;
    let of_group = json!([
        {"Name": "TargetGroup", "Value": watched.rsplit(':').next().unwrap()}, {"Name": "LoadBalancer", "Value": balancer},
    ]);
    json!([
        put(format!("{name}-5xx"), "notBreaching", of_group),
        put(format!("{name}-desk"), "ignore", json!([{"Name": "TargetGroup", "Value": "nobody's"}])),
        set(&format!("{name}-desk"), "OK"),
    ])
}

fn set(alarm: &str, state: &str) -> Value {
    json!({"service": "cloudwatch", "operation": "SetAlarmState",
        "body": {"AlarmName": alarm, "StateValue": state, "StateReason": "someone has looked"}})
}

impl Site<'_> {
    /// Someone moves the alarm that is only moved by hand.
    pub async fn alarm(&self, state: &str) {
        self.world.sandbox.admin("seed", &json!([set(&format!("{}-desk", self.name), state)])).await;
    }
}
