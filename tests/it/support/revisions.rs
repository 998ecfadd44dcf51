//! Task definition revisions, and how their tasks behave.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use shipit_core::release::Revision;

use super::routed::Quality;
use super::surroundings::{ACCOUNT, REGION};

/// What becomes of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It runs and passes its checks.
    Healthy,
    /// Its process exits before the task is RUNNING.
    Crashes,
    /// It runs and fails its checks.
    FailsChecks,
    /// It stays on its way for ever.
    NeverStarts,
}

/// One revision.
pub struct Registered {
    pub arn: Revision,
    /// As DescribeTaskDefinition answers it.
    pub definition: Value,
    pub tags: BTreeMap<String, String>,
    pub behaviour: Behaviour,
    /// How production traffic fares on it.
    pub quality: Quality,
}

/// All revisions of all families; their places are the scheduler's numbers for them.
#[derive(Default)]
pub struct Revisions {
    pub all: Vec<Registered>,
    /// How tasks of revisions registered from now on behave, by family.
    pub behaviour: BTreeMap<String, Behaviour>,
    /// How production traffic fares on them.
    pub quality: BTreeMap<String, Quality>,
    /// The user that registers.
    pub identity: String,
}

impl Revisions {
    /// RegisterTaskDefinition.
    pub fn register(&mut self, definition: &Value, at: Timestamp) -> Revision {
        let family = definition["family"].as_str().expect("a definition has a family").to_owned();
        let number = 1 + self.all.iter().filter(|known| known.arn.family() == family).count();
        let arn = Revision(format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:{number}"));
        let mut definition = definition.clone();
        let map = definition.as_object_mut().expect("a definition is an object");
        for member in shipit_core::taskdef::READ_ONLY {
            assert!(!map.contains_key(*member), "`{member}` is read-only and was sent");
        }
        let tags = map.remove("tags").unwrap_or_default();
        for (member, value) in [
            ("taskDefinitionArn", json!(arn)),
            ("revision", json!(number)),
            ("status", json!("ACTIVE")),
            ("volumes", json!([])),
            ("registeredAt", json!(at.as_millisecond() as f64 / 1000.0)),
            ("registeredBy", json!(format!("arn:aws:iam::{ACCOUNT}:user/{}", self.identity))),
        ] {
            map.insert(member.into(), value);
        }
        let tags = tags.as_array().into_iter().flatten().map(|tag| {
            (tag["key"].as_str().unwrap_or_default().to_owned(), tag["value"].as_str().unwrap_or_default().to_owned())
        });
        let behaviour = self.behaviour.get(&family).copied().unwrap_or(Behaviour::Healthy);
        let quality = self.quality.get(&family).copied().unwrap_or(Quality::GOOD);
        self.all.push(Registered { arn: arn.clone(), definition, tags: tags.collect(), behaviour, quality });
        arn
    }

    /// Its place.
    pub fn place(&self, arn: &Revision) -> Option<u64> {
        self.all.iter().position(|known| known.arn == *arn).and_then(|place| u64::try_from(place).ok())
    }

    /// The revision at a place.
    pub fn at(&self, place: u64) -> &Registered {
        &self.all[usize::try_from(place).unwrap()]
    }

    /// Every task of this revision that starts from now on behaves so.
    pub fn behave(&mut self, arn: &Revision, behaviour: Behaviour) {
        let place = self.place(arn).expect("a registered revision");
        self.all[usize::try_from(place).unwrap()].behaviour = behaviour;
    }
}
