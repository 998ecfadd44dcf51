//! What CodeDeploy answers, in few words of our own: the SDK's types end here.

use aws_sdk_codedeploy::types as sdk;
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use shipit_core::codedeploy::{Ready, Terminate};
use shipit_core::pipeline::{Share, Steps};
use shipit_scheduler::Span;

/// A deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// `d-…`.
    pub id: String,
    /// Its application's name.
    pub application: String,
    /// Its deployment group's name.
    pub group: String,
    /// CodeDeploy's word for its status.
    pub status: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ended.
    pub completed: Option<Timestamp>,
    /// What whoever made it says of it.
    pub description: String,
    /// `user`, `codeDeployRollback`, …
    pub creator: String,
    /// What it deploys.
    pub location: Location,
    /// `errorInformation`, as `CODE: message`.
    pub error: Option<String>,
    /// The deployment that takes it back.
    pub rolled_back_by: Option<String>,
    /// The deployment that it takes back.
    pub rolls_back: Option<String>,
    /// What CodeDeploy says of taking it back.
    pub rollback_message: Option<String>,
    /// On which events it is taken back.
    pub rolls_back_on: Vec<String>,
    /// All traffic has moved, and the wait before the earlier task set ends has begun.
    pub terminating: bool,
    /// What becomes of the earlier task set.
    pub terminate: Terminate,
    /// What happens before production traffic moves.
    pub ready: Ready,
    /// Test traffic has a listener of its own.
    pub tests: bool,
    /// What CodeDeploy says on the way.
    pub messages: Vec<String>,
}

/// Where the AppSpec of a deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// With CodeDeploy.
    AppSpec {
        /// The hash of its text, in hex.
        sha256: String,
    },
    /// Elsewhere, e.g. `s3://bucket/key`.
    Elsewhere {
        /// Where.
        place: String,
    },
}

/// The statuses of a deployment that has not ended.
pub const ACTIVE: [sdk::DeploymentStatus; 5] = [
    sdk::DeploymentStatus::Created,
    sdk::DeploymentStatus::Queued,
    sdk::DeploymentStatus::InProgress,
    sdk::DeploymentStatus::Baking,
    sdk::DeploymentStatus::Ready,
];

impl Deployment {
    /// Of GetDeployment's answer; nothing where it lacks id or time.
    pub fn of(info: &sdk::DeploymentInfo) -> Option<Self> {
        let rollback = info.rollback_info();
        let automatic = info.auto_rollback_configuration().filter(|automatic| automatic.enabled());
        let groups = info.blue_green_deployment_configuration();
        let pairs = info.load_balancer_info().map_or(&[][..], |balancers| balancers.target_group_pair_info_list());
        Some(Self {
            id: info.deployment_id()?.to_owned(),
            application: text(info.application_name()).unwrap_or_default(),
            group: text(info.deployment_group_name()).unwrap_or_default(),
            status: info.status().map_or("", |status| status.as_str()).to_owned(),
            created: time(info.create_time())?,
            completed: time(info.complete_time()),
            description: text(info.description()).unwrap_or_default(),
            creator: info.creator().map_or("", |creator| creator.as_str()).to_owned(),
            location: location(info.revision()),
            error: info.error_information().and_then(error),
            rolled_back_by: rollback.and_then(|rollback| text(rollback.rollback_deployment_id())),
            rolls_back: rollback.and_then(|rollback| text(rollback.rollback_triggering_deployment_id())),
            rollback_message: rollback.and_then(|rollback| text(rollback.rollback_message())),
            rolls_back_on: automatic
                .map(|automatic| automatic.events().iter().map(|event| event.as_str().to_owned()).collect())
                .unwrap_or_default(),
            terminating: info.instance_termination_wait_time_started(),
            terminate: terminate(groups),
            ready: ready(groups),
            tests: pairs.iter().any(|pair| pair.test_traffic_route().is_some_and(|route| !route.listener_arns().is_empty())),
            messages: info.deployment_status_messages().to_vec(),
        })
    }

    /// It does not go on by itself any more.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "Succeeded" | "Failed" | "Stopped")
    }

    /// CodeDeploy made it to take another back.
    pub fn is_rollback(&self) -> bool {
        self.creator == "codeDeployRollback" || self.rolls_back.is_some()
    }
}

/// The one target of a deployment: an ECS service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its lifecycle events, in order.
    pub events: Vec<LifecycleEvent>,
    /// Its task sets.
    pub task_sets: Vec<TaskSet>,
}

/// A lifecycle event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// Its name.
    pub name: String,
    /// CodeDeploy's word for its status.
    pub status: String,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What went wrong in it.
    pub trouble: Option<String>,
}

/// A task set, as CodeDeploy sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSet {
    /// `ecs-svc/…`.
    pub id: String,
    /// `Blue`, `Green`.
    pub label: String,
    /// `PRIMARY`, `ACTIVE`, `DRAINING`.
    pub role: String,
    /// Its share of production traffic.
    pub weight: Share,
}

impl Target {
    /// Of BatchGetDeploymentTargets' answer.
    pub fn of(target: &sdk::EcsTarget) -> Self {
        let event = |event: &sdk::LifecycleEvent| LifecycleEvent {
            name: text(event.lifecycle_event_name()).unwrap_or_default(),
            status: event.status().map_or("", |status| status.as_str()).to_owned(),
            started: time(event.start_time()),
            ended: time(event.end_time()),
            trouble: event.diagnostics().and_then(trouble),
        };
        let task_set = |set: &sdk::EcsTaskSet| TaskSet {
            id: text(set.identifer()).unwrap_or_default(),
            label: set.task_set_label().map_or("", |label| label.as_str()).to_owned(),
            role: text(set.status()).unwrap_or_default(),
            weight: share(set.traffic_weight()),
        };
        Self {
            events: target.lifecycle_events().iter().map(event).collect(),
            task_sets: target.task_sets_info().iter().map(task_set).collect(),
        }
    }

    /// The task set that the deployment brings.
    pub fn green(&self) -> Option<&TaskSet> {
        self.task_sets.iter().find(|set| set.label == "Green")
    }
}

/// A deployment group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its application's name.
    pub application: String,
    /// Its name.
    pub name: String,
    /// The services that it deploys: name and cluster.
    pub services: Vec<(String, String)>,
    /// The name of its deployment configuration.
    pub configuration: String,
    /// The names of its target groups.
    pub target_groups: Vec<String>,
    /// ARNs of the listeners of production traffic.
    pub production_listeners: Vec<String>,
    /// ARN of the listener of test traffic.
    pub test_listener: Option<String>,
    /// What happens before production traffic moves.
    pub ready: Ready,
    /// What becomes of the earlier task set.
    pub terminate: Terminate,
    /// Alarms that stop a deployment.
    pub alarms: Vec<String>,
    /// On which events it goes back by itself.
    pub rolls_back_on: Vec<String>,
    /// The deployment that succeeded last.
    pub succeeded: Option<String>,
    /// The deployment that was tried last.
    pub attempted: Option<String>,
}

impl Group {
    /// Of GetDeploymentGroup's answer.
    pub fn of(info: &sdk::DeploymentGroupInfo) -> Self {
        let groups = info.blue_green_deployment_configuration();
        let pair = info.load_balancer_info().and_then(|balancers| balancers.target_group_pair_info_list().first());
        let listeners = |route: Option<&sdk::TrafficRoute>| route.map(|route| route.listener_arns().to_vec()).unwrap_or_default();
        let automatic = info.auto_rollback_configuration().filter(|automatic| automatic.enabled());
        let alarms = info.alarm_configuration().filter(|alarms| alarms.enabled());
        let service = |service: &sdk::EcsService| Some((text(service.service_name())?, text(service.cluster_name())?));
        Self {
            application: text(info.application_name()).unwrap_or_default(),
            name: text(info.deployment_group_name()).unwrap_or_default(),
            services: info.ecs_services().iter().filter_map(service).collect(),
            configuration: text(info.deployment_config_name()).unwrap_or_default(),
            target_groups: pair.map_or(&[][..], |pair| pair.target_groups()).iter().filter_map(|one| text(one.name())).collect(),
            production_listeners: listeners(pair.and_then(|pair| pair.prod_traffic_route())),
            test_listener: listeners(pair.and_then(|pair| pair.test_traffic_route())).into_iter().next(),
            ready: ready(groups),
            terminate: terminate(groups),
            alarms: alarms.map_or(&[][..], |alarms| alarms.alarms()).iter().filter_map(|alarm| text(alarm.name())).collect(),
            rolls_back_on: automatic
                .map(|automatic| automatic.events().iter().map(|event| event.as_str().to_owned()).collect())
                .unwrap_or_default(),
            succeeded: info.last_successful_deployment().and_then(|last| text(last.deployment_id())),
            attempted: info.last_attempted_deployment().and_then(|last| text(last.deployment_id())),
        }
    }

    /// It deploys this service; the cluster may be named by its ARN.
    pub fn deploys(&self, service: &str, cluster: &str) -> bool {
        self.services.iter().any(|(name, of)| name == service && of.rsplit('/').next() == Some(cluster))
    }
}

/// By which steps a deployment configuration moves traffic; none where it is not one of ECS.
pub fn steps(info: &sdk::DeploymentConfigInfo) -> Option<Steps> {
    let routing = info.traffic_routing_config()?;
    let (share, minutes) = (|percent: i32| u32::try_from(percent).ok().map(Share::percent), minutes);
    match routing.r#type()?.as_str() {
        "AllAtOnce" => Some(Steps::AllAtOnce),
        "TimeBasedCanary" => {
            let canary = routing.time_based_canary()?;
            Some(Steps::Canary { share: share(canary.canary_percentage())?, bake: minutes(canary.canary_interval()) })
        }
        "TimeBasedLinear" => {
            let linear = routing.time_based_linear()?;
            Some(Steps::Linear { step: share(linear.linear_percentage())?, bake: minutes(linear.linear_interval()) })
        }
        _ => None,
    }
}

/// A time of the SDK's, to the millisecond.
pub fn time(at: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_millisecond(at?.to_millis().ok()?).ok()
}

fn text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn minutes(minutes: i32) -> Span {
    Span::seconds(u64::try_from(minutes).unwrap_or(0) * 60)
}

fn share(percent: f64) -> Share {
    // A cast saturates, and makes nothing of what is no number.
    Share((percent * 10.0).round() as u32).min(Share::ALL)
}

fn location(revision: Option<&sdk::RevisionLocation>) -> Location {
    let content = revision.and_then(|revision| text(revision.app_spec_content()?.sha256()));
    if let Some(sha256) = content {
        return Location::AppSpec { sha256 };
    }
    let bucket = revision.and_then(|revision| revision.s3_location());
    let place = match bucket {
        Some(at) => format!("s3://{}/{}", at.bucket().unwrap_or_default(), at.key().unwrap_or_default()),
        None => revision.and_then(|revision| revision.revision_type()).map_or("nowhere", |kind| kind.as_str()).to_owned(),
    };
    Location::Elsewhere { place }
}

fn error(error: &sdk::ErrorInformation) -> Option<String> {
    let code = error.code().map(|code| code.as_str());
    match (code, text(error.message())) {
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (code, message) => message.or_else(|| text(code)),
    }
}

fn trouble(diagnostics: &sdk::Diagnostics) -> Option<String> {
    let code = diagnostics.error_code().map(|code| code.as_str()).filter(|code| *code != "Success");
    match (text(diagnostics.message()), code) {
        (Some(message), _) => Some(message),
        (None, code) => text(code),
    }
}

fn ready(configuration: Option<&sdk::BlueGreenDeploymentConfiguration>) -> Ready {
    let option = configuration.and_then(|configuration| configuration.deployment_ready_option());
    match option.filter(|option| option.action_on_timeout() == Some(&sdk::DeploymentReadyAction::StopDeployment)) {
        Some(option) => Ready::Waits { minutes: u32::try_from(option.wait_time_in_minutes()).unwrap_or(0) },
        None => Ready::GoesOn,
    }
}

fn terminate(configuration: Option<&sdk::BlueGreenDeploymentConfiguration>) -> Terminate {
    let option = configuration.and_then(|configuration| configuration.terminate_blue_instances_on_deployment_success());
    match option.filter(|option| option.action() != Some(&sdk::InstanceAction::KeepAlive)) {
        Some(option) => Terminate::After { minutes: u32::try_from(option.termination_wait_time_in_minutes()).unwrap_or(0) },
        None => Terminate::Never,
    }
}
