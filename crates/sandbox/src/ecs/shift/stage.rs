//! `lifecycleStage` in the API's words.

use shipit_scheduler::Stage;

/// All stages with their words, in ECS's order.
pub(super) const STAGES: [(Stage, &str); 11] = [
    (Stage::ReconcileService, "RECONCILE_SERVICE"),
    (Stage::PreScaleUp, "PRE_SCALE_UP"),
    (Stage::ScaleUp, "SCALE_UP"),
    (Stage::PostScaleUp, "POST_SCALE_UP"),
    (Stage::TestTrafficShift, "TEST_TRAFFIC_SHIFT"),
    (Stage::PostTestTrafficShift, "POST_TEST_TRAFFIC_SHIFT"),
    (Stage::PreProductionTrafficShift, "PRE_PRODUCTION_TRAFFIC_SHIFT"),
    (Stage::ProductionTrafficShift, "PRODUCTION_TRAFFIC_SHIFT"),
    (Stage::PostProductionTrafficShift, "POST_PRODUCTION_TRAFFIC_SHIFT"),
    (Stage::BakeTime, "BAKE_TIME"),
    (Stage::CleanUp, "CLEAN_UP"),
];

/// The word on the wire.
pub(super) fn word(stage: Stage) -> &'static str {
    STAGES.iter().find(|(other, _)| *other == stage).map_or("", |(_, word)| word)
}

/// The stage of a word.
pub(super) fn read(word: &str) -> Option<Stage> {
    STAGES.iter().find(|(_, other)| *other == word).map(|(stage, _)| *stage)
}
