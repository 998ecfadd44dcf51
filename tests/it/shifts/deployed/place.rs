//! How far a run has seen its rollout come, by the events that it has told.

use std::path::Path;

use serde_json::Value;

use super::site::Site;

/// A place on the way: later places are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The candidate's share in tenths of a percent.
    share: u64,
    order: usize,
}

/// Before anything is touched.
pub const PLANNED: &str = "planned";

/// At one share the stages come in this order: its bake belongs to PRODUCTION_TRAFFIC_SHIFT, then the next step is asked for.
const ORDER: [&str; 10] = [
    PLANNED,
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "PRODUCTION_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

impl Place {
    /// A stage at a share in percent.
    pub fn new(stage: &str, percent: f64) -> Self {
        let order = ORDER.iter().position(|known| *known == stage);
        Self { share: (percent * 10.0) as u64, order: order.unwrap_or_else(|| panic!("{stage} has no order")) }
    }

    /// The furthest that the runs of a folder have seen; a rolling update is at SCALE_UP all the time.
    pub fn of(folder: &Path) -> Option<Self> {
        let seen = |event: &Value| {
            if event["event"] == PLANNED {
                return Some(Self::new(PLANNED, 0.0));
            }
            let progress = Some(&event["progress"]).filter(|progress| progress["kind"] == "rollout")?;
            let stage = progress["shift"]["stage"].as_str().unwrap_or("SCALE_UP");
            let order = ORDER.iter().position(|known| *known == stage)?;
            let share = progress["shift"]["share"].as_u64().unwrap_or(0);
            Some(Self { share, order })
        };
        Site::events(folder).iter().filter_map(seen).max()
    }
}
