//! Rolling's properties over a model platform that obeys slowly, sometimes fails, is sometimes not seen, and may be taken over.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use shipit_core::failure::{Again, KINDS, Kind, Stops};
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::rollout::{
    Act, Guards, Handle, Judged, OnStall, Person, Phase, Policy, Progress, Rollout, Seen, Sight, Until, Why, Wish, acted, decide,
};
use shipit_core::settled::{
    Begun, DeploymentSeen, Evidence, RolloutState, ServiceDeployment, ServiceDeployments, Settled, Status, settled,
};

/// The platform: one service, its service deployments, what becomes of them.
#[derive(Clone, Debug)]
struct Platform {
    now: i64,
    deployments: Vec<Ours>,
    primary: usize,
}

#[derive(Clone, Debug)]
struct Ours {
    id: u64,
    revision: u32,
    created: i64,
    status: Status,
    running: u32,
}

const DESIRED: u32 = 3;

/// What the platform does in one turn.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// One more task of what the service moves to.
    Advance,
    /// Nothing happens.
    Idle,
    /// The deployment in progress fails.
    Fail,
    /// A step of a rollback under way.
    Return,
    /// Someone else deploys.
    TakeOver,
    /// The look is not answered.
    Unseen,
    /// Someone asks this run to give up.
    Abort,
    /// A task stops, for one of the causes.
    Stop(usize),
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn revision(number: u32) -> Revision {
    Revision(format!("arn:aws:ecs:eu-west-1:1:task-definition/web:{number}"))
}

impl Platform {
    fn new() -> Self {
        let stable = Ours { id: 0, revision: 1, created: -1000, status: Status::Successful, running: DESIRED };
        Self { now: 0, deployments: vec![stable], primary: 0 }
    }

    fn begin(&mut self, number: u32) -> Begun {
        let id = self.deployments.len() as u64;
        let current = &mut self.deployments[self.primary];
        if current.status == Status::InProgress {
            current.status = Status::Stopped;
        }
        self.deployments.push(Ours { id, revision: number, created: self.now, status: Status::InProgress, running: 0 });
        self.primary = self.deployments.len() - 1;
        Begun {
            service: "web".into(),
            revision: revision(number),
            deployment: DeploymentId(format!("ecs-svc/{id}")),
            asked_at: at(self.now),
        }
    }

    fn stop(&mut self) -> bool {
        let current = &mut self.deployments[self.primary];
        let stoppable = current.status == Status::InProgress;
        if stoppable {
            current.status = Status::RollbackInProgress;
            current.running = 0;
        }
        stoppable
    }

    fn turn(&mut self, turn: Turn) {
        self.now += 10;
        let current = &mut self.deployments[self.primary];
        match (turn, &current.status) {
            (Turn::Advance, Status::InProgress) => {
                current.running += 1;
                if current.running == DESIRED {
                    current.status = Status::Successful;
                }
            }
            (Turn::Fail, Status::InProgress) => current.status = Status::RollbackInProgress,
            (Turn::Advance | Turn::Return, Status::RollbackInProgress) => current.status = Status::RollbackSuccessful,
            (Turn::TakeOver, _) => {
                self.begin(9);
            }
            _ => {}
        }
    }

    fn evidence(&self, begun: &Begun) -> Evidence {
        let list = self.deployments.iter().rev().filter(|one| at(one.created) >= begun.asked_at);
        let list = list.map(|one| ServiceDeployment {
            arn: format!("sd/{}", one.id),
            created_at: at(one.created),
            revision: revision(one.revision),
            status: one.status.clone(),
            reason: None,
            shift: None,
        });
        let current = &self.deployments[self.primary];
        let serving =
            if matches!(current.status, Status::RollbackInProgress | Status::RollbackSuccessful) { 1 } else { current.revision };
        let state = if current.status == Status::InProgress { RolloutState::InProgress } else { RolloutState::Completed };
        Evidence {
            at: at(self.now),
            service_deployments: ServiceDeployments::Listed { list: list.collect() },
            deployments: vec![DeploymentSeen {
                id: DeploymentId(format!("ecs-svc/{}", current.id)),
                role: "PRIMARY".into(),
                revision: revision(serving),
                rollout: state,
                reason: None,
                desired: DESIRED,
                running: current.running,
                pending: 0,
                failed: 0,
            }],
            desired: DESIRED,
            running: current.running,
            pending: 0,
            events: Vec::new(),
        }
    }

    fn rolling_back(&self) -> bool {
        matches!(self.deployments[self.primary].status, Status::RollbackInProgress)
    }
}

fn turns() -> impl proptest::strategy::Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        8 => Just(Turn::Advance), 4 => Just(Turn::Idle), 1 => Just(Turn::Fail), 2 => Just(Turn::Return),
        1 => Just(Turn::TakeOver), 2 => Just(Turn::Unseen), 1 => Just(Turn::Abort), 2 => (0..KINDS.len()).prop_map(Turn::Stop),
    ];
    prop::collection::vec(turn, 0..40)
}

fn policy() -> Policy {
    Policy {
        patience: SignedDuration::from_secs(600),
        on_stall: OnStall::TurnBack,
        before: None,
        guards: Guards::new(),
        bake: SignedDuration::ZERO,
        until: Until::Deployed,
    }
}

fn policies() -> impl proptest::strategy::Strategy<Value = Policy> {
    (10..200i64, prop_oneof![Just(OnStall::TurnBack), Just(OnStall::Leave)], prop::bool::weighted(0.9)).prop_map(
        |(patience, on_stall, before)| Policy {
            patience: SignedDuration::from_secs(patience),
            on_stall,
            before: before.then(|| revision(1)),
            ..policy()
        },
    )
}

proptest! {
    #[test]
    fn a_rollout_is_safe_and_ends(policy in policies(), turns in turns()) {
        let mut platform = Platform::new();
        let mut rollout = Rollout::new();
        let mut wish = Wish::GoOn;
        let mut begun_ours = 0;
        let mut causes: Vec<Kind> = Vec::new();
        // Whatever the turns were, an idle platform and patience that runs out end every rollout.
        let endless = turns.into_iter().chain(std::iter::repeat_n(Turn::Idle, 120));
        for turn in endless {
            if matches!(turn, Turn::Abort) { wish = Wish::Abort; }
            if let Turn::Stop(kind) = turn { causes.push(KINDS[kind]); }
            let stops: Stops = causes.iter().copied().collect();
            platform.turn(turn);
            let sight = match &rollout.phase {
                Phase::Rolling { begun } | Phase::Returning { begun, .. } if !matches!(turn, Turn::Unseen) => {
                    let evidence = platform.evidence(begun);
                    Sight::Deployment { settled: settled(begun, &evidence), progress: Progress::of(&evidence, begun, &begun.revision), shift: None }
                }
                _ => Sight::Nothing,
            };
            let seen = Seen { at: at(platform.now), sight: sight.clone(), wish, stops, judged: Judged::Missing, person: Person::Away };
            let decision = decide(&policy, rollout.clone(), &seen);
            prop_assert_eq!(&decision, &decide(&policy, rollout.clone(), &seen), "deciding twice on the same sight decides the same");
            if platform.rolling_back() && sight != Sight::Nothing {
                prop_assert_eq!(&decision.act, &None, "nothing is acted while a rollback is under way");
            }
            prop_assert!(!matches!(decision.act, Some(Act::Proceed { .. })), "rolling has no pause to answer");
            match &decision.rollout.phase {
                Phase::TurningBack { why: Why::Hopeless { cause, stops }, .. } => {
                    prop_assert_eq!(cause.again(), Again::Same, "only what trying again cannot help");
                    prop_assert_eq!(*stops, causes.iter().filter(|stopped| *stopped == cause).count());
                    prop_assert!(*stops >= 2 && sight != Sight::Nothing);
                }
                Phase::Rolling { .. } if sight != Sight::Nothing => {
                    let twice = causes.iter().any(|cause| {
                        cause.again() == Again::Same && causes.iter().filter(|other| *other == cause).count() >= 2
                    });
                    prop_assert!(!twice, "a second stop for the same deterministic cause is the last one waited for");
                }
                _ => {}
            }
            rollout = decision.rollout;
            match decision.act {
                Some(Act::Begin) => {
                    begun_ours += 1;
                    prop_assert_eq!(begun_ours, 1, "the change is asked for once");
                    rollout = acted(rollout, Handle::Begun(platform.begin(2)));
                }
                Some(Act::TurnBack) => {
                    prop_assert!(policy.before.is_some(), "there is something to go back to");
                    let handle = if platform.stop() { Handle::Stopping } else { Handle::Begun(platform.begin(1)) };
                    rollout = acted(rollout, handle);
                }
                Some(Act::Proceed { .. }) | None => {}
            }
            if let Phase::Promoted { .. } = &rollout.phase {
                prop_assert!(platform.deployments.iter().any(|one| one.revision == 2 && one.status == Status::Successful));
            }
            if let Phase::TurnedBack { to, .. } = &rollout.phase {
                prop_assert_eq!(to, &revision(1), "the revision that was captured is back");
            }
            if rollout.phase.is_final() { break; }
        }
        prop_assert!(rollout.phase.is_final(), "every run ends: {:?}", rollout.phase);
        let stays = decide(&policy, rollout.clone(), &Seen { at: at(platform.now), sight: Sight::Nothing, wish, stops: Stops::default(), judged: Judged::Missing, person: Person::Away });
        prop_assert_eq!(stays.rollout, rollout, "final is final");
    }

    #[test]
    fn never_done_unless_id_revision_and_status_are_ours(
        statuses in prop::collection::vec((0..3u32, -30..30i64, 0..10usize), 0..6),
        primary in (1..3u64, 1..3u32, 0..3usize, 2..4u32, 0..2u32),
        supported in any::<bool>(),
    ) {
        let all = [Status::Pending, Status::InProgress, Status::Successful, Status::StopRequested, Status::Stopped,
            Status::RollbackRequested, Status::RollbackInProgress, Status::RollbackSuccessful, Status::RollbackFailed, Status::Other("NEW".into())];
        let list: Vec<ServiceDeployment> = statuses.iter().enumerate().map(|(n, (number, created, status))| ServiceDeployment {
            arn: format!("sd/{n}"), created_at: at(*created), revision: revision(*number), status: all[*status].clone(), reason: None, shift: None,
        }).collect();
        let states = [RolloutState::InProgress, RolloutState::Completed, RolloutState::Failed, RolloutState::Other("NEW".into())];
        let (id, number, state, running, pending) = primary;
        let begun = Begun { service: "web".into(), revision: revision(1), deployment: DeploymentId("ecs-svc/1".into()), asked_at: at(0) };
        let evidence = Evidence {
            at: at(40),
            service_deployments: if supported { ServiceDeployments::Listed { list: list.clone() } } else { ServiceDeployments::Unsupported },
            deployments: vec![DeploymentSeen { id: DeploymentId(format!("ecs-svc/{id}")), role: "PRIMARY".into(), revision: revision(number),
                rollout: states[state].clone(), reason: None, desired: 3, running, pending, failed: 0 }],
            desired: 3, running, pending, events: Vec::new(),
        };
        if let Settled::Done { .. } = settled(&begun, &evidence) {
            if supported {
                let ours = list.iter().filter(|one| one.revision == begun.revision && one.created_at >= begun.asked_at).min_by_key(|one| one.created_at);
                prop_assert_eq!(ours.map(|one| &one.status), Some(&Status::Successful));
            } else {
                prop_assert!(id == 1 && number == 1 && states[state] == RolloutState::Completed && running == 3 && pending == 0);
            }
        }
    }
}

fn rolling(stops: &[Kind], before: Option<Revision>) -> (Phase, Option<Act>) {
    let mut platform = Platform::new();
    let begun = platform.begin(2);
    let policy = Policy { before, ..policy() };
    let sight = Sight::Deployment { settled: Settled::Pending, progress: Progress::default(), shift: None };
    let seen = Seen {
        at: at(10),
        sight,
        wish: Wish::GoOn,
        stops: stops.iter().copied().collect(),
        judged: Judged::Missing,
        person: Person::Away,
    };
    let decision = decide(&policy, Rollout::in_phase(Phase::Rolling { begun }), &seen);
    (decision.rollout.phase, decision.act)
}

#[test]
fn the_second_stop_for_a_deterministic_cause_turns_back_and_no_number_of_others_does() {
    for kind in KINDS {
        for stops in 0..30 {
            let (phase, act) = rolling(&vec![*kind; stops], Some(revision(1)));
            let expected = (kind.again() == Again::Same && stops >= 2).then_some(Act::TurnBack);
            assert_eq!(act, expected, "{stops} of {kind}: {phase:?}");
        }
    }
    assert_eq!(rolling(&[Kind::ImageMissing, Kind::SecretMissing], Some(revision(1))).1, None, "of each only one");
}

#[test]
fn where_there_is_nothing_to_go_back_to_the_reason_is_not_lost() {
    let (phase, act) = rolling(&[Kind::ImageMissing, Kind::ImageMissing], None);
    assert_eq!(act, None);
    let failed = Box::new(Why::Hopeless { cause: Kind::ImageMissing, stops: 2 });
    assert_eq!(phase, Phase::Stuck { why: Why::NothingBefore { failed } });
}
