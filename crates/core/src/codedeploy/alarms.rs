//! Which alarms stop a deployment of CodeDeploy: those of its group, and the judge's with them.

use serde::{Deserialize, Serialize};

use super::CodeDeploySeen;
use crate::analysis::Judge;

/// So many alarms a deployment can have (CodeDeploy's quotas).
pub const MOST_ALARMS: usize = 10;

/// `overrideAlarmConfiguration` of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarms {
    /// None is sent: those of the deployment group hold.
    #[default]
    OfGroup,
    /// These, by name, and no others.
    These(Vec<String>),
    /// None at all: the revision is known to work, and an alarm that the other one raised would stop its return.
    Off,
}

impl CodeDeploySeen {
    /// The alarms of a deployment that this judge guards: what is sent takes the place of the group's.
    pub fn heeds(&self, judge: Option<&Judge>) -> Alarms {
        let more = judge.iter().flat_map(|judge| &judge.alarms).filter(|name| !self.alarms.contains(name));
        let more: Vec<&String> = more.collect();
        match more.is_empty() {
            true => Alarms::OfGroup,
            false => Alarms::These(self.alarms.iter().chain(more).cloned().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    #[test]
    fn the_judges_alarms_are_sent_with_those_of_the_group_for_they_take_their_place() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        let group = CodeDeploySeen { alarms: names(&["own", "both"]), ..seen() };
        let judge = |alarms: &[&str]| Judge { alarms: names(alarms), ..Judge::default() };
        assert_eq!(group.heeds(None), Alarms::OfGroup);
        assert_eq!(group.heeds(Some(&judge(&["both"]))), Alarms::OfGroup);
        assert_eq!(group.heeds(Some(&judge(&["both", "mine"]))), Alarms::These(names(&["own", "both", "mine"])));
    }
}
