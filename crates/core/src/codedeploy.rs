//! What CodeDeploy does with a service, as it was seen, and which of its deployment configurations moves traffic as wanted.

mod alarms;
mod pause;

use std::fmt;

use serde::{Deserialize, Serialize};
use shipit_scheduler::Span;

use crate::pipeline::{Share, Shift, Steps};

pub use alarms::{Alarms, MOST_ALARMS};
pub use pause::NoPause;

/// A minute, in milliseconds: CodeDeploy counts no shorter time.
const MINUTE: u64 = 60_000;
/// The longest that a traffic shift of ECS may take, in minutes (CodeDeploy's quotas: 120 hours).
const LONGEST_SHIFT: u64 = 120 * 60;

/// The deployment group of a service whose deployment controller is CODE_DEPLOY.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeDeploySeen {
    /// The application's name.
    pub application: String,
    /// The deployment group's name.
    pub group: String,
    /// The deployment configuration of the group: how traffic moves unless a deployment names another.
    pub configuration: String,
    /// By which steps that one moves it; none where it does not exist any more, or moves no traffic by steps.
    pub steps: Option<Steps>,
    /// ARNs of the target groups, the one that serves production traffic first.
    pub target_groups: Vec<String>,
    /// ARNs of the listeners of production traffic.
    pub production_listeners: Vec<String>,
    /// ARN of the listener of test traffic.
    pub test_listener: Option<String>,
    /// What kind of load balancer moves the traffic.
    pub balancer: Balancer,
    /// That load balancer's ARN: a dimension of its metrics.
    pub load_balancer: Option<String>,
    /// What happens when the new version is ready for production traffic.
    pub ready: Ready,
    /// What becomes of the earlier version once it has no traffic any more.
    pub terminate: Terminate,
    /// Alarms that stop a deployment, by name; none where they are switched off.
    pub alarms: Vec<String>,
    /// On which events the group goes back by itself (`DEPLOYMENT_FAILURE`, …); none where it does not.
    pub rolls_back_on: Vec<String>,
    /// The functions that every deployment calls.
    pub hooks: Hooks,
}

/// What kind of load balancer stands before a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balancer {
    /// It can divide traffic by shares.
    Application,
    /// CodeDeploy moves its traffic all at once only.
    Network,
}

/// `deploymentReadyOption`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// CONTINUE_DEPLOYMENT: traffic moves at once.
    GoesOn,
    /// STOP_DEPLOYMENT: it waits to be continued for so many minutes, then stops.
    Waits {
        /// How long.
        minutes: u32,
    },
}

/// `terminateBlueInstancesOnDeploymentSuccess`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terminate {
    /// KEEP_ALIVE.
    Never,
    /// TERMINATE, after so many minutes.
    After {
        /// How long.
        minutes: u32,
    },
}

/// The `Hooks` of the AppSpec of the last deployment that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hooks {
    /// Lifecycle event and function, in order; none where there are none, or nothing was deployed yet.
    Known(Vec<(String, String)>),
    /// The AppSpec lies where shipit does not read: a deployment by shipit goes without its hooks.
    Elsewhere {
        /// Where.
        place: String,
    },
}

/// A deployment configuration that moves traffic as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// It is there: the group's own, or one of AWS's.
    Known {
        /// Its name.
        name: String,
    },
    /// It is made where it is not there yet.
    Custom {
        /// Its name.
        name: String,
    },
}

impl Configuration {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Configuration::Known { name } | Configuration::Custom { name } => name,
        }
    }
}

/// AWS's own deployment configurations for ECS.
const PREDEFINED: [(&str, Steps); 5] = [
    ("CodeDeployDefault.ECSAllAtOnce", Steps::AllAtOnce),
    ("CodeDeployDefault.ECSCanary10Percent5Minutes", canary(10, 5)),
    ("CodeDeployDefault.ECSCanary10Percent15Minutes", canary(10, 15)),
    ("CodeDeployDefault.ECSLinear10PercentEvery1Minutes", linear(10, 1)),
    ("CodeDeployDefault.ECSLinear10PercentEvery3Minutes", linear(10, 3)),
];

const fn canary(percent: u32, minutes: u64) -> Steps {
    Steps::Canary { share: Share::percent(percent), bake: Span(minutes * MINUTE) }
}

const fn linear(percent: u32, minutes: u64) -> Steps {
    Steps::Linear { step: Share::percent(percent), bake: Span(minutes * MINUTE) }
}

impl CodeDeploySeen {
    /// The deployment configuration for a wish.
    ///
    /// # Errors
    /// Why CodeDeploy cannot fulfil it for this service.
    pub fn configuration_for(&self, shift: &Shift) -> Result<Configuration, Misfit> {
        if self.balancer == Balancer::Network && shift.steps != Steps::AllAtOnce {
            return Err(Misfit::Network);
        }
        if let Some(wanted) = shift.terminate_after.filter(|wanted| !self.terminate.is(*wanted)) {
            return Err(Misfit::Termination { wanted, group: Box::new(self.clone()) });
        }
        if self.steps == Some(shift.steps) {
            return Ok(Configuration::Known { name: self.configuration.clone() });
        }
        match PREDEFINED.iter().find(|(_, steps)| *steps == shift.steps) {
            Some((name, _)) => Ok(Configuration::Known { name: (*name).to_owned() }),
            None => Ok(Configuration::Custom { name: custom(shift.steps)? }),
        }
    }
}

impl Terminate {
    /// How long the earlier version is kept, in minutes; not at all waited for where it is never ended.
    pub fn minutes(self) -> u64 {
        match self {
            Terminate::Never => 0,
            Terminate::After { minutes } => minutes.into(),
        }
    }

    fn is(self, wanted: Span) -> bool {
        matches!(self, Terminate::After { minutes } if u64::from(minutes) * MINUTE == wanted.0)
    }
}

/// The name of a configuration of these steps: two of the same name are the same.
fn custom(steps: Steps) -> Result<String, Misfit> {
    let (word, share, bake, bakes) = match steps {
        // Predefined: never custom.
        Steps::AllAtOnce => return Ok(PREDEFINED[0].0.to_owned()),
        Steps::Canary { share, bake } => ("canary", share, bake, 1),
        Steps::Linear { step, bake } => ("linear", step, bake, u64::from(1000_u32.div_ceil(step.0.max(1)).saturating_sub(1))),
    };
    if share.0 % 10 != 0 || share.0 == 0 || share >= Share::ALL {
        return Err(Misfit::Share { share });
    }
    if bake.0 % MINUTE != 0 || bake.0 == 0 {
        return Err(Misfit::Bake { bake });
    }
    let minutes = bake.0 / MINUTE;
    if minutes.saturating_mul(bakes) > LONGEST_SHIFT {
        return Err(Misfit::TooLong { minutes: minutes.saturating_mul(bakes) });
    }
    Ok(format!("shipit-ecs-{word}-{}-percent-{minutes}-minutes", share.0 / 10))
}

/// Why CodeDeploy cannot move traffic as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Behind a Network Load Balancer traffic moves all at once.
    Network,
    /// A share that is no whole percent between 1 and 99.
    Share {
        /// It.
        share: Share,
    },
    /// A time that is no whole number of minutes.
    Bake {
        /// It.
        bake: Span,
    },
    /// The shift takes longer than 120 hours.
    TooLong {
        /// How long.
        minutes: u64,
    },
    /// How long the earlier version is kept is a thing of the deployment group.
    Termination {
        /// What is wanted.
        wanted: Span,
        /// What the group has.
        group: Box<CodeDeploySeen>,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Network => write!(f, "behind a Network Load Balancer CodeDeploy moves traffic all at once only"),
            Misfit::Share { share } => write!(f, "CodeDeploy takes shares of 1% to 99% in whole percents, not {share}"),
            Misfit::Bake { bake } => write!(f, "CodeDeploy waits whole minutes, not {} s", bake.0 / 1000),
            Misfit::TooLong { minutes } => {
                write!(f, "CodeDeploy shifts for 120 hours at most, and this would take {} hours", minutes.div_ceil(60))
            }
            Misfit::Termination { wanted, group } => match group.terminate {
                Terminate::Never => write!(f, "deployment group `{}` never ends the earlier version", group.group),
                Terminate::After { minutes } => write!(
                    f,
                    "deployment group `{}` keeps the earlier version for {minutes} minutes, not {}",
                    group.group,
                    wanted.0 / MINUTE
                ),
            },
        }
    }
}

impl Misfit {
    /// What to do, ready to be typed where possible.
    pub fn remedy(&self) -> String {
        match self {
            Misfit::Network => "`strategy: { blue_green: {} }`".to_owned(),
            Misfit::Share { share } => {
                let (below, above) = ((share.0 / 10).clamp(1, 99), share.0.div_ceil(10).clamp(1, 99));
                if below == above { format!("take {below}%") } else { format!("take {below}% or {above}%") }
            }
            Misfit::Bake { bake } => format!("take {}m", bake.0.div_ceil(MINUTE).max(1)),
            Misfit::TooLong { .. } => "take larger steps or shorter waits".to_owned(),
            Misfit::Termination { wanted, group } => {
                let minutes = u32::try_from(wanted.0.div_ceil(MINUTE)).unwrap_or(u32::MAX);
                format!("take `terminate_after:` out, or `{}`", update_group(group, group.ready, Terminate::After { minutes }))
            }
        }
    }
}

/// The command that lets a group wait so: `blueGreenDeploymentConfiguration` is sent as a whole.
fn update_group(group: &CodeDeploySeen, ready: Ready, terminate: Terminate) -> String {
    let ready = match ready {
        Ready::GoesOn => "actionOnTimeout=CONTINUE_DEPLOYMENT,waitTimeInMinutes=0".to_owned(),
        Ready::Waits { minutes } => format!("actionOnTimeout=STOP_DEPLOYMENT,waitTimeInMinutes={minutes}"),
    };
    let terminate = match terminate {
        Terminate::Never => "action=KEEP_ALIVE".to_owned(),
        Terminate::After { minutes } => format!("action=TERMINATE,terminationWaitTimeInMinutes={minutes}"),
    };
    format!(
        "aws deploy update-deployment-group --application-name {} --current-deployment-group-name {} \
         --blue-green-deployment-configuration \
         'terminateBlueInstancesOnDeploymentSuccess={{{terminate}}},deploymentReadyOption={{{ready}}}'",
        group.application, group.group
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn seen() -> CodeDeploySeen {
        CodeDeploySeen {
            application: "AppECS-prod-web".into(),
            group: "DgpECS-prod-web".into(),
            configuration: "ours".into(),
            steps: Some(canary(20, 7)),
            target_groups: vec!["blue".into(), "green".into()],
            production_listeners: vec!["listener".into()],
            test_listener: None,
            balancer: Balancer::Application,
            load_balancer: None,
            ready: Ready::Waits { minutes: 30 },
            terminate: Terminate::After { minutes: 5 },
            alarms: Vec::new(),
            rolls_back_on: Vec::new(),
            hooks: Hooks::Known(Vec::new()),
        }
    }

    fn asked(seen: &CodeDeploySeen, steps: Steps) -> Result<Configuration, Misfit> {
        seen.configuration_for(&Shift { steps, terminate_after: None })
    }

    #[test]
    fn the_configuration_that_moves_traffic_as_wanted_is_named() {
        let known = |name: &str| Ok(Configuration::Known { name: name.to_owned() });
        let custom = |name: &str| Ok(Configuration::Custom { name: name.to_owned() });
        for (steps, wanted) in [
            (Steps::AllAtOnce, known("CodeDeployDefault.ECSAllAtOnce")),
            (canary(10, 5), known("CodeDeployDefault.ECSCanary10Percent5Minutes")),
            (linear(10, 3), known("CodeDeployDefault.ECSLinear10PercentEvery3Minutes")),
            (canary(20, 7), known("ours")),
            (canary(10, 10), custom("shipit-ecs-canary-10-percent-10-minutes")),
            (linear(25, 2), custom("shipit-ecs-linear-25-percent-2-minutes")),
        ] {
            assert_eq!(asked(&seen(), steps), wanted, "{steps:?}");
        }
    }

    #[test]
    fn what_codedeploy_cannot_do_is_said_with_the_nearest_that_it_can() {
        let half = Steps::Canary { share: Share(105), bake: Span(5 * MINUTE) };
        let brief = Steps::Linear { step: Share::percent(20), bake: Span(90_000) };
        let days = Steps::Linear { step: Share::percent(1), bake: Span(120 * MINUTE) };
        for (steps, what, remedy) in [
            (half, "not 10.5%", "take 10% or 11%"),
            (brief, "not 90 s", "take 2m"),
            (days, "would take 198 hours", "larger steps"),
            (canary(100, 5), "not 100%", "take 99%"),
        ] {
            let misfit = asked(&seen(), steps).unwrap_err();
            assert!(misfit.to_string().contains(what) && misfit.remedy().contains(remedy), "{misfit}: {}", misfit.remedy());
        }
    }

    #[test]
    fn behind_a_network_load_balancer_traffic_moves_at_once() {
        let seen = CodeDeploySeen { balancer: Balancer::Network, ..seen() };
        assert_eq!(asked(&seen, canary(10, 5)), Err(Misfit::Network));
        assert!(asked(&seen, Steps::AllAtOnce).is_ok());
    }

    #[test]
    fn how_long_the_earlier_version_is_kept_is_the_groups_to_say() {
        let wish = |minutes| Shift { steps: Steps::AllAtOnce, terminate_after: Some(Span(minutes * MINUTE)) };
        assert!(seen().configuration_for(&wish(5)).is_ok());
        let misfit = seen().configuration_for(&wish(10)).unwrap_err();
        assert_eq!(misfit.to_string(), "deployment group `DgpECS-prod-web` keeps the earlier version for 5 minutes, not 10");
        let remedy = misfit.remedy();
        assert!(remedy.contains("terminationWaitTimeInMinutes=10}") && remedy.contains("waitTimeInMinutes=30}"), "{remedy}");
        let kept = CodeDeploySeen { terminate: Terminate::Never, ..seen() };
        assert!(kept.configuration_for(&wish(5)).unwrap_err().to_string().contains("never ends"));
    }
}
