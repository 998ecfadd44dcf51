//! The order of stages and of traffic, for each strategy, with and without hooks and test listener.

use crate::world::{START, TARGET, World, is_settled, notes};
use shipit_scheduler::{Action, Answer, DeploymentId, Note, Pattern, Service, Share, Shift, Span, Stage, Weights};

pub const BAKE: Span = Span::seconds(600);
const STEP_BAKE: Span = Span::seconds(120);
pub const CANARY: Pattern = Pattern::Canary { share: Share::percent(10), bake: STEP_BAKE };
pub const LINEAR: Pattern = Pattern::Linear { step: Share::percent(40), bake: STEP_BAKE };
pub const EVERYWHERE: [Stage; 7] = [
    Stage::PreScaleUp,
    Stage::PostScaleUp,
    Stage::TestTrafficShift,
    Stage::PostTestTrafficShift,
    Stage::PreProductionTrafficShift,
    Stage::ProductionTrafficShift,
    Stage::PostProductionTrafficShift,
];

pub fn shift(pattern: Pattern, hooks: &[Stage], test_listener: bool) -> Shift {
    Shift { pattern, bake: BAKE, hooks: hooks.iter().copied().collect(), test_listener }
}

pub fn shifted(shift: Shift) -> World {
    let mut service = Service::settled(3, 0, START);
    service.health = TARGET;
    service.shift(1, shift, START);
    World::good(service)
}

/// The stages that were entered, with their rounds.
pub fn stages(world: &World) -> Vec<(Stage, u32)> {
    let entered = |note: &Note| match note {
        Note::StageEntered { stage, round, .. } => Some((*stage, *round)),
        _ => None,
    };
    notes(world).iter().filter_map(entered).collect()
}

/// What the candidate got, one after another.
pub fn routes(world: &World) -> Vec<(u32, u32)> {
    let actions = world.looks.iter().flat_map(|look| &look.step.actions);
    let route = |action: &Action| match action {
        Action::Route { weights, .. } => Some((weights.test.0, weights.production.0)),
        Action::Start { .. } | Action::Stop { .. } => None,
    };
    actions.filter_map(route).collect()
}

/// The order of the lifecycle stages, for so many steps of production traffic.
fn order(steps: u32) -> Vec<(Stage, u32)> {
    let before = [Stage::PreScaleUp, Stage::ScaleUp, Stage::PostScaleUp, Stage::TestTrafficShift, Stage::PostTestTrafficShift];
    let mut order: Vec<_> = before.map(|stage| (stage, 0)).into();
    for step in 0..steps {
        order.extend([(Stage::PreProductionTrafficShift, step), (Stage::ProductionTrafficShift, step)]);
    }
    order.extend([Stage::PostProductionTrafficShift, Stage::BakeTime, Stage::CleanUp].map(|stage| (stage, steps - 1)));
    order
}

#[test]
fn each_strategy_goes_through_its_stages_in_order() {
    let rows: [(Pattern, u32, &[u32]); 5] = [
        (Pattern::AllAtOnce, 1, &[1000]),
        (CANARY, 2, &[100, 1000]),
        (LINEAR, 3, &[400, 800, 1000]),
        (Pattern::Linear { step: Share::ALL, bake: STEP_BAKE }, 1, &[1000]),
        (Pattern::Canary { share: Share(1), bake: STEP_BAKE }, 2, &[1, 1000]),
    ];
    for (pattern, steps, shares) in rows {
        for hooks in [&[][..], &EVERYWHERE[..]] {
            for test_listener in [false, true] {
                let row = format!("{pattern:?} {} hooks, test listener: {test_listener}", hooks.len());
                let mut world = shifted(shift(pattern, hooks, test_listener));
                world.obey_and_answer(Answer::Passed);
                assert_eq!(stages(&world), order(steps), "{row}");
                let test = if test_listener { 1000 } else { 0 };
                let mut expected: Vec<_> = shares.iter().map(|share| (test, *share)).collect();
                if test_listener {
                    expected.insert(0, (1000, 0));
                }
                assert_eq!(routes(&world), expected, "{row}");
                assert!(is_settled(&world.service, world.now), "{row}: {:?}", world.service);
                assert_eq!(world.service.shifting, None, "{row}");
                assert_eq!(world.service.serving(), [(DeploymentId(2), Weights::ALL)], "{row}");
            }
        }
    }
}
