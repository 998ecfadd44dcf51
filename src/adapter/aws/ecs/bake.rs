//! When the bake of a deployment began. ECS tells no times of its stages: only when the deployment was last changed, which
//! also moves later for other reasons. What was seen bounds it: after the last look at an earlier stage, before the first at
//! the bake; once told it does not move.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shipit_core::settled::Stage;

use super::reading::time;

/// What was seen of the bakes of deployments, by ARN.
#[derive(Debug, Default)]
pub struct Bakes(HashMap<String, Seen>);

#[derive(Clone, Copy, Debug)]
enum Seen {
    /// It was at an earlier stage then.
    Before(Timestamp),
    /// It began then, about.
    Began(Timestamp),
}

impl Bakes {
    /// Until when a deployment of DescribeServiceDeployments bakes, about; none while it does not.
    pub fn until(&mut self, arn: &str, deployment: &Value, now: Timestamp) -> Option<Timestamp> {
        let stage = Stage::of(deployment["lifecycleStage"].as_str()?);
        if stage != Stage::BakeTime {
            self.0.insert(arn.to_owned(), Seen::Before(now));
            return None;
        }
        let changed = time(&deployment["updatedAt"]).map_or(now, |changed| changed.min(now));
        let began = match self.0.get(arn) {
            Some(Seen::Began(began)) => *began,
            Some(Seen::Before(earlier)) => changed.max(*earlier),
            None => changed,
        };
        self.0.insert(arn.to_owned(), Seen::Began(began));
        let minutes = deployment["deploymentConfiguration"]["bakeTimeInMinutes"].as_i64().filter(|minutes| *minutes <= 1440)?;
        began.checked_add(SignedDuration::from_mins(minutes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn look(stage: &str, changed: Option<i64>) -> Value {
        let changed = changed.map(|second| 1_790_000_000 + second);
        json!({"lifecycleStage": stage, "updatedAt": changed, "deploymentConfiguration": {"bakeTimeInMinutes": 10}})
    }

    const POST: &str = "POST_PRODUCTION_TRAFFIC_SHIFT";
    const BAKE: &str = "BAKE_TIME";

    #[test]
    fn the_bake_ends_so_long_after_its_stage_began() {
        let mut bakes = Bakes::default();
        assert_eq!(bakes.until("a", &look(POST, Some(80)), at(90)), None);
        assert_eq!(bakes.until("a", &look(BAKE, Some(100)), at(110)), Some(at(700)));
        assert_eq!(bakes.until("b", &look(BAKE, Some(30)), at(110)), Some(at(630)), "as far as that is known");
    }

    #[test]
    fn a_change_in_the_middle_does_not_move_it_and_one_from_before_the_stage_does_not_count() {
        let mut bakes = Bakes::default();
        bakes.until("a", &look(POST, Some(20)), at(90));
        assert_eq!(bakes.until("a", &look(BAKE, Some(20)), at(110)), Some(at(690)), "it had not begun at 90");
        assert_eq!(bakes.until("a", &look(BAKE, Some(400)), at(410)), Some(at(690)), "a task was replaced");
        assert_eq!(bakes.until("b", &look(BAKE, None), at(110)), Some(at(710)), "at the first look at the latest");
        assert_eq!(bakes.until("c", &look(BAKE, Some(900)), at(110)), Some(at(710)), "no time to come");
    }

    #[test]
    fn a_time_that_no_bake_takes_is_not_known() {
        let mut baking = look(BAKE, Some(100));
        baking["deploymentConfiguration"]["bakeTimeInMinutes"] = json!(i64::MAX);
        assert_eq!(Bakes::default().until("a", &baking, at(110)), None);
    }
}
