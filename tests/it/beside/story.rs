//! What is done on a platform, and all that is seen of it.

use std::fmt;

use serde_json::{Value, json};

use super::state::State;
use super::world::{Ran, World};

/// All that was seen on one platform.
#[derive(Debug)]
pub struct Story {
    /// From CreateService to the first steady state.
    pub made: Vec<State>,
    /// To another good revision.
    pub good: Run,
    /// To one whose tasks exit with 1.
    pub crash: Run,
    /// Back to the first, after the failure.
    pub again: Run,
    /// ListServiceDeployments at the end.
    pub listed: Value,
    /// The tasks that run at the end.
    pub running: Vec<Value>,
    /// Tasks that ended because a container exited, soon after the crash.
    pub crashed: Vec<Value>,
}

/// One run of shipit.
#[derive(Debug)]
pub struct Run {
    /// The distinct states of the service, in order.
    pub states: Vec<State>,
    /// shipit's exit code.
    pub exit: Option<i32>,
    /// What a person or a program was told, without progress, names of runs and times.
    pub told: Vec<Value>,
    /// DescribeServices at the end.
    pub service: Value,
}

impl Story {
    /// Makes the service and rolls it three times.
    pub async fn of(world: &World) -> Self {
        let made = world.make().await;
        let good = Run::to(world, "backend:2").await;
        let crash = Run::to(world, "backend:3").await;
        let mut crashed = world.tasks("STOPPED").await;
        crashed.retain(|task| task["stopCode"] == "EssentialContainerExited");
        let again = Run::to(world, "backend:1").await;
        let listed = world.call("ecs", "ListServiceDeployments", json!({"cluster": "prod", "service": "backend"})).await;
        Self {
            made,
            good,
            crash,
            again,
            listed: listed["serviceDeployments"].clone(),
            running: world.tasks("RUNNING").await,
            crashed,
        }
    }

    /// The runs, in order.
    pub fn runs(&self) -> [&Run; 3] {
        [&self.good, &self.crash, &self.again]
    }

    /// See [`Story::runs`].
    pub fn runs_mut(&mut self) -> [&mut Run; 3] {
        [&mut self.good, &mut self.crash, &mut self.again]
    }
}

impl Run {
    async fn to(world: &World, revision: &str) -> Self {
        let (states, Ran { exit, events }) = world.watch(world.shipit(&["rollback", "backend", "--to", revision])).await;
        let told = events.into_iter().filter(is_compared).map(timeless).collect();
        Self { states, exit, told, service: world.service().await }
    }

    /// All of these members in what was told, however deep.
    pub fn members(&self, name: &str) -> Vec<&Value> {
        let mut found = Vec::new();
        self.told.iter().for_each(|event| find(event, name, &mut found));
        found
    }

    /// Leaves these members out of what was told after the plan.
    pub fn forget(&mut self, name: &str) {
        let after = self.told.iter_mut().filter(|event| event["event"] != "planned");
        after.for_each(|event| remove(event, &[name]));
    }

    /// Leaves such states out.
    pub fn drop_states(&mut self, such: fn(&State) -> bool) {
        self.states.retain(|state| !such(state));
        self.states.dedup();
    }

    /// The PRIMARY deployment's id at the end.
    pub fn primary(&self) -> &Value {
        let deployments = self.service["deployments"].as_array().unwrap();
        &deployments.iter().find(|deployment| deployment["status"] == "PRIMARY").unwrap()["id"]
    }
}

/// Neither progress nor a dossier, which is full of names of tasks.
fn is_compared(event: &Value) -> bool {
    event["event"] != "step_progress" && event["event"] != "dossier"
}

fn timeless(mut event: Value) -> Value {
    remove(&mut event, &["at", "run", "resume", "took_ms"]);
    event
}

fn remove(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !names.contains(&name.as_str()));
            members.values_mut().for_each(|member| remove(member, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove(item, names)),
        _ => {}
    }
}

fn find<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name));
            members.values().for_each(|member| find(member, name, found));
        }
        Value::Array(items) => items.iter().for_each(|item| find(item, name, found)),
        _ => {}
    }
}

/// What must be equal, a line each.
impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "made:")?;
        self.made.iter().try_for_each(|state| writeln!(f, "  {state:?}"))?;
        for run in self.runs() {
            writeln!(f, "run, exit {:?}:", run.exit)?;
            run.states.iter().try_for_each(|state| writeln!(f, "  {state:?}"))?;
            run.told.iter().try_for_each(|event| writeln!(f, "  told {event}"))?;
            for member in ["status", "taskDefinition", "desiredCount", "runningCount", "pendingCount"] {
                writeln!(f, "  {member} {}", run.service[member])?;
            }
        }
        Ok(())
    }
}
