//! What a rollout that goes back has cost: since when its candidate had traffic, where, and since when it has none any more.

use jiff::Timestamp;
use shipit_core::analysis::Toll;
use shipit_core::journal::Fact;
use shipit_core::pipeline::Share;
use shipit_core::rollout::{Phase, Route};
use shipit_core::settled::ShiftSeen;

use super::judging::Told;
use super::rollout::Rolling;
use crate::port::Watched;

/// What the looks at one rollout have shown of its traffic.
#[derive(Debug, Default)]
pub struct Counting {
    traffic: Traffic,
    groups: Option<[String; 2]>,
    back: Option<Timestamp>,
}

/// Whether the candidate was seen with production traffic.
#[derive(Clone, Copy, Debug, Default)]
enum Traffic {
    #[default]
    Unseen,
    /// It was seen, and had none.
    NotYet,
    /// It was seen to get it.
    Since(Timestamp),
    /// It had it when it was first seen.
    Before,
}

impl Counting {
    /// After a look.
    pub fn look(&mut self, phase: &Phase, shift: &ShiftSeen, at: Timestamp) {
        let share = match phase {
            Phase::Rolling { .. } | Phase::Returning { route: Route::Inside, .. } => shift.production,
            // In a deployment of its own the share is that of what comes back.
            Phase::Returning { .. } => shift.production.map(|share| Share(Share::ALL.0.saturating_sub(share.0))),
            _ => None,
        };
        let has_any = share.is_some_and(|share| share > Share::NONE);
        self.traffic = match self.traffic {
            Traffic::Unseen if has_any => Traffic::Before,
            Traffic::Unseen if share.is_some() => Traffic::NotYet,
            Traffic::NotYet if has_any => Traffic::Since(at),
            known => known,
        };
        let has_had = matches!(self.traffic, Traffic::Since(_) | Traffic::Before);
        if matches!(phase, Phase::Returning { .. }) && has_had {
            self.back = self.back.or(Some(at)).filter(|_| share == Some(Share::NONE));
        }
        if let (Phase::Rolling { .. }, Some(candidate), Some(stable)) =
            (phase, shift.candidate_groups.first(), shift.stable_groups.first())
        {
            self.groups = Some([candidate.clone(), stable.clone()]);
        }
    }

    /// Since when the earlier revision has all traffic again; none where it was not seen to lose any, or to get it back.
    pub fn back(&self) -> Option<Timestamp> {
        self.back
    }
}

impl Rolling<'_> {
    /// What it has cost. A run that did not see the candidate get its traffic takes the time of the deployment and the plan's groups.
    pub(super) async fn toll(&self, counting: &Counting) -> Option<Toll> {
        self.roll.shift()?;
        let entries = self.journal.entries();
        let began = || {
            let of_step = entries.iter().filter(|entry| entry.step == *self.step);
            of_step.filter(|entry| matches!(entry.fact, Fact::Began { .. })).map(|entry| entry.at).min()
        };
        let planned = || self.roll.wiring.first().map(|pair| [pair.candidate().to_owned(), pair.stable().to_owned()]);
        let [candidate, stable] = counting.groups.clone().or_else(planned)?;
        let since = match counting.traffic {
            Traffic::Since(at) => at,
            Traffic::Unseen | Traffic::NotYet | Traffic::Before => began()?,
        };
        let watched = Watched {
            service: &self.roll.ecs_service,
            candidate: &candidate,
            stable: &stable,
            since,
            at: self.context.clock.now(),
            metrics: &[],
            alarms: &[],
        };
        // It is asked once: whoever may not read metrics, or meets CloudWatch busy, goes without the numbers.
        let samples = self.context.ports.metrics.look(&watched).await.ok()?;
        Told::default().tell(self.context, &self.roll.service, &samples);
        Toll::of(&samples)
    }
}
