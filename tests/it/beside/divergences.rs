//! Where ministack 1.5.33 is known to differ from ECS, and so from the sandbox. Read in its `services/ecs.py`, seen by
//! running it; each is asserted, so that a newer ministack which does better shortens this list.

use super::state::{State, Tasks};
use super::story::Story;

/// One known difference.
pub struct Divergence {
    /// What differs, and what ECS does (with the place in the reference).
    pub what: &'static str,
    /// Whether it shows, first in the sandbox, then in ministack.
    pub shown: fn(&Story, &Story) -> bool,
    /// Takes it out of a story.
    pub fold: fn(&mut Story),
}

/// The reviewed list.
pub const KNOWN: &[Divergence] = &[
    Divergence {
        what: "ministack lists no service deployments (`_list_service_deployments` is a stub), so shipit decides by the PRIMARY \
               of its own call and says that the evidence is weaker; ECS lists every deployment",
        shown: |sandbox, ministack| {
            let evidence = |story: &Story, words: &str| {
                [&story.good, &story.again].iter().all(|run| matches!(run.members("evidence")[..], [said] if said == words))
            };
            sandbox.listed.as_array().is_some_and(|listed| listed.len() == 4)
                && ministack.listed.as_array().is_some_and(Vec::is_empty)
                && evidence(sandbox, "service deployment")
                && evidence(ministack, "weaker evidence")
        },
        fold: |story| story.runs_mut().into_iter().for_each(|run| run.forget("evidence")),
    },
    Divergence {
        what: "ministack's first deployment is born COMPLETED (`_make_deployment`), before any task runs; on ECS it is \
               IN_PROGRESS until steady",
        shown: |sandbox, ministack| {
            sandbox.made[0].primary().rollout == "IN_PROGRESS"
                && ministack.made.iter().all(|state| state.primary().rollout == "COMPLETED")
        },
        fold: |story| {
            story.made.iter_mut().for_each(|state| state.deployments[0].rollout.clear());
            story.made.dedup();
        },
    },
    Divergence {
        what: "ministack says COMPLETED first and drains the earlier tasks then (`_complete_service_deployment`); on ECS COMPLETED \
               comes after they are gone",
        shown: |sandbox, ministack| {
            let early = |story: &Story| {
                [&story.good, &story.again]
                    .map(|run| run.states.iter().any(|state| is_completed(state) && state.leaving().count() > 0))
            };
            early(sandbox) == [false, false] && early(ministack) == [true, true]
        },
        fold: |story| story.runs_mut().into_iter().for_each(|run| run.drop_states(is_draining)),
    },
    Divergence {
        what: "ministack keeps a FAILED deployment in the list for ever, so the services-stable waiter never accepts; on ECS the \
               list collapses to one after a rollback",
        shown: |sandbox, ministack| {
            let kept = |story: &Story| [&story.crash, &story.again].map(|run| has_failed(run.states.last().unwrap()));
            kept(sandbox) == [false, false] && kept(ministack) == [true, true]
        },
        fold: |story| {
            let in_crash = story.crash.states.iter_mut().filter(|state| is_completed(state));
            for state in in_crash.chain(&mut story.again.states) {
                state.deployments.retain(|deployment| deployment.rollout != "FAILED");
            }
            story.runs_mut().into_iter().for_each(|run| run.states.dedup());
        },
    },
    Divergence {
        what: "ministack does not wait for what a container `dependsOn`: a task whose first container has crashed is RUNNING for \
               a moment; on ECS it never is",
        shown: |sandbox, ministack| {
            let ran = |story: &Story| story.crashed.iter().filter(|task| !task["startedAt"].is_null()).count();
            ran(sandbox) == 0 && ran(ministack) == ministack.crashed.len()
        },
        fold: |story| {
            let candidates = story.crash.states.iter_mut().flat_map(|state| &mut state.deployments);
            candidates
                .filter(|deployment| deployment.revision == "backend:3")
                .for_each(|deployment| deployment.tasks = Tasks::Fewer);
            story.crash.states.dedup();
        },
    },
    Divergence {
        what: "ministack rolls back by making the earlier deployment PRIMARY again; ECS makes a new deployment of the earlier \
               revision",
        shown: |sandbox, ministack| {
            sandbox.crash.primary() != sandbox.good.primary() && ministack.crash.primary() == ministack.good.primary()
        },
        fold: nothing,
    },
    Divergence {
        what: "ministack's words for a broken circuit are its own, and its tasks are `startedBy` the service's name, so shipit \
               cannot tell which task of the deployment failed; on ECS `startedBy` is the deployment's id",
        shown: |sandbox, ministack| {
            let started_by = |story: &Story, is: fn(&str) -> bool| {
                story.crashed.len() >= 3 && story.crashed.iter().all(|task| task["startedBy"].as_str().is_some_and(is))
            };
            let because =
                |story: &Story| story.crash.members("because").last().map(|because| because.to_string()).unwrap_or_default();
            started_by(sandbox, |by| by.starts_with("ecs-svc/"))
                && started_by(ministack, |by| by == "backend")
                && because(sandbox).contains("api exited with 1")
                && because(sandbox).contains("rolled back because the circuit breaker threshold was exceeded")
                && because(ministack).contains(
                    "tripped and no failed task could be seen: ECS deployment circuit breaker was triggered after 3 consecutive \
                     task failures.",
                )
        },
        fold: |story| {
            story.crash.forget("because");
            story.crash.forget("next");
        },
    },
    Divergence {
        what: "health is no signal for ministack: `healthStatus` is the literal UNKNOWN and `healthCheck` is not run; on ECS a \
               task is waited for until it is HEALTHY",
        shown: |sandbox, ministack| {
            let health = |story: &Story, word: &str| {
                story.running.len() == 2 && story.running.iter().all(|task| task["healthStatus"] == word)
            };
            health(sandbox, "HEALTHY") && health(ministack, "UNKNOWN")
        },
        fold: nothing,
    },
    Divergence {
        what: "ministack's service events are placeholders: every change `has begun draining connections on 1 tasks`, nothing is \
               started, stopped, completed or steady",
        shown: |sandbox, ministack| {
            let says = |story: &Story, words: &str| {
                let events = story.again.service["events"].as_array().cloned().unwrap_or_default();
                events.iter().any(|event| event["message"].as_str().is_some_and(|message| message.contains(words)))
            };
            ["has started 2 tasks", "deployment completed.", "has reached a steady state."]
                .iter()
                .all(|words| says(sandbox, words) && !says(ministack, words))
                && says(ministack, "has begun draining connections on 1 tasks.")
                && !says(sandbox, "draining")
        },
        fold: nothing,
    },
];

/// What is compared does not have it.
fn nothing(_: &mut Story) {}

fn is_completed(state: &State) -> bool {
    state.primary().rollout == "COMPLETED"
}

fn has_failed(state: &State) -> bool {
    state.deployments.iter().any(|deployment| deployment.rollout == "FAILED")
}

/// The candidate is all there and the earlier tasks have begun to go.
fn is_draining(state: &State) -> bool {
    state.primary().tasks == Tasks::All && state.leaving().any(|other| other.tasks == Tasks::Fewer || is_completed(state))
}
